// Short lines are cut out of the text of their whole chunk where one character stands for one byte. They must read as they
// would line by line, whatever bytes lie side by side and wherever chunks begin.

import { assertEquals, assertLess } from "@std/assert";
import { ndjson } from "../../src/framing/ndjson.ts";
import { concat, cutAt, decodeAll, drain, everyCut, messagesOf, type Outcome, utf8, windowsAt } from "./decode.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What each line is by itself, the first one at the beginning of a stream: the reference. */
function oneByOne(lines: readonly Uint8Array[]): Outcome[] {
  return lines.map((line, i) => {
    try {
      // The runtime's decoder takes a byte order mark off unless it is told otherwise; that is right for the first one.
      return { message: JSON.parse(new TextDecoder("utf-8", { ignoreBOM: i > 0 }).decode(line)) };
    } catch {
      return { invalid: "ERR_MESSAGE_INVALID" };
    }
  });
}

const wireOf = (lines: readonly Uint8Array[], end: string) => concat(...lines.flatMap((line) => [line, utf8(end)]));
const quoted = (...inner: number[]) => bytes(0x22, ...inner, 0x22);

const LINES: [what: string, line: Uint8Array][] = [
  ["ASCII", utf8('"a"')],
  ["two bytes", utf8('"ë"')],
  ["three bytes", utf8('"€"')],
  ["four bytes", utf8('"🦕"')],
  ["a byte order mark inside", utf8('"\ufeff"')],
  ["a byte order mark in front", concat(bytes(0xef, 0xbb, 0xbf), utf8('"a"'))],
  ["a lone continuation byte", quoted(0x80)],
  ["many lone continuation bytes", quoted(0x80, 0xbf, 0x85, 0xa0)],
  ["bytes that UTF-8 never has", quoted(0xff, 0xc0, 0xf8)],
  ["half of two bytes", quoted(0xc3)],
  ["two of three bytes", quoted(0xe2, 0x82)],
  ["three of four bytes", quoted(0xf0, 0x9f, 0xa6)],
  ["an overlong slash", quoted(0xc0, 0xaf)],
  ["a surrogate in UTF-8", quoted(0xed, 0xa0, 0x80)],
  ["a replacement character", utf8('"\ufffd"')],
  ["half of two bytes in front of the end", bytes(0x31, 0xc3)],
  ["a lone half of two bytes", bytes(0xc3)],
  ["a continuation byte in front", bytes(0xa9, 0x31)],
  ["a null byte", bytes(0)],
  ["no-break space, which is no space of JSON", utf8("\u00a0")],
];

for (const [what, line] of LINES) {
  for (const end of ["\n", "\r\n"]) {
    unit(`ndjson() reads ${what} beside any other line as it does alone, with the end ${JSON.stringify(end)}`, () => {
      for (const [, other] of LINES) {
        const lines = [other, line, line, other];
        assertEquals(decodeAll(ndjson().decoder(), [wireOf(lines, end)]), oneByOne(lines));
      }
    });
  }

  unit(`ndjson() reads ${what} the same however the chunk is cut`, () => {
    const lines = [utf8('"x"'), line, utf8('"é"'), line];
    const wire = wireOf(lines, "\n");
    const expected = oneByOne(lines);
    for (const chunks of everyCut(wire)) assertEquals(decodeAll(ndjson().decoder(), chunks), expected);
    for (let cut = 0; cut <= wire.length; cut++) {
      for (let next = cut; next <= wire.length; next++) {
        assertEquals(decodeAll(ndjson().decoder(), windowsAt(wire, cut, next)), expected);
      }
    }
  });
}

const PLAIN = '{"a":1}\n"plain"\n';
const ODD = '"Zoë"\n"🦕"\n';
const CHUNKS: [what: string, chunks: Uint8Array[], expected: unknown[]][] = [
  ["a plain chunk and then one that is not", [utf8(PLAIN), utf8(ODD)], [{ a: 1 }, "plain", "Zoë", "🦕"]],
  ["a chunk that is not plain and then one that is", [utf8(ODD), utf8(PLAIN)], ["Zoë", "🦕", { a: 1 }, "plain"]],
  ["both in turn", [PLAIN, ODD, PLAIN, ODD].map(utf8), [
    ...[{ a: 1 }, "plain", "Zoë", "🦕"],
    ...[{ a: 1 }, "plain", "Zoë", "🦕"],
  ]],
  ["a line from a plain chunk to one that is not", [utf8('1\n"plain'), utf8('ë"\n2\n')], [1, "plainë", 2]],
  ["a line from a chunk that is not plain to one that is", [utf8('"ë"\n"🦕'), utf8('a"\n2\n')], ["ë", "🦕a", 2]],
  ["a character between two plain chunks", cutAt(utf8('1\n"ë"\n2\n'), 4), [1, "ë", 2]],
  ["a line over three chunks", cutAt(utf8('1\n"€uro"\n2\n'), 4, 5), [1, "€uro", 2]],
  ["Buffers out of Node's pool", ['"one"\n"tw', 'o"\n"Zoë"\n', '"four"\n'].map((it) => Buffer.from(it)), [
    ...["one", "two", "Zoë", "four"],
  ]],
];

