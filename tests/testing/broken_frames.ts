/** Decoders that break one promise about bad frames, sizes and the rest, and how `verifyCodec` is to say so. */

import { concat } from "@std/bytes";
import { type Codec, MessageError } from "../../src/framing/mod.ts";
import { type Breach, broken, TYPED } from "./broken_decoders.ts";
import { SAMPLE_LIMIT, sampleCodec, SampleDecoder, sampleFrame, sampleFrameOf } from "./sample_codec.ts";

const BAD = "a bad frame is one MessageError, and the frames around it are whole";
const REST = "takeRest() hands back exactly what was not consumed";
const DAMAGE = "what damaged bytes are does not depend on how they are cut";

/** Frames that begin with 0xff inside are bad. */
class JudgingDecoder extends SampleDecoder {
  override next(): Uint8Array | undefined {
    const message = super.next();
    if (message?.[0] === 0xff) throw this.bad();
    return message;
  }

  bad(): Error {
    return new MessageError("it begins with ff", { code: "ERR_MESSAGE_INVALID" });
  }
}
const BAD_FRAME = sampleFrame(new Uint8Array([0xff]));

/** A correct codec with bad frames. */
export const judgingCodec: Codec<Uint8Array> = sampleCodec(() => new JudgingDecoder());

/** About bad frames and damaged bytes. */
export const BAD_BREACHES: readonly Breach[] = [
  {
    what: "takes a bad frame for the end of the stream",
    law: BAD,
    chunks: ["01ff"],
    options: { invalid: [BAD_FRAME] },
    codec: broken(
      class extends JudgingDecoder {
        override bad(): Error {
          return this.fail("ERR_FRAME_MALFORMED");
        }
      },
    ),
  },
  {
    what: "leaves a bad frame out in silence",
    law: BAD,
    chunks: ["01ff"],
    options: { invalid: [BAD_FRAME] },
    codec: broken(
      class extends SampleDecoder {
        override next(): Uint8Array | undefined {
          const message = super.next();
          return message?.[0] === 0xff ? this.next() : message;
        }
      },
    ),
  },
  {
    what: "throws the frame behind a bad one away with it",
    law: BAD,
    chunks: ["01ff00"],
    options: { invalid: [BAD_FRAME] },
    codec: broken(
      class extends JudgingDecoder {
        override bad(): Error {
          super.next();
          return super.bad();
        }
      },
    ),
  },
  {
    what: "does not consume a bad frame",
    law: "next() comes to an end",
    chunks: ["01ff"],
    options: { invalid: [BAD_FRAME] },
    codec: broken(
      class extends SampleDecoder {
        override next(): Uint8Array | undefined {
          if (this.bufferedBytes < 2 || concat(this.chunks)[1] !== 0xff) return super.next();
          throw new MessageError("it begins with ff", { code: "ERR_MESSAGE_INVALID" });
        }
      },
    ),
  },
  {
    what: "throws just any error for a message that it does not understand",
    law: TYPED,
    chunks: ["01ff"],
    options: { invalid: [BAD_FRAME] },
    codec: broken(
      class extends JudgingDecoder {
        override bad(): Error {
          return new SyntaxError("it begins with ff");
        }
      },
    ),
  },
  {
    what: "throws just any error for bytes that nobody told of",
    law: TYPED,
    chunks: ["01ff"],
    codec: broken(
      class extends JudgingDecoder {
        override bad(): Error {
          return new SyntaxError("it begins with ff");
        }
      },
    ),
  },
  {
    what: "judges a frame only when it is in one chunk",
    law: DAMAGE,
    chunks: ["01", "ff"],
    codec: broken(
      class extends JudgingDecoder {
        inOne = true;
        override push(chunk: Uint8Array): void {
          this.inOne = this.bufferedBytes === 0;
          super.push(chunk);
        }
        override next(): Uint8Array | undefined {
          return this.inOne ? super.next() : SampleDecoder.prototype.next.call(this);
        }
      },
    ),
  },
];

