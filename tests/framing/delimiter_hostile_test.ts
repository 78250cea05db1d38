import { assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import type { Codec, FrameDecoder } from "../../src/framing/codec.ts";
import { delimited } from "../../src/framing/delimited.ts";
import { fixedLength } from "../../src/framing/fixed_length.ts";
import { lines } from "../../src/framing/lines.ts";
import { netstrings } from "../../src/framing/netstrings.ts";
import { countWork } from "../../src/testing/count_work.ts";
import { concat, utf8 } from "./decode.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Takes all there is: how many messages, their bytes or characters together, and how many bad ones. */
class Tally {
  messages = 0;
  length = 0;
  invalid = 0;

  drain(decoder: FrameDecoder<string | Uint8Array>): void {
    for (;;) {
      try {
        const message = decoder.next();
        if (message === undefined) return;
        this.messages++;
        this.length += message.length;
      } catch (error) {
        if (!(error instanceof MessageError)) throw error;
        this.invalid++;
      }
    }
  }
}

type AnyCodec = Pick<Codec<never, string | Uint8Array>, "decoder">;

function* chunksOf(wire: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < wire.length; at += size) yield wire.subarray(at, at + size);
}

// ---- without end ----

const LIMIT = 10_000;

const ENDLESS: [what: string, codec: AnyCodec, piece: string, held: number][] = [
  ["lines() and a line without end", lines({ maxFrameBytes: LIMIT }), "a", LIMIT + 1],
  ["lines() and CRs without end", lines({ maxFrameBytes: LIMIT }), "\r", LIMIT + 1],
  ["lines() and half a character without end", lines({ maxFrameBytes: LIMIT, fatal: true }), "é", LIMIT + 1],
  ["delimited() and a sea of a", delimited({ delimiters: ["aaab"], maxFrameBytes: LIMIT }), "a", LIMIT + 3],
  ["delimited() and a sea of ab", delimited({ delimiters: ["ababac", "bb"], maxFrameBytes: LIMIT }), "ab", LIMIT + 5],
  ["delimited() and nothing that it knows", delimited({ delimiters: ["\r\n"], maxFrameBytes: LIMIT }), "x", LIMIT + 1],
];

for (const [what, codec, piece, held] of ENDLESS) {
  unit(`${what}: one error, memory within the limit, linear work`, () => {
    for (const size of [1, 999, 65_536]) {
      const wire = utf8(piece.repeat(Math.ceil((size === 1 ? 40_000 : 2_000_000) / piece.length)));
      const decoder = codec.decoder();
      const tally = new Tally();
      const work = countWork(() => {
        for (const chunk of chunksOf(wire, size)) {
          decoder.push(chunk);
          assertLessOrEqual(decoder.bufferedBytes, held + size);
          tally.drain(decoder);
          assertLessOrEqual(decoder.bufferedBytes, held);
        }
      });
      assertEquals([tally.messages, tally.invalid], [0, 1]);
      assertLessOrEqual(work, 5 * wire.length);
    }
  });
}

unit("delimited() goes on behind a sea of a that was over the limit", () => {
  const decoder = delimited({ delimiters: ["aaab"], maxFrameBytes: LIMIT }).decoder();
  const tally = new Tally();
  for (const chunk of chunksOf(utf8(`${"a".repeat(1_000_000)}bokaaab`), 4_096)) {
    decoder.push(chunk);
    tally.drain(decoder);
  }
  decoder.end();
  assertEquals([tally.invalid, tally.messages, tally.length], [1, 1, 2]);
});

// ---- one byte per chunk ----

const BODY = new Uint8Array(100_000).fill(0x61);

const SLOW: [what: string, codec: AnyCodec, wire: Uint8Array][] = [
  ["lines()", lines(), concat(BODY, utf8("\r\n"))],
  ["delimited()", delimited({ delimiters: ["\r\n", "b"] }), concat(BODY, utf8("\r\n"))],
  ["delimited() in a sea of a", delimited({ delimiters: [`${"a".repeat(300)}b`] }), concat(BODY, utf8("aaab"))],
  ["fixedLength()", fixedLength(BODY.length), BODY],
  ["netstrings()", netstrings(), netstrings().encode(BODY)],
];