for (const [what, chunks, expected] of CHUNKS) {
  unit(`ndjson() reads ${what}`, () => assertEquals(messagesOf(ndjson().decoder(), chunks), expected));

  unit(`ndjson() reads ${what}, all pushed before the first next()`, () => {
    const decoder = ndjson().decoder();
    for (const chunk of chunks) decoder.push(chunk);
    assertEquals(drain(decoder), expected.map((message) => ({ message })));
    assertEquals(decoder.bufferedBytes, 0);
  });
}

unit("ndjson() reads a chunk pushed between two lines of another one on the same buffer", () => {
  const wire = utf8('"first"\n"second"\n"Zoë"\n"x"\n');
  const decoder = ndjson().decoder();
  decoder.push(wire.subarray(0, 17));
  assertEquals(decoder.next(), "first");
  decoder.push(wire.subarray(17));
  assertEquals([decoder.next(), decoder.next(), decoder.next(), decoder.next()], ["second", "Zoë", "x", undefined]);
});

unit("ndjson() reads a chunk of the same bytes with other content, pushed again", () => {
  const decoder = ndjson().decoder();
  const chunk = utf8('"one"\n');
  decoder.push(chunk);
  assertEquals(decoder.next(), "one");
  chunk.set(utf8('"two"\n'));
  decoder.push(chunk);
  assertEquals(decoder.next(), "two");
});

unit("ndjson() reads a chunk that is its own rest, handed back", () => {
  const decoder = ndjson().decoder();
  for (const chunk of ['"one"\n"t', "w", 'o"\n"Zoë"\n']) decoder.push(utf8(chunk));
  assertEquals(decoder.next(), "one");
  decoder.push(decoder.takeRest());
  assertEquals([decoder.next(), decoder.next(), decoder.next()], ["two", "Zoë", undefined]);
});

unit("ndjson() reads short and long lines, plain and not, side by side", () => {
  const messages: unknown[] = [];
  for (const size of [1, 100, 125, 126, 127, 128, 129, 5_000]) {
    for (const character of ["a", "ë", "€", "🦕"]) messages.push(character.repeat(size), { n: size }, character);
  }
  const wire = concat(...messages.map((message) => ndjson().encode(message)));
  for (const chunkBytes of [7, 100, 4_096, wire.length]) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < wire.length; at += chunkBytes) chunks.push(wire.subarray(at, at + chunkBytes));
    assertEquals(messagesOf(ndjson().decoder(), chunks), messages);
  }
});

/** The sizes that `TextDecoder.prototype.decode` is asked for while `run` runs. */
function decodedSizes(run: () => void): number[] {
  const { decode } = TextDecoder.prototype;
  const define = (value: unknown) =>
    Object.defineProperty(TextDecoder.prototype, "decode", { configurable: true, writable: true, value });
  const sizes: number[] = [];
  define(function (this: TextDecoder, bytes: Uint8Array) {
    sizes.push(bytes.length);
    return decode.call(this, bytes);
  });
  try {
    run();
  } finally {
    define(decode);
  }
  return sizes;
}

unit("ndjson() asks the runtime for text once a chunk, not once a line", () => {
  const chunk = utf8('{"text":"plain"}\n\n'.repeat(100));
  const chunks = Array.from({ length: 10 }, () => chunk);
  const sizes = decodedSizes(() => assertEquals(messagesOf(ndjson().decoder(), chunks).length, 1_000));
  assertEquals(sizes, chunks.map(({ length }) => length));
});

unit("ndjson() asks for the text of a chunk once, pushed between two lines of another one, too", () => {
  const decoder = ndjson().decoder();
  const sizes = decodedSizes(() => {
    decoder.push(utf8("1\n2\n"));
    assertEquals(decoder.next(), 1);
    decoder.push(utf8("3\n".repeat(100)));
    assertEquals(drain(decoder).length, 101);
  });
  assertEquals(sizes, [4, 1, 200]); // the line left over is our own copy
});

unit("ndjson() decodes the bytes of chunks that are not plain no more than twice", () => {
  const chunk = utf8('{"text":"Zoë"}\n'.repeat(100));
  const sizes = decodedSizes(() => assertEquals(messagesOf(ndjson().decoder(), [chunk]).length, 100));
  assertLess(sizes.reduce((sum, size) => sum + size), 2 * chunk.length);
});
