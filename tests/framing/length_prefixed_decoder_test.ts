// How the decoder of `lengthPrefixed` ends, dies, hands back, and what it costs.

import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { ByteQueue } from "../../src/base/byte_queue.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { concat, drain, frame, frameErrorOf, utf8 } from "./decode.ts";
import { countCopied } from "../base/count_copied.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

// ---- the end of the stream ----

unit("LengthPrefixedDecoder.end() is silent before the first byte and between frames", () => {
  const decoder = lengthPrefixed().decoder();
  decoder.end();
  decoder.push(frame("one"));
  decoder.next();
  decoder.end();
});

for (const how of ["at once", "byte by byte"]) {
  unit(`LengthPrefixedDecoder.end() throws after every byte inside a frame that came ${how}`, () => {
    const wire = concat(frame("one"), frame("four"));
    for (let length = 0; length <= wire.length; length++) {
      const decoder = lengthPrefixed().decoder();
      const part = wire.slice(0, length);
      const chunks = how === "at once" ? [part] : Array.from(part, (byte) => bytes(byte));
      let frames = 0;
      for (const chunk of chunks) {
        decoder.push(chunk);
        while (decoder.next() !== undefined) frames++;
      }
      const inside = length - (length < 7 ? 0 : length < 15 ? 7 : 15);
      assertEquals([frames, decoder.bufferedBytes], [length < 7 ? 0 : length < 15 ? 1 : 2, inside]);
      if (inside === 0) decoder.end();
      else {
        const error = frameErrorOf(() => decoder.end());
        assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TRUNCATED", inside]);
      }
    }
  });
}

unit("LengthPrefixedDecoder.end() says how many bytes were left", () => {
  const decoder = lengthPrefixed().decoder();
  decoder.push(bytes(0, 0, 0, 5, 1, 2));
  decoder.next();
  assertEquals(
    frameErrorOf(() => decoder.end()).message,
    "Cannot read frame: the stream ended with 6 bytes of an unfinished frame",
  );
});

// ---- dead decoders ----

function deadByLength() {
  const decoder = lengthPrefixed({ maxFrameBytes: 10 }).decoder();
  decoder.push(concat(frame("good"), bytes(0, 0, 1, 0), frame("never")));
  decoder.next();
  return { decoder, error: frameErrorOf(() => decoder.next()) };
}

unit("LengthPrefixedDecoder gives the frames in front of the one that kills it", () => {
  const decoder = lengthPrefixed({ maxFrameBytes: 10 }).decoder();
  decoder.push(concat(frame("good"), bytes(0, 0, 1, 0)));
  assertEquals(decoder.next(), utf8("good"));
});

unit("LengthPrefixedDecoder throws the same error at every call once it is dead", () => {
  const { decoder, error } = deadByLength();
  decoder.push(frame("more"));
  assertStrictEquals(frameErrorOf(() => decoder.next()), error);
  assertStrictEquals(frameErrorOf(() => decoder.end()), error);
  assertStrictEquals(frameErrorOf(() => decoder.next()), error);
});

unit("LengthPrefixedDecoder is dead after end() inside a frame", () => {
  const decoder = lengthPrefixed().decoder();
  decoder.push(bytes(0, 0, 0, 1));
  decoder.next();
  const error = frameErrorOf(() => decoder.end());
  decoder.push(bytes(7));
  assertStrictEquals(frameErrorOf(() => decoder.next()), error);
  assertStrictEquals(frameErrorOf(() => decoder.end()), error);
});

unit("LengthPrefixedDecoder holds nothing of what is pushed once it is dead", () => {
  const { decoder } = deadByLength();
  for (let i = 0; i < 100; i++) decoder.push(new Uint8Array(1_000));
  assertEquals(decoder.bufferedBytes, 0);
});

// ---- handing back ----

unit("LengthPrefixedDecoder.takeRest() gives the chunk's rest without a copy", () => {
  const decoder = lengthPrefixed().decoder();
  const chunk = concat(frame("one"), utf8("STARTTLS"));
  decoder.push(chunk);
  decoder.next();
  const rest = decoder.takeRest();
  assertStrictEquals(rest.buffer, chunk.buffer);
  assertEquals([rest, decoder.bufferedBytes], [utf8("STARTTLS"), 0]);
});

