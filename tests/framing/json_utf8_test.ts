// The JSON decoder takes the text of many small frames out of the text of their chunk. It must read what it would read
// frame by frame, whatever bytes lie side by side.

import { assertEquals } from "@std/assert";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { concat, decodeAll, drain, everyCut, frame, messagesOf, type Outcome, utf8, windowsAt } from "./decode.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What each body is by itself, the first one at the beginning of a stream: the reference. */
function oneByOne(bodies: readonly Uint8Array[]): Outcome[] {
  return bodies.map((body, i) => {
    try {
      // The runtime's decoder takes a byte order mark off unless it is told otherwise; that is right for the first one.
      return { message: JSON.parse(new TextDecoder("utf-8", { ignoreBOM: i > 0 }).decode(body)) };
    } catch {
      return { invalid: "ERR_MESSAGE_INVALID" };
    }
  });
}

const quoted = (...inner: number[]) => bytes(0x22, ...inner, 0x22);

// Texts and bytes that are no text, each as the inside of a JSON string.
const INSIDES: [what: string, body: Uint8Array][] = [
  ["ASCII", utf8('"a"')],
  ["two bytes", utf8('"ë"')],
  ["three bytes", utf8('"€"')],
  ["four bytes", utf8('"🦕"')],
  ["a byte order mark inside", utf8('"\ufeff"')],
  ["a byte order mark in front", concat(bytes(0xef, 0xbb, 0xbf), utf8('"a"'))],
  ["a lone continuation byte", quoted(0x80)],
  ["a byte that UTF-8 never has", quoted(0xff)],
  ["half of two bytes", quoted(0xc3)],
  ["two of three bytes", quoted(0xe2, 0x82)],
  ["three of four bytes", quoted(0xf0, 0x9f, 0xa6)],
  ["an overlong slash", quoted(0xc0, 0xaf)],
  ["a surrogate in UTF-8", quoted(0xed, 0xa0, 0x80)],
  ["a replacement character", utf8('"\ufffd"')],
  ["half of two bytes at the very end", bytes(0x31, 0xc3)],
  ["a lone half of two bytes", bytes(0xc3)],
  ["a continuation byte in front", bytes(0xa9, 0x31)],
  ["a null byte", bytes(0)],
  ["nothing", bytes()],
];

for (const [what, body] of INSIDES) {
  unit(`json() reads ${what} in one chunk with any other body as it does alone`, () => {
    for (const [, other] of INSIDES) {
      const bodies = [other, body, body, other];
      assertEquals(decodeAll(json().decoder(), [concat(...bodies.map((it) => frame(it)))]), oneByOne(bodies));
    }
  });

  unit(`json() reads ${what} the same however the chunk is cut`, () => {
    const bodies = [utf8('"x"'), body, utf8('"é"')];
    const wire = concat(...bodies.map((it) => frame(it)));
    for (const chunks of everyCut(wire)) assertEquals(decodeAll(json().decoder(), chunks), oneByOne(bodies));
  });
}

// A header of one byte may be 0x80 to 0xff: bytes that go together with the text on either side of it.
for (const length of [0x7f, 0x80, 0x8a, 0xa9, 0xbf, 0xc3, 0xe2, 0xf0, 0xff]) {
  unit(`json() reads bodies on both sides of a header that is 0x${length.toString(16)}`, () => {
    const codec = json({ framing: lengthPrefixed({ bytes: 1 }) });
    const long = concat(bytes(0x22), new Uint8Array(length - 2).fill(0x61), bytes(0x22));
    for (const [, before] of INSIDES) {
      for (const [, after] of INSIDES) {
        const bodies = [before, long, after];
        const wire = concat(...bodies.map((body) => lengthPrefixed({ bytes: 1 }).encode(body)));
        assertEquals(decodeAll(codec.decoder(), [wire]), oneByOne(bodies));
      }
    }
  });
}

unit("json() reads small and large frames, plain and not, side by side", () => {
  const messages: unknown[] = [];
  for (const size of [1, 100, 125, 126, 127, 128, 129, 5_000]) {
    for (const character of ["a", "ë", "€", "🦕"]) messages.push(character.repeat(size), { n: size }, character);
  }
  const codec = json();
  const wire = concat(...messages.map((message) => codec.encode(message)));
  assertEquals(messagesOf(codec.decoder(), [wire]), messages);
  for (const chunkBytes of [7, 100, 4_096]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < wire.length; at += chunkBytes) chunks.push(wire.slice(at, at + chunkBytes));
    assertEquals(messagesOf(codec.decoder(), chunks), messages);
  }
});

unit("json() reads chunks that are windows on one buffer", () => {
  const messages = [{ a: 1 }, "plain", "Zoë", { b: [1, 2] }, "🦕", 7];
  const codec = json();
  const wire = concat(...messages.map((message) => codec.encode(message)));
  for (let first = 0; first <= wire.length; first++) {
    for (let second = first; second <= wire.length; second += 3) {
      assertEquals(messagesOf(codec.decoder(), windowsAt(wire, first, second)), messages);
    }
  }
});

unit("json() reads chunks that are Buffers out of Node's pool", () => {
  const codec = json();
  const chunks = ["one", "two", "Zoë", "four"].map((message) => Buffer.from(codec.encode(message)));
  assertEquals(messagesOf(codec.decoder(), chunks), ["one", "two", "Zoë", "four"]);
});

unit("json() reads what was pushed in several chunks before the first next()", () => {
  const messages = ["plain", { a: 1 }, "Zoë", [1], "last"];
  const codec = json();
  const wire = concat(...messages.map((message) => codec.encode(message)));
  const expected = messages.map((message) => ({ message }));
  for (let cut = 0; cut <= wire.length; cut++) {
    for (const chunks of [[wire.slice(0, cut), wire.slice(cut)], windowsAt(wire, cut)]) {
      const decoder = codec.decoder();
      for (const chunk of chunks) decoder.push(chunk);
      assertEquals(drain(decoder), expected);
      decoder.end();
    }
  }
});

unit("json() reads a chunk pushed between two messages of another one", () => {
  const codec = json();
  const decoder = codec.decoder();
  const buffer = concat(codec.encode("first"), codec.encode("second"), codec.encode("Zoë"));
  const cut = codec.encode("first").length + codec.encode("second").length;
  decoder.push(buffer.subarray(0, cut));
  assertEquals(decoder.next(), "first");
  decoder.push(buffer.subarray(cut)); // the same buffer behind another window
  assertEquals([decoder.next(), decoder.next(), decoder.next()], ["second", "Zoë", undefined]);
});

unit("json() reads a chunk of the same bytes with other content, pushed again", () => {
  const codec = json();
  const decoder = codec.decoder();
  const chunk = codec.encode("one");
  decoder.push(chunk);
  assertEquals(decoder.next(), "one");
  chunk.set(codec.encode("two"));
  decoder.push(chunk);
  assertEquals(decoder.next(), "two");
});
