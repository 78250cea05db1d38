// `lengthPrefixed({ onOversize: "skip" })`: a frame over the limit is one MessageError, and the stream goes on behind it.

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../src/framing/length_prefixed.ts";
import { countCopied } from "../base/count_copied.ts";
import { concat, decodeAll, drain, everyCut, frame, frameErrorOf, utf8, windowsAt } from "./decode.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const OVERSIZE = { invalid: "ERR_FRAME_TOO_LARGE" };

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A decoder of at most 3 bytes that has just refused a frame of 10, of which 4 have come; 6 are left. */
function inside() {
  const decoder = lengthPrefixed({ maxFrameBytes: 3, onOversize: "skip" }).decoder();
  decoder.push(concat(bytes(0, 0, 0, 10), utf8("0123")));
  const error = assertThrows(() => decoder.next(), MessageError);
  return { decoder, error };
}

unit("A frame that is skipped is reported by its length and the limit, as recoverable", () => {
  const { error } = inside();
  assertEquals([error.name, error.code, error.recoverable], ["MessageError", "ERR_FRAME_TOO_LARGE", true]);
  assertEquals([error.frameBytes, error.maxFrameBytes], [10, 3]);
  assertEquals(error.message, "Cannot read frame: it has 10 bytes, at most 3 are allowed");
});

const LAYOUTS: LengthPrefixedOptions[] = [
  { bytes: 1 },
  { bytes: 2, endian: "little" },
  { bytes: 3 },
  { bytes: 8 },
  { bytes: "varint" },
  { bytes: "varint", offset: 2, adjust: -1 },
  { bytes: 2, offset: 1, adjust: 1 },
];

for (const options of LAYOUTS) {
  unit(
    `lengthPrefixed(${
      JSON.stringify(options)
    }) reports a frame over the limit once and gives its neighbours, however they are cut`,
    () => {
      const { offset = 0 } = options;
      const sender = lengthPrefixed(options);
      const receiver = lengthPrefixed({ ...options, maxFrameBytes: 3, onOversize: "skip" });
      const sent = [3, 4, 1, 9, 8, 2].map((length) => new Uint8Array(offset + length).fill(length));
      const wire = concat(...sent.map((message) => sender.encode(message)));
      const expected = sent.map((message) => {
        return message.length - offset > 3 ? OVERSIZE : { message: message.subarray(offset) };
      });
      for (const chunks of everyCut(wire)) {
        assertEquals(decodeAll(receiver.decoder(), chunks), expected);
        const all = receiver.decoder();
        for (const chunk of chunks) all.push(chunk);
        assertEquals([drain(all), all.bufferedBytes], [expected, 0]);
        all.end();
      }
      for (let cut = 0; cut <= wire.length; cut++) {
        assertEquals(decodeAll(receiver.decoder(), windowsAt(wire, cut)), expected);
      }
    },
  );
}

unit("A frame of one over the limit is skipped, the limit itself is not", () => {
  for (const [length, outcome] of [[9, "message"], [10, "message"], [11, "invalid"]] as const) {
    const codec = lengthPrefixed({ maxFrameBytes: 10, onOversize: "skip" });
    const [first] = decodeAll(codec.decoder(), [frame(new Uint8Array(length))]);
    assertEquals(Object.keys(first ?? {}), [outcome]);
  }
});

unit('encode() refuses a body over the limit by a FrameError with onOversize "skip", too', () => {
  const codec = lengthPrefixed({ maxFrameBytes: 3, onOversize: "skip" });
  assertEquals(frameErrorOf(() => codec.encode(utf8("0123"))).code, "ERR_FRAME_TOO_LARGE");
});

unit("What is being skipped is not kept", () => {
  const decoder = lengthPrefixed({ maxFrameBytes: 3, onOversize: "skip" }).decoder();
  decoder.push(bytes(0, 16, 0, 0));
  assertThrows(() => decoder.next(), MessageError);
  const copied = countCopied(() => {
    for (let i = 0; i < 1_024; i++) {
      decoder.push(new Uint8Array(1_024));
      assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, 0]);
    }
  });
  assertEquals(copied, 0);
  decoder.push(frame("abc"));
  assertEquals(decoder.next(), utf8("abc"));
});

