// Bytes that no honest peer sends to `lengthPrefixed`: nothing is reserved for what has not come, work is linear in the
// input, and a decoder that has failed stays so.

import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { FrameError, MessageError } from "../../src/base/errors.ts";
import type { FrameDecoder } from "../../src/framing/codec.ts";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../src/framing/length_prefixed.ts";
import { countCopied } from "../base/count_copied.ts";
import { concat, everyCut, frame, frameErrorOf, messagesOf } from "./decode.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const ENDIANS = ["big", "little"] as const;

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** The largest buffer made while `run` runs. */
function largestBuffer(run: () => void): number {
  const original = Uint8Array;
  let largest = 0;
  const counting = new Proxy(original, {
    construct(target, args, newTarget) {
      if (typeof args[0] === "number") largest = Math.max(largest, args[0]);
      return Reflect.construct(target, args, newTarget);
    },
  });
  globalThis.Uint8Array = counting;
  try {
    run();
  } finally {
    globalThis.Uint8Array = original;
  }
  return largest;
}

// ---- lengths ----

const HUGE: [what: string, bytes: 4 | 8, big: Uint8Array, value: number][] = [
  ["2^32 - 1", 4, bytes(255, 255, 255, 255), 2 ** 32 - 1],
  ["2^31", 4, bytes(128, 0, 0, 0), 2 ** 31],
  ["2^32 - 1 in 8 bytes", 8, bytes(0, 0, 0, 0, 255, 255, 255, 255), 2 ** 32 - 1],
  ["2^32 + 1", 8, bytes(0, 0, 0, 1, 0, 0, 0, 1), 2 ** 32 + 1],
  ["2^53 - 1", 8, bytes(0, 31, 255, 255, 255, 255, 255, 255), Number.MAX_SAFE_INTEGER],
  ["2^53 + 1, which is not exact", 8, bytes(0, 32, 0, 0, 0, 0, 0, 1), 2 ** 53],
  ["2^63", 8, bytes(128, 0, 0, 0, 0, 0, 0, 0), 2 ** 63],
  ["2^64 - 1", 8, new Uint8Array(8).fill(255), 2 ** 64],
];

for (const endian of ENDIANS) {
  for (const [what, width, big, value] of HUGE) {
    unit(`A length of ${what}, ${endian}-endian, is refused however it is cut, and nothing is reserved for it`, () => {
      const length = endian === "big" ? big : big.slice().reverse();
      const wire = concat(length, bytes(1, 2, 3));
      for (const chunks of everyCut(wire)) {
        const decoder = lengthPrefixed({ bytes: width, endian }).decoder();
        let error: FrameError | undefined;
        const largest = largestBuffer(() => error = frameErrorOf(() => messagesOf(decoder, chunks)));
        assertEquals([error?.code, error?.frameBytes], ["ERR_FRAME_TOO_LARGE", value]);
        assertEquals(decoder.bufferedBytes, 0);
        assertLessOrEqual(largest, 64);
      }
    });

    if (value > Number.MAX_SAFE_INTEGER) continue; // refused without a bound, too

    unit(`A length of ${what}, ${endian}-endian, without a bound reserves no more than a few times what came`, () => {
      assertLessOrEqual(unbounded(width, endian, big), 3 * 100_100);
    });
  }
}

/** The largest buffer made for 100,000 bytes of a frame that says it is huge. */
function unbounded(width: 4 | 8, endian: "big" | "little", big: Uint8Array): number {
  const decoder = lengthPrefixed({ bytes: width, endian, maxFrameBytes: Infinity }).decoder();
  const chunks = [
    endian === "big" ? big : big.slice().reverse(),
    ...Array.from({ length: 100 }, () => new Uint8Array(1_000)),
  ];
  return largestBuffer(() => {
    for (const chunk of chunks) {
      decoder.push(chunk);
      assertEquals(decoder.next(), undefined);
    }
  });
}

