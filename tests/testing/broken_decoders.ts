/** Decoders that break one promise about bytes, chunks and the end, and how `verifyCodec` is to say so. */

import { type Codec, type FrameDecoder, FrameError } from "../../src/framing/mod.ts";
import type { VerifyCodecOptions } from "../../src/testing/mod.ts";
import { SAMPLE_LIMIT, sampleCodec, SampleDecoder, sampleFrame } from "./sample_codec.ts";

/** A codec that breaks a law. */
export interface Breach {
  readonly what: string;
  readonly law: string;
  /** The smallest input, one string a chunk: hex, or the size of what is long. */
  readonly chunks: readonly string[];
  readonly codec: Codec<Uint8Array>;
  readonly options?: Partial<VerifyCodecOptions<Uint8Array>>;
}

const CUTS = "the messages are those that were sent, however the bytes are cut";
const WHOLE = "what is whole when the bytes end is given";
const END = "an end inside a frame is an error";
const DEAD = "a dead decoder stays dead";
export const TYPED = "errors are FrameErrors and MessageErrors";

/** The codec of a decoder. */
export const broken = (decoder: new () => FrameDecoder<Uint8Array>) => sampleCodec(() => new decoder());

/** About the bytes and their chunks. */
export const BYTE_BREACHES: readonly Breach[] = [
  {
    what: "forgets the beginning of a frame when the next chunk comes",
    law: CUTS,
    chunks: ["01", "07"],
    codec: broken(
      class extends SampleDecoder {
        override push(chunk: Uint8Array): void {
          this.consume(this.bufferedBytes);
          super.push(chunk);
        }
      },
    ),
  },
  {
    what: "takes the buffer of a chunk for the chunk",
    law: CUTS,
    chunks: ["00"],
    codec: broken(
      class extends SampleDecoder {
        override push(chunk: Uint8Array): void {
          super.push(new Uint8Array(chunk.buffer, 0, chunk.length));
        }
      },
    ),
  },
  {
    what: "takes a chunk of nothing for the end",
    law: CUTS,
    chunks: ["01", "", "07"],
    codec: broken(
      class extends SampleDecoder {
        override push(chunk: Uint8Array): void {
          if (chunk.length === 0 && this.bufferedBytes > 0) this.end();
          super.push(chunk);
        }
      },
    ),
  },
  {
    what: "hands out the same buffer for each message",
    law: CUTS,
    chunks: ["01070108"],
    codec: broken(
      class extends SampleDecoder {
        readonly scratch = new Uint8Array(SAMPLE_LIMIT);
        override next(): Uint8Array | undefined {
          const message = super.next();
          this.scratch.set(message ?? []);
          return message && this.scratch.subarray(0, message.length);
        }
      },
    ),
    options: { messages: [new Uint8Array(0), new Uint8Array([7]), new Uint8Array([8]), new Uint8Array([9])] },
  },
  {
    what: "does not decode what it encoded",
    law: CUTS,
    chunks: ["0108"],
    codec: sampleCodec(undefined, { encode: (message) => sampleFrame(message.map((byte) => byte + 1)) }),
  },
  {
    what: "gives a message twice",
    law: CUTS,
    chunks: ["00"],
    codec: broken(
      class extends SampleDecoder {
        last: Uint8Array | undefined;
        override next(): Uint8Array | undefined {
          const last = this.last;
          this.last = last === undefined ? super.next() : undefined;
          return last ?? this.last;
        }
      },
    ),
  },
  {
    what: "gives messages without an end",
    law: "next() comes to an end",
    chunks: ["00"],
    codec: broken(
      class extends SampleDecoder {
        override next(): Uint8Array | undefined {
          return this.bufferedBytes > this.length() ? this.chunks[0] : undefined;
        }
      },
    ),
  },
  {
    what: "gives undefined between two messages",
    law: "next() wants more bytes only when it needs them",
    chunks: ["00"],
    codec: broken(
      class extends SampleDecoder {
        asked = false;
        override next(): Uint8Array | undefined {
          this.asked = !this.asked;
          return this.asked ? undefined : super.next();
        }
      },
    ),
  },
  {
    what: "keeps its bytes where other decoders keep theirs",
    law: "the decoders of a codec know nothing of each other",
    chunks: ["01", "07"],
    codec: (() => {
      const only = new SampleDecoder();
      return sampleCodec(() => {
        only.failure = undefined;
        only.consume(only.bufferedBytes);
        return only;
      });
    })(),
  },
];

/** About the end of the bytes. */
export const END_BREACHES: readonly Breach[] = [
  {
    what: "ends in silence inside a frame",
    law: END,
    chunks: ["01"],
    codec: broken(
      class extends SampleDecoder {
        override end(): void {}
      },
    ),
  },
  {
    what: "does not say that the end came too early",
    law: END,
    chunks: ["01"],
    codec: broken(
      class extends SampleDecoder {
        override end(): void {
          if (this.bufferedBytes > 0) this.fail("ERR_FRAME_MALFORMED");
          super.end();
        }
      },
    ),
  },
  {
    what: "throws just any error at the end",
    law: TYPED,
    chunks: ["01"],
    codec: broken(
      class extends SampleDecoder {
        override end(): void {
          if (this.bufferedBytes > 0) throw new RangeError("too short");
        }
      },
    ),
  },
  {
    what: "loses a whole message when the next one is cut off",
    law: WHOLE,
    chunks: ["0001"],
    codec: broken(
      class extends SampleDecoder {
        // A message is given when the one behind it is whole, or by a clean end.
        held: Uint8Array | undefined;
        ended = false;
        override next(): Uint8Array | undefined {
          const message = super.next();
          if (message === undefined && !this.ended) return undefined;
          const { held } = this;
          this.held = message;
          return held ?? (message && this.next());
        }
        override end(): void {
          super.end();
          this.ended = true;
        }
      },
    ),
  },
  {
    what: "makes an error anew at each call",
    law: DEAD,
    chunks: ["01"],
    codec: broken(
      class extends SampleDecoder {
        override next(): Uint8Array | undefined {
          if (this.failure !== undefined) throw this.fail("ERR_FRAME_TRUNCATED");
          return super.next();
        }
      },
    ),
  },
  {
    what: "goes on behind the end",
    law: DEAD,
    chunks: ["01"],
    codec: broken(
      class extends SampleDecoder {
        override next(): Uint8Array | undefined {
          this.failure = undefined;
          return super.next();
        }
      },
    ),
  },
  {
    what: "collects bytes when it is dead",
    law: DEAD,
    chunks: ["01"],
    codec: broken(
      class extends SampleDecoder {
        override push(chunk: Uint8Array): void {
          this.chunks.push(chunk);
          this.bufferedBytes += chunk.length;
        }
      },
    ),
  },
  {
    what: "keeps what it held when it dies",
    law: DEAD,
    chunks: ["01"],
    codec: broken(
      class extends SampleDecoder {
        override fail(code: string): FrameError {
          return this.failure ??= new FrameError(`it died of ${code}`, { code });
        }
      },
    ),
  },
];
