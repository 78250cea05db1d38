// RFC 8259, section 8.1: a byte order mark in front of a text may be ignored. We do so once, in front of the first text
// of a stream; anywhere else it is no JSON.

import { assertEquals } from "@std/assert";
import type { Codec, FrameDecoder } from "../../src/framing/codec.ts";
import { delimited } from "../../src/framing/delimited.ts";
import { fixedLength } from "../../src/framing/fixed_length.ts";
import { FrameDecoderStream } from "../../src/framing/frame_stream.ts";
import { frames } from "../../src/framing/frames.ts";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { ndjson } from "../../src/framing/ndjson.ts";
import { netstrings } from "../../src/framing/netstrings.ts";
import { concat, decodeAll, drain, everyCut, frame, type Outcome, utf8, windowsAt } from "./decode.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const BOM = "\ufeff";
const BAD: Outcome = { invalid: "ERR_MESSAGE_INVALID" };
const OVERLONG: Outcome = { invalid: "ERR_FRAME_TOO_LARGE" };
const good = (...messages: unknown[]): Outcome[] => messages.map((message) => ({ message }));

/** The same however the bytes are cut, what the end completes included. */
function everywhere(makeDecoder: () => FrameDecoder<unknown>, wire: Uint8Array, expected: readonly Outcome[]): void {
  const check = (chunks: readonly Uint8Array[]) => {
    const decoder = makeDecoder();
    const outcomes = [...decodeAll(decoder, chunks), ...drain(decoder)];
    assertEquals(outcomes, expected, chunks.map(({ length }) => length).join());
  };
  for (const chunks of everyCut(wire)) check(chunks);
  for (let cut = 0; cut <= wire.length; cut++) check(windowsAt(wire, cut));
}

const FRAMINGS: [name: string, framing: Codec<Uint8Array>][] = [
  ["lengthPrefixed()", lengthPrefixed()],
  ["lengthPrefixed() with a varint", lengthPrefixed({ bytes: "varint" })],
  ["lengthPrefixed() that skips", lengthPrefixed({ onOversize: "skip" })],
  ["delimited()", delimited({ delimiters: ["\r\n"] })],
  ["netstrings()", netstrings()],
];

// Latin-1 and more, because plain ASCII is read in another way.
const FIRST: [text: string, value: unknown][] = [['{"a":1}', { a: 1 }], ['"ë"', "ë"], ['"🦕"', "🦕"], ["1", 1]];

for (const [name, framing] of FRAMINGS) {
  const wireOf = (...texts: string[]) => concat(...texts.map((text) => framing.encode(utf8(text))));
  const { decoder } = json({ framing });
  const makeDecoder = decoder.bind(json({ framing }));

  for (const [text, value] of FIRST) {
    unit(`json() over ${name} ignores a BOM in front of ${text}, the first text`, () => {
      everywhere(makeDecoder, wireOf(BOM + text, '{"b":2}', "3"), good(value, { b: 2 }, 3));
    });

    unit(`json() over ${name} refuses a BOM in front of ${text}, the second text`, () => {
      everywhere(makeDecoder, wireOf("1", BOM + text, "3"), [...good(1), BAD, ...good(3)]);
    });
  }

  unit(`json() over ${name} refuses a BOM behind a first text that is bad`, () => {
    everywhere(makeDecoder, wireOf("{", `${BOM}1`, "2"), [BAD, BAD, ...good(2)]);
  });

  unit(`json() over ${name} refuses two BOMs, one inside and a BOM alone`, () => {
    for (const text of [BOM + BOM + "1", `[1,${BOM}2]`, BOM, `1${BOM}`]) {
      everywhere(makeDecoder, wireOf(text, "2"), [BAD, ...good(2)]);
    }
  });

  unit(`json() over ${name} reads a long first text behind a BOM`, () => {
    const long = "x".repeat(5_000);
    assertEquals(decodeAll(makeDecoder(), [wireOf(`${BOM}"${long}"`, "2")]), good(long, 2));
  });
}