const LIMIT = { maxFrameBytes: SAMPLE_LIMIT, frame: sampleFrameOf };

/** About sizes: the limit, memory and work. */
export const SIZE_BREACHES: readonly Breach[] = [
  {
    what: "refuses a frame of the limit",
    law: "a frame of the limit passes",
    chunks: ["202 bytes"],
    options: { limit: LIMIT },
    codec: broken(
      class extends SampleDecoder {
        override next(): Uint8Array | undefined {
          if (this.length() === SAMPLE_LIMIT) throw this.fail("ERR_FRAME_TOO_LARGE");
          return super.next();
        }
      },
    ),
  },
  {
    what: "lets a frame over the limit pass",
    law: "a frame over the limit does not pass",
    chunks: ["202 bytes"],
    options: { limit: { ...LIMIT, maxFrameBytes: SAMPLE_LIMIT - 1 } },
    codec: sampleCodec(),
  },
  {
    what: "looks at the limit when the whole frame is there",
    law: "never more is held than the largest frame and a chunk",
    chunks: ["202 bytes", "00", "0000"],
    options: { limit: LIMIT },
    codec: broken(
      class extends SampleDecoder {
        override next(): Uint8Array | undefined {
          return this.failure === undefined && this.bufferedBytes <= this.length() ? undefined : super.next();
        }
      },
    ),
  },
  {
    what: "waits for more than it needs",
    law: "never more is held than the largest frame and a chunk",
    chunks: ["0003010203", ""],
    codec: broken(
      class extends SampleDecoder {
        ended = false;
        override next(): Uint8Array | undefined {
          return this.ended || this.bufferedBytes > 32 ? super.next() : undefined;
        }
        override end(): void {
          this.ended = true;
        }
      },
    ),
  },
  {
    what: "joins its bytes at every push",
    law: "the work is linear in the bytes",
    chunks: ["201 bytes"],
    options: { limit: LIMIT },
    codec: broken(
      class extends SampleDecoder {
        override push(chunk: Uint8Array): void {
          super.push(chunk);
          this.chunks = [concat(this.chunks)];
        }
      },
    ),
  },
  {
    what: "joins its bytes at every push by spreading them",
    law: "the work is linear in the bytes",
    chunks: ["201 bytes"],
    options: { limit: LIMIT },
    codec: broken(
      class extends SampleDecoder {
        override push(chunk: Uint8Array): void {
          super.push(chunk);
          this.chunks = [new Uint8Array(this.chunks.flatMap((part) => [...part]))];
        }
      },
    ),
  },
  {
    what: "copies what is left behind each message",
    law: "the work is linear in the bytes",
    chunks: ["2051 bytes"],
    codec: broken(
      class extends SampleDecoder {
        override consume(bytes: number): Uint8Array {
          const consumed = super.consume(bytes);
          this.chunks = this.chunks.map((chunk) => chunk.slice());
          return consumed;
        }
      },
    ),
  },
];

/** About `takeRest()`. */
export const REST_BREACHES: readonly Breach[] = [
  {
    what: "hands back nothing",
    law: REST,
    chunks: ["00"],
    codec: broken(
      class extends SampleDecoder {
        override takeRest(): Uint8Array {
          super.takeRest();
          return new Uint8Array(0);
        }
      },
    ),
  },
  {
    what: "keeps what it handed back",
    law: REST,
    chunks: ["00"],
    codec: broken(
      class extends SampleDecoder {
        override takeRest(): Uint8Array {
          return concat(this.chunks);
        }
      },
    ),
  },
  {
    what: "hands back the last chunk only",
    law: REST,
    chunks: ["01", ""],
    codec: broken(
      class extends SampleDecoder {
        override takeRest(): Uint8Array {
          const last = this.chunks.at(-1) ?? new Uint8Array(0);
          super.takeRest();
          return last;
        }
      },
    ),
  },
];