unit("A frame of 2^32 - 1 bytes is skipped as any other", () => {
  const decoder = lengthPrefixed({ onOversize: "skip" }).decoder();
  decoder.push(bytes(255, 255, 255, 255));
  assertThrows(() => decoder.next(), MessageError);
  const chunk = new Uint8Array(2 ** 20).fill(255);
  for (let left = 2 ** 32 - 1; left > 0; left -= 2 ** 20) {
    decoder.push(chunk.subarray(0, left));
    assertEquals(decoder.next(), undefined);
  }
  decoder.push(frame("next"));
  assertEquals(drain(decoder), [{ message: utf8("next") }]);
});

unit("A hundred thousand tiny frames over the limit are as many errors, and nothing is copied", () => {
  const decoder = lengthPrefixed({ bytes: 1, maxFrameBytes: 0, onOversize: "skip" }).decoder();
  const chunk = new Uint8Array(20_000).fill(1); // 10,000 frames: a length of 1 and a body of 1
  let errors = 0;
  const copied = countCopied(() => {
    for (let i = 0; i < 10; i++) {
      decoder.push(chunk);
      for (let more = true; more;) {
        try {
          more = decoder.next() !== undefined;
        } catch (error) {
          assert(error instanceof MessageError);
          errors++;
        }
      }
    }
  });
  assertEquals([errors, decoder.bufferedBytes, copied], [100_000, 0, 0]);
});

// ---- the end of the stream ----

unit("end() inside a frame that is skipped throws, after every byte of it but the last", () => {
  for (let more = 0; more <= 6; more++) {
    for (const how of ["at once", "byte by byte"]) {
      const { decoder } = inside();
      for (const chunk of how === "at once" ? [new Uint8Array(more)] : Array.from({ length: more }, () => bytes(0))) {
        decoder.push(chunk);
        assertEquals(decoder.next(), undefined);
      }
      if (more === 6) {
        decoder.end();
        continue;
      }
      const error = frameErrorOf(() => decoder.end());
      assertEquals([error.code, error.recoverable], ["ERR_FRAME_TRUNCATED", false]);
      decoder.push(frame("abc"));
      for (const call of [() => decoder.next(), () => decoder.end()]) assertEquals(frameErrorOf(call), error);
      assertEquals(decoder.bufferedBytes, 0);
    }
  }
});

unit("end() inside the header of a frame behind a skipped one throws", () => {
  const { decoder } = inside();
  decoder.push(concat(utf8("456789"), bytes(0, 0)));
  assertEquals(drain(decoder), []);
  const error = frameErrorOf(() => decoder.end());
  assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TRUNCATED", 2]);
});

// ---- handing back ----

unit("takeRest() inside a frame that is skipped throws: its tail is nobody's beginning", () => {
  const { decoder } = inside();
  const error = frameErrorOf(() => decoder.takeRest());
  assertEquals(error.code, "ERR_FRAME_TOO_LARGE");
  assertStrictEquals(frameErrorOf(() => decoder.next()), error);
  assertStrictEquals(frameErrorOf(() => decoder.end()), error);
});

unit("takeRest() gives what is behind a skipped frame", () => {
  const { decoder } = inside();
  decoder.push(utf8("456789"));
  assertEquals(drain(decoder), []);
  decoder.push(utf8("STARTTLS"));
  assertEquals([decoder.takeRest(), decoder.bufferedBytes], [utf8("STARTTLS"), 0]);
});

// ---- what cannot be skipped ----

unit("A length beyond 2^53 ends the stream even where frames are skipped, since nobody can count to its end", () => {
  for (const endian of ["big", "little"] as const) {
    const length = bytes(0, 32, 0, 0, 0, 0, 0, 0); // 2^53
    const wire = concat(endian === "big" ? length : length.reverse(), new Uint8Array(8));
    for (const chunks of everyCut(wire)) {
      const decoder = lengthPrefixed({ bytes: 8, endian, onOversize: "skip" }).decoder();
      const error = frameErrorOf(() => decodeAll(decoder, chunks));
      assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TOO_LARGE", 2 ** 53]);
      assertEquals([frameErrorOf(() => decoder.next()), decoder.bufferedBytes], [error, 0]);
    }
  }
});

unit("A length that adjust makes negative ends the stream even where frames are skipped", () => {
  const decoder = lengthPrefixed({ adjust: -5, onOversize: "skip" }).decoder();
  decoder.push(bytes(0, 0, 0, 4));
  assertEquals(frameErrorOf(() => decoder.next()).code, "ERR_FRAME_MALFORMED");
});