unit(
  "The 8 bytes of a body's length are all read: a body of 5 behind a length of 2^32 + 5 is not taken for a frame",
  () => {
    const decoder = lengthPrefixed({ bytes: 8 }).decoder();
    decoder.push(bytes(0, 0, 0, 1, 0, 0, 0, 5, 1, 2, 3, 4, 5));
    assertEquals(frameErrorOf(() => decoder.next()).frameBytes, 2 ** 32 + 5);
  },
);

// ---- drips ----

for (const options of [{}, { bytes: "varint" }, { bytes: 8, endian: "little" }, { offset: 1_000, strip: 0 }] as const) {
  unit(
    `lengthPrefixed(${JSON.stringify(options)}) copies a frame of 1 MiB, one byte a chunk, at most three times`,
    () => {
      const sender: LengthPrefixedOptions = { ...options };
      delete sender.strip;
      const wire = lengthPrefixed({ ...sender, maxFrameBytes: 2 ** 21 }).encode(
        new Uint8Array(2 ** 20 + (sender.offset ?? 0)),
      );
      const decoder = lengthPrefixed(options).decoder();
      const received: number[] = [];
      const copied = countCopied(() => {
        for (let at = 0; at < wire.length; at++) {
          decoder.push(wire.subarray(at, at + 1));
          const message = decoder.next();
          if (message !== undefined) received.push(message.length);
        }
      });
      assertEquals(received, ["strip" in options ? wire.length : 2 ** 20]);
      assert(copied >= 2 ** 20, "else nothing was counted");
      assertLessOrEqual(copied, 3 * wire.length);
    },
  );
}

unit("Empty chunks between the bytes of a frame cost nothing and change nothing", () => {
  const decoder = lengthPrefixed().decoder();
  for (const byte of frame("drip")) {
    for (let i = 0; i < 1_000; i++) decoder.push(bytes());
    assertEquals(decoder.next(), undefined);
    decoder.push(bytes(byte));
  }
  const copied = countCopied(() => assertEquals(decoder.next()?.length, 4));
  assertLessOrEqual(copied, 16);
});

// ---- a million empty frames ----

/** Counts the messages of what was pushed, which must be empty. */
function countEmpty(decoder: FrameDecoder<Uint8Array>): number {
  let frames = 0;
  for (let message; (message = decoder.next()) !== undefined; frames++) {
    if (message.length > 0) throw new Error("A frame was not empty");
  }
  return frames;
}

for (const [options, width] of [[{}, 4], [{ bytes: 1 }, 1], [{ bytes: "varint" }, 1]] as const) {
  for (const chunkBytes of [1_000_000 * width, 65_536, 1_000, 7]) {
    unit(
      `lengthPrefixed(${JSON.stringify(options)}) gives a million empty frames out of chunks of ${chunkBytes}`,
      () => {
        const wire = new Uint8Array(1_000_000 * width);
        const decoder = lengthPrefixed(options).decoder();
        let frames = 0;
        const copied = countCopied(() => {
          for (let at = 0; at < wire.length; at += chunkBytes) {
            decoder.push(wire.subarray(at, at + chunkBytes));
            frames += countEmpty(decoder);
          }
        });
        decoder.end();
        assertEquals(frames, 1_000_000);
        // Only a header that lies across two chunks is copied.
        assertLessOrEqual(copied, 2 * width * wire.length / chunkBytes);
      },
    );
  }
}

unit(
  "lengthPrefixed() gives a million empty frames, in chunks of 1,000 pushed before the first next(), linearly",
  () => {
    const wire = new Uint8Array(4_000_000);
    const decoder = lengthPrefixed().decoder();
    let frames = 0;
    const copied = countCopied(() => {
      for (let at = 0; at < wire.length; at += 1_000) decoder.push(wire.subarray(at, at + 1_000));
      frames = countEmpty(decoder);
    });
    assertEquals([frames, decoder.bufferedBytes], [1_000_000, 0]);
    assertLessOrEqual(copied, 3 * wire.length);
  },
);

// ---- garbage ----