unit("json() over fixedLength() ignores a BOM in front of the first text", () => {
  const framing = fixedLength(5);
  const wire = concat(...[`${BOM}12`, "12345", `${BOM}12`].map((text) => framing.encode(utf8(text))));
  everywhere(() => json({ framing }).decoder(), wire, [...good(12, 12_345), BAD]);
});

unit("json() refuses a BOM behind a frame that was too large", () => {
  const framing = lengthPrefixed({ maxFrameBytes: 4, onOversize: "skip" });
  everywhere(() => json({ framing }).decoder(), concat(frame("12345"), frame(`${BOM}1`)), [OVERLONG, BAD]);
});

unit("a BOM in a string of the first text stays", () => {
  everywhere(() => json().decoder(), frame(`"${BOM}a"`), good(`${BOM}a`));
  everywhere(() => json().decoder(), frame(`${BOM}"${BOM}a"`), good(`${BOM}a`));
});

const STREAMS: [what: string, text: string, expected: Outcome[]][] = [
  ["in front of the first line", `${BOM}{"a":1}\n{"b":2}\n`, good({ a: 1 }, { b: 2 })],
  ["in front of a first line that is not ASCII", `${BOM}"Zoë 🦕"\r\n2\n`, good("Zoë 🦕", 2)],
  ["in front of the only line, without its end", `${BOM}1`, good(1)],
  ["on a first line that is blank else", `${BOM}\r\n1\n`, good(1)],
  ["behind blank lines", `\n \n${BOM}1\n2\n`, good(1, 2)],
  ["and nothing else", BOM, []],
  ["in front of a bad line", `${BOM}{\n1\n`, [BAD, ...good(1)]],
  ["behind a bad line", `{\n${BOM}1\n2\n`, [BAD, BAD, ...good(2)]],
  ["in front of the second line", `1\n${BOM}2\n3\n`, [...good(1), BAD, ...good(3)]],
  ["twice", `${BOM}${BOM}1\n2\n`, [BAD, ...good(2)]],
  ["on two lines", `${BOM}\n${BOM}1\n2\n`, [BAD, ...good(2)]],
  ["behind a space", ` ${BOM}1\n2\n`, [BAD, ...good(2)]],
];

for (const [what, text, expected] of STREAMS) {
  unit(`ndjson() reads a BOM ${what} the same however the bytes are cut`, () => {
    everywhere(() => ndjson().decoder(), utf8(text), expected);
  });
}

unit("ndjson() refuses a BOM behind a line that was too long", () => {
  const makeDecoder = () => ndjson({ maxFrameBytes: 4 }).decoder();
  everywhere(makeDecoder, utf8(`12345\n${BOM}1\n2\n`), [OVERLONG, BAD, ...good(2)]);
});

unit("every decoder of a codec has a first text of its own, and one that handed over begins anew", () => {
  const codec = ndjson();
  for (let i = 0; i < 2; i++) {
    const decoder = codec.decoder();
    decoder.push(utf8(`${BOM}1\n`));
    assertEquals(drain(decoder), good(1));
    decoder.push(utf8(`${BOM}2\n${BOM}`));
    assertEquals(drain(decoder), [BAD]);
    assertEquals(decoder.takeRest(), utf8(BOM));
    decoder.push(utf8(`${BOM}3\n`));
    assertEquals(drain(decoder), good(3));
  }
});

unit("a BOM that was not consumed is handed over", () => {
  const decoder = json().decoder();
  const wire = frame(`${BOM}1`);
  decoder.push(wire);
  assertEquals(decoder.takeRest(), wire);
});

Deno.test("the stream faces ignore a BOM at the beginning of a file", { permissions: "none" }, async () => {
  const file = () => new Blob([`${BOM}{"n":1}\n{"n":2}\n`]).stream();
  const expected = [{ n: 1 }, { n: 2 }];
  assertEquals(await Array.fromAsync(frames(file(), ndjson())), expected);
  assertEquals(await Array.fromAsync(file().pipeThrough(new FrameDecoderStream(ndjson()))), expected);
});