for (const [what, codec, wire] of SLOW) {
  unit(`${what} reads a large message of one byte per chunk with linear work`, () => {
    const decoder = codec.decoder();
    const tally = new Tally();
    const work = countWork(() => {
      for (const chunk of chunksOf(wire, 1)) {
        decoder.push(chunk);
        tally.drain(decoder);
      }
    });
    assertEquals([tally.messages, decoder.bufferedBytes], [1, 0]);
    assertLess(99_000, tally.length);
    assertLessOrEqual(work, 8 * wire.length);
  });
}

for (const [what, codec, wire] of SLOW) {
  unit(`${what} does no work for a next() without a push in front of it`, () => {
    const decoder = codec.decoder();
    decoder.push(wire.subarray(0, 50_000));
    assertEquals(decoder.next(), undefined);
    const work = countWork(() => {
      for (let i = 0; i < 100; i++) assertEquals(decoder.next(), undefined);
    });
    assertLessOrEqual(work, 100);
    decoder.push(wire.subarray(50_000));
    assertEquals([decoder.next() === undefined, decoder.bufferedBytes], [false, 0]);
  });
}

// ---- a million empty messages ----

const MILLION = 1_000_000;

const EMPTY: [what: string, codec: AnyCodec, piece: string][] = [
  ["lines() and empty lines", lines(), "\n"],
  ["lines() and empty lines with CRLF", lines(), "\r\n"],
  ["delimited() and delimiters", delimited({ delimiters: [";"] }), ";"],
  ["delimited() and two kinds of delimiters", delimited({ delimiters: ["\r\n", "\r\n-"] }), "\r\n"],
  ["netstrings() and empty netstrings", netstrings(), "0:,"],
];

for (const [what, codec, piece] of EMPTY) {
  const wire = utf8(piece.repeat(MILLION));

  unit(`${what}: a million in one chunk`, () => {
    const decoder = codec.decoder();
    const tally = new Tally();
    decoder.push(wire);
    tally.drain(decoder);
    decoder.end();
    tally.drain(decoder);
    assertEquals([tally.messages, tally.length, decoder.bufferedBytes], [MILLION, 0, 0]);
  });
}

// ---- pushed faster than taken ----

const QUEUED: [what: string, codec: AnyCodec, piece: string][] = [
  ["lines()", lines(), "ab\r\n"],
  ["delimited()", delimited({ delimiters: ["\r\n", "\n"] }), "ab\r\n"],
  ["delimited() with delimiters that many bytes decide", delimited({ delimiters: ["b", "bbbbc"] }), "abbb"],
  ["fixedLength()", fixedLength(4), "abcd"],
  ["netstrings()", netstrings(), "1:a,"],
];

for (const [what, codec, piece] of QUEUED) {
  unit(`${what} reads what was pushed in a thousand chunks before the first next() with linear work`, () => {
    const wire = utf8(piece.repeat(50_000));
    const decoder = codec.decoder();
    const tally = new Tally();
    const work = countWork(() => {
      for (const chunk of chunksOf(wire, 201)) decoder.push(chunk);
      assertEquals(decoder.bufferedBytes, wire.length);
      tally.drain(decoder);
      decoder.end();
      tally.drain(decoder);
    });
    assertEquals([tally.messages, decoder.bufferedBytes], [piece === "abbb" ? 150_000 : 50_000, 0]);
    assertLessOrEqual(work, 8 * wire.length);
  });

  unit(`${what} does linear work where every message taken is followed by a push`, () => {
    const one = utf8(piece);
    const decoder = codec.decoder();
    const rounds = 20_000;
    for (let i = 0; i < rounds; i++) decoder.push(one);
    const tally = new Tally();
    const work = countWork(() => {
      for (let i = 0; i < rounds; i++) {
        if (decoder.next() !== undefined) tally.messages++;
        decoder.push(one);
      }
    });
    assertEquals(tally.messages, rounds);
    assertLessOrEqual(work, 10 * 2 * rounds * one.length);
  });
}

// ---- around the default limit ----

unit("lines() and delimited() take 1 MiB and no more unless they are told otherwise", () => {
  const most = 1_048_576;
  for (const size of [most - 1, most, most + 1]) {
    const body = new Uint8Array(size).fill(0x61);
    for (const codec of [lines(), delimited({ delimiters: ["\n"] })]) {
      const decoder = codec.decoder();
      const tally = new Tally();
      for (const chunk of chunksOf(concat(body, utf8("\nok\n")), 65_536)) {
        decoder.push(chunk);
        tally.drain(decoder);
      }
      const whole = size > most ? [1, 1, 2] : [0, 2, size + 2];
      assertEquals([tally.invalid, tally.messages, tally.length], whole);
    }
  }
});
