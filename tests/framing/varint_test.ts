// Lengths as protobuf's varints: seven bits a byte, the lowest first, the highest bit says that more follow.

import { assertEquals, assertThrows } from "@std/assert";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { fieldBytes, writeLength } from "../../src/framing/length_field.ts";
import { concat, cutAt, decodeAll, drain, everyCut, frameErrorOf, messagesOf } from "./decode.ts";
import { MessageError } from "../../src/base/errors.ts";
import { countCopied } from "../base/count_copied.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const VARINT = { bytes: 0, little: false };

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What the decoder reads a varint as: the size it refuses, with a limit of 0. */
function lengthOf(varint: Uint8Array): number | undefined {
  const decoder = lengthPrefixed({ bytes: "varint", maxFrameBytes: 0 }).decoder();
  decoder.push(varint);
  return frameErrorOf(() => decoder.next()).frameBytes;
}

const VALUES: [value: number, wire: Uint8Array][] = [
  [1, bytes(0x01)],
  [127, bytes(0x7f)],
  [128, bytes(0x80, 0x01)],
  [150, bytes(0x96, 0x01)],
  [300, bytes(0xac, 0x02)],
  [16_383, bytes(0xff, 0x7f)],
  [16_384, bytes(0x80, 0x80, 0x01)],
  [2_097_151, bytes(0xff, 0xff, 0x7f)],
  [2_097_152, bytes(0x80, 0x80, 0x80, 0x01)],
  [268_435_455, bytes(0xff, 0xff, 0xff, 0x7f)],
  [268_435_456, bytes(0x80, 0x80, 0x80, 0x80, 0x01)],
  [2 ** 31, bytes(0x80, 0x80, 0x80, 0x80, 0x08)],
  [2 ** 32 - 1, bytes(0xff, 0xff, 0xff, 0xff, 0x0f)],
  [2 ** 32, bytes(0x80, 0x80, 0x80, 0x80, 0x10)],
  [2 ** 35, bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0x01)],
  [Number.MAX_SAFE_INTEGER, bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)],
];

for (const [value, wire] of VALUES) {
  unit(`The varint of ${value} is read and written in ${wire.length} bytes`, () => {
    assertEquals(lengthOf(wire), value);
    assertEquals(fieldBytes(value, VARINT), wire.length);
    const buffer = new Uint8Array(wire.length + 4).fill(0xcc);
    assertEquals(writeLength(buffer, 2, value, VARINT), wire.length);
    assertEquals(buffer, concat(bytes(0xcc, 0xcc), wire, bytes(0xcc, 0xcc)));
  });
}

unit("The varint of 0 is one byte, the empty frame", () => {
  const codec = lengthPrefixed({ bytes: "varint" });
  assertEquals(codec.encode(bytes()), bytes(0));
  assertEquals(messagesOf(codec.decoder(), [bytes(0, 0, 0)]), [bytes(), bytes(), bytes()]);
});

// ---- cut ----

// 2^28 and 300 in five bytes: the second one longer than it need be, but a small body.
const FIVE_BYTES: [wire: Uint8Array, length: number][] = [
  [bytes(0x80, 0x80, 0x80, 0x80, 0x01), 2 ** 28],
  [bytes(0xac, 0x82, 0x80, 0x80, 0x00), 300],
];

for (const [wire, length] of FIVE_BYTES) {
  for (let cut = 1; cut < wire.length; cut++) {
    unit(`A varint of five bytes that says ${length} and comes cut after byte ${cut} is waited for`, () => {
      const decoder = lengthPrefixed({ bytes: "varint", maxFrameBytes: 299 }).decoder();
      const [first = bytes(), second = bytes()] = cutAt(wire, cut);
      decoder.push(first);
      assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, cut]);
      decoder.push(second);
      assertEquals(frameErrorOf(() => decoder.next()).frameBytes, length);
    });

    unit(`A stream that ends after byte ${cut} of a varint of five bytes that says ${length} is truncated`, () => {
      const decoder = lengthPrefixed({ bytes: "varint" }).decoder();
      decoder.push(wire.slice(0, cut));
      assertEquals(drain(decoder), []);
      const error = frameErrorOf(() => decoder.end());
      assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TRUNCATED", cut]);
    });
  }
}

unit("A frame behind a varint of five bytes comes whole however the two are cut", () => {
  const wire = concat(bytes(0x83, 0x80, 0x80, 0x80, 0x00), bytes(7, 8, 9), bytes(1, 5));
  for (const chunks of everyCut(wire)) {
    assertEquals(messagesOf(lengthPrefixed({ bytes: "varint" }).decoder(), chunks), [bytes(7, 8, 9), bytes(5)]);
  }
});

unit("A varint in several pushes before the first next() is read", () => {
  const decoder = lengthPrefixed({ bytes: "varint" }).decoder();
  for (const byte of concat(bytes(0x82, 0x80, 0x00, 7, 8), bytes(1, 9))) decoder.push(bytes(byte));
  assertEquals(drain(decoder), [{ message: bytes(7, 8) }, { message: bytes(9) }]);
});