unit("LengthPrefixedDecoder.takeRest() gives every unconsumed byte, however the stream was cut", () => {
  const wire = concat(frame("one"), bytes(0, 0, 0, 9), utf8("half"));
  for (let cut = 0; cut <= wire.length; cut++) {
    const decoder = lengthPrefixed().decoder();
    let consumed = 0;
    for (const chunk of [wire.slice(0, cut), wire.slice(cut)]) {
      decoder.push(chunk);
      for (let body; (body = decoder.next()) !== undefined;) consumed += 4 + body.length;
    }
    assertEquals(decoder.takeRest(), wire.subarray(consumed));
  }
});

unit("LengthPrefixedDecoder.takeRest() of nothing is empty, and the decoder starts anew", () => {
  const decoder = lengthPrefixed().decoder();
  assertEquals(decoder.takeRest(), bytes());
  decoder.push(bytes(0, 0));
  decoder.takeRest();
  decoder.end();
  decoder.push(frame("again"));
  assertEquals(decoder.next(), utf8("again"));
});

unit("LengthPrefixedDecoder.bufferedBytes counts what is not consumed", () => {
  const decoder = lengthPrefixed().decoder();
  assertEquals(decoder.bufferedBytes, 0);
  decoder.push(concat(frame("one"), frame("two")));
  assertEquals(decoder.bufferedBytes, 14);
  decoder.next();
  assertEquals(decoder.bufferedBytes, 7);
  decoder.push(bytes(0));
  assertEquals(decoder.bufferedBytes, 8);
  decoder.next();
  assertEquals(decoder.bufferedBytes, 1);
});

// ---- cost ----

for (const chunkBytes of [1, 7, 1_000, 65_536]) {
  unit(`LengthPrefixedDecoder copies a frame of 1 MiB in chunks of ${chunkBytes} a constant number of times`, () => {
    const body = Uint8Array.from({ length: 1_048_576 }, (_, i) => i % 251);
    const wire = frame(body);
    const decoder = lengthPrefixed().decoder();
    let received: Uint8Array | undefined;
    const copied = countCopied(() => {
      for (let at = 0; at < wire.length; at += chunkBytes) {
        decoder.push(wire.subarray(at, at + chunkBytes));
        received = decoder.next();
      }
    });
    assertEquals(received, body);
    assert(copied >= wire.length - chunkBytes, "else nothing was counted");
    assertLessOrEqual(copied, 3 * wire.length);
  });
}

unit("LengthPrefixedDecoder copies less than a frame per chunk where frames lie across chunks", () => {
  const wire = concat(...Array.from({ length: 1_000 }, () => frame(new Uint8Array(100))));
  const decoder = lengthPrefixed().decoder();
  let frames = 0;
  const copied = countCopied(() => {
    for (let at = 0; at < wire.length; at += 4_096) {
      decoder.push(wire.subarray(at, at + 4_096));
      while (decoder.next() !== undefined) frames++;
    }
  });
  assertEquals(frames, 1_000);
  // 26 chunks, each with at most one frame of 104 bytes across its end, copied at most three times.
  assertLessOrEqual(copied, 26 * 104 * 3);
});

unit("LengthPrefixedDecoder keeps no buffer larger than the body it is waiting for", () => {
  const decoder = lengthPrefixed().decoder();
  const wire = frame(new Uint8Array(100_000));
  for (let at = 0; at < wire.length; at += 999) {
    decoder.push(wire.subarray(at, at + 999));
    const body = decoder.next();
    if (body !== undefined) assertEquals(body.buffer.byteLength, wire.length);
  }
});

unit("LengthPrefixedDecoder lets go of a chunk when next() has said that it is used up", () => {
  // It may be one of 64 KiB, and a quiet connection would keep it.
  for (const wire of [concat(frame("one"), frame("two")), new Uint8Array(0)]) {
    const decoder = lengthPrefixed().decoder();
    decoder.push(wire);
    drain(decoder);
    const queue: unknown = Reflect.get(decoder, "queue");
    assert(queue instanceof ByteQueue);
    assertEquals([queue.chunk.length, queue.stashBytes.buffer.byteLength], [0, 0]);
  }
});