/** Numbers from 0 to 2^32 - 1 that are the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state ^ state >>> 13) >>> 0;
  };
}

/** What a decoder makes of chunks, until it fails: sizes of messages and codes of errors. */
function outcomes(decoder: FrameDecoder<Uint8Array>, chunks: readonly Uint8Array[]): unknown[] {
  const all: unknown[] = [];
  const run = (step: () => Uint8Array | undefined | void) => {
    for (;;) {
      try {
        const message = step();
        if (message === undefined) return true;
        all.push(Array.from(message).join());
      } catch (error) {
        if (error instanceof MessageError) {
          all.push(error.message);
          continue;
        }
        assert(error instanceof FrameError, "no other error is allowed");
        all.push(error.code);
        assertEquals(decoder.bufferedBytes, 0);
        assertStrictEquals(frameErrorOf(() => decoder.next()), error);
        return false;
      }
    }
  };
  const going = chunks.every((chunk) => {
    decoder.push(chunk);
    return run(() => decoder.next());
  });
  if (going) run(() => decoder.end());
  return all;
}

const GARBAGE_OPTIONS: LengthPrefixedOptions[] = [
  { bytes: 1, adjust: -3, maxFrameBytes: 100 },
  { bytes: 1, onOversize: "skip", maxFrameBytes: 30, strip: 4 },
  { bytes: 1, onOversize: "skip", maxFrameBytes: 30, offset: 2, adjust: 5 },
  { bytes: 2, endian: "little", onOversize: "skip", maxFrameBytes: 9_000 },
  { bytes: 3, maxFrameBytes: Infinity },
  { bytes: 8, onOversize: "skip" },
  { bytes: "varint", onOversize: "skip", maxFrameBytes: 60 },
  { bytes: "varint", offset: 1, adjust: -1, strip: 1 },
];

for (const options of GARBAGE_OPTIONS) {
  unit(
    `lengthPrefixed(${Deno.inspect(options)}) makes the same of garbage however it is cut, and nothing undocumented`,
    () => {
      const random = randomNumbers(GARBAGE_OPTIONS.indexOf(options) + 1);
      const seen = new Set<number>();
      for (let round = 0; round < 200; round++) {
        const wire = Uint8Array.from(
          { length: random() % 400 },
          () => round % 2 === 0 ? random() : random() % 7 * (random() % 9),
        );
        const chunks: Uint8Array[] = [];
        for (let at = 0; at < wire.length;) {
          chunks.push(wire.slice(at, at += 1 + random() % 40));
        }
        const expected = outcomes(lengthPrefixed(options).decoder(), [wire]);
        assertEquals(outcomes(lengthPrefixed(options).decoder(), chunks), expected);
        assertEquals(outcomes(lengthPrefixed(options).decoder(), Array.from(wire, (byte) => bytes(byte))), expected);
        seen.add(expected.length);
      }
      assert(seen.size > 1, "else the garbage was all alike");
    },
  );
}

// ---- after the failure ----

const FAILURES: [what: string, options: LengthPrefixedOptions, wire: Uint8Array][] = [
  ["too large", { maxFrameBytes: 3 }, bytes(0, 0, 0, 4)],
  ["malformed", { adjust: -4 }, bytes(0, 0, 0, 3)],
  ["too short to strip", { strip: 9 }, bytes(0, 0, 0, 3)],
  ["an endless varint", { bytes: "varint" }, new Uint8Array(10).fill(255)],
];

for (const [what, options, wire] of FAILURES) {
  unit(`A decoder that failed because a frame was ${what} is dead: one error, no bytes, whatever is called`, () => {
    const decoder = lengthPrefixed(options).decoder();
    decoder.push(concat(wire, frame("abc")));
    const error = frameErrorOf(() => decoder.next());
    for (let i = 0; i < 3; i++) {
      decoder.push(frame("abc"));
      assertStrictEquals(frameErrorOf(() => decoder.next()), error);
      assertStrictEquals(frameErrorOf(() => decoder.end()), error);
      assertEquals([decoder.bufferedBytes, decoder.takeRest()], [0, bytes()]);
    }
    assertEquals(messagesOf(lengthPrefixed(options).decoder(), []), [], "a new decoder of the codec is alive");
  });
}