// ---- longer than needed, too long, too large ----

for (let width = 2; width <= 10; width++) {
  unit(`A varint of ${width} bytes for 1, longer than it need be, is read as 1`, () => {
    const varint = concat(bytes(0x81), new Uint8Array(width - 2).fill(0x80), bytes(0));
    for (const chunks of everyCut(concat(varint, bytes(7)))) {
      assertEquals(messagesOf(lengthPrefixed({ bytes: "varint" }).decoder(), chunks), [bytes(7)]);
    }
  });
}

const TOO_LONG: [what: string, wire: Uint8Array][] = [
  ["continuation bytes only", new Uint8Array(32).fill(0xff)],
  ["empty continuation bytes only", new Uint8Array(32).fill(0x80)],
  ["eleven bytes that say 0", concat(new Uint8Array(10).fill(0x80), bytes(0))],
  ["eleven bytes, the tenth with the highest bit of 64", concat(new Uint8Array(9).fill(0x80), bytes(0x81, 0))],
  ["2^64, one bit more than 64", concat(new Uint8Array(9).fill(0x80), bytes(0x02))],
  ["seventy bits", concat(new Uint8Array(9).fill(0xff), bytes(0x7f))],
];

for (const [what, wire] of TOO_LONG) {
  unit(
    `A varint of ${what} is malformed at its tenth byte, however it is cut and even where frames are skipped`,
    () => {
      for (const onOversize of ["fail", "skip"] as const) {
        const codec = lengthPrefixed({ bytes: "varint", onOversize, maxFrameBytes: Infinity });
        for (const chunks of everyCut(wire)) {
          const error = frameErrorOf(() => decodeAll(codec.decoder(), chunks));
          assertEquals([error.code, error.recoverable], ["ERR_FRAME_MALFORMED", false]);
          assertEquals(error.message, "Cannot read frame: its length is a varint of more than 10 bytes or 64 bits");
        }
        const decoder = codec.decoder();
        decoder.push(wire.slice(0, 9));
        assertEquals(decoder.next(), undefined);
        decoder.push(wire.slice(9, 10));
        assertEquals(frameErrorOf(() => decoder.next()).code, "ERR_FRAME_MALFORMED");
        assertEquals(decoder.bufferedBytes, 0);
      }
    },
  );
}

const BEYOND: [what: string, wire: Uint8Array, value: number][] = [
  ["2^53", bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10), 2 ** 53],
  ["2^63", concat(new Uint8Array(9).fill(0x80), bytes(0x01)), 2 ** 63],
  ["2^64 - 1", concat(new Uint8Array(9).fill(0xff), bytes(0x01)), 2 ** 64],
];

for (const [what, wire, value] of BEYOND) {
  unit(`A varint of ${what} is a frame too large, for good, since nobody can count to its end`, () => {
    for (const onOversize of ["fail", "skip"] as const) {
      for (const chunks of everyCut(wire)) {
        const decoder = lengthPrefixed({ bytes: "varint", onOversize }).decoder();
        const error = frameErrorOf(() => decodeAll(decoder, chunks));
        assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TOO_LARGE", value]);
        assertEquals(frameErrorOf(() => decoder.end()), error);
      }
    }
  });
}

unit("A varint of 2^53 - 1 can be skipped only where its own bytes can be counted, too", () => {
  const wire = bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f);
  const decoder = lengthPrefixed({ bytes: "varint", onOversize: "skip" }).decoder();
  decoder.push(wire);
  assertEquals(frameErrorOf(() => decoder.next()).frameBytes, Number.MAX_SAFE_INTEGER);
  const countable = lengthPrefixed({ bytes: "varint", onOversize: "skip" }).decoder();
  countable.push(concat(bytes(0xf7), wire.subarray(1))); // 8 less: with the 8 of the field just 2^53 - 1
  assertThrows(() => countable.next(), MessageError);
  countable.push(bytes(1, 7));
  assertEquals(drain(countable), []);
});

unit("A varint of 2^35 is waited for where there is no bound", () => {
  const decoder = lengthPrefixed({ bytes: "varint", maxFrameBytes: Infinity }).decoder();
  decoder.push(bytes(0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 7));
  assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, 7]);
});

unit("A varint of ten bytes, one byte a chunk, a thousand times, costs a constant number of copies a byte", () => {
  const frame = concat(bytes(0x81), new Uint8Array(8).fill(0x80), bytes(0, 7));
  const decoder = lengthPrefixed({ bytes: "varint" }).decoder();
  let frames = 0;
  const copied = countCopied(() => {
    for (let round = 0; round < 1_000; round++) {
      for (const byte of frame) {
        decoder.push(bytes(byte));
        if (decoder.next() !== undefined) frames++;
      }
    }
  });
  assertEquals(frames, 1_000);
  assertEquals(copied <= 10 * 1_000 * frame.length, true, `${copied} bytes`);
});
