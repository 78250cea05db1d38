import { assertEquals, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import type { FrameDecoder } from "../../src/framing/codec.ts";
import { lines } from "../../src/framing/lines.ts";
import { concat, decodeAll, drain, everyCut, frameErrorOf, type Outcome, utf8 } from "./decode.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Everything, with what the end completes. */
function readAll(decoder: FrameDecoder<unknown>, chunks: readonly Uint8Array[]): Outcome[] {
  return [...decodeAll(decoder, chunks), ...drain(decoder)];
}

const asMessages = (texts: readonly string[]): Outcome[] => texts.map((message) => ({ message }));

// ---- what ends a line ----

const WIRE: [what: string, wire: string, lines: string[]][] = [
  ["nothing gives no line", "", []],
  ["an LF ends a line", "one\ntwo\n", ["one", "two"]],
  ["a CRLF ends a line", "one\r\ntwo\r\n", ["one", "two"]],
  ["LF and CRLF may be mixed", "a\r\nb\nc\r\nd\n", ["a", "b", "c", "d"]],
  ["a lone CR is part of its line", "a\rb\n\rc\nd\r", ["a\rb", "\rc", "d\r"]],
  ["CR CR LF leaves one CR", "a\r\r\nb\n", ["a\r", "b"]],
  ["LF CR LF is an empty line between two ends", "a\n\r\nb\n", ["a", "", "b"]],
  ["empty lines are lines", "\n\r\n\n", ["", "", ""]],
  ["a last line without an end counts", "one\ntwo", ["one", "two"]],
  ["an end in the last place begins no line", "one\n", ["one"]],
  ["a lone CR in the last place is a line", "\n\r", ["", "\r"]],
  ["characters of two to four bytes", "Zoë\r\n€\n🦕", ["Zoë", "€", "🦕"]],
  ["other controls end nothing", "a\vb\fc\u0085d\u2028e\0\n", ["a\vb\fc\u0085d\u2028e\0"]],
];

for (const [what, wire, expected] of WIRE) {
  unit(`lines() however it is cut: ${what}`, () => {
    for (const chunks of everyCut(utf8(wire))) {
      assertEquals(readAll(lines().decoder(), chunks), asMessages(expected));
    }
  });

  unit(`lines() with all pushed before the first next(): ${what}`, () => {
    for (const chunks of everyCut(utf8(wire))) {
      const decoder = lines().decoder();
      for (const chunk of chunks) decoder.push(chunk);
      decoder.end();
      assertEquals(drain(decoder), asMessages(expected));
    }
  });
}

unit("lines() gives a last line without an end only once the end is known", () => {
  const decoder = lines().decoder();
  decoder.push(utf8("one\ntwo"));
  assertEquals([decoder.next(), decoder.next(), decoder.bufferedBytes], ["one", undefined, 3]);
  decoder.end();
  assertEquals([decoder.next(), decoder.next(), decoder.bufferedBytes], ["two", undefined, 0]);
  decoder.end();
  assertEquals(decoder.next(), undefined);
});

unit("lines() takes pushes between two lines of one chunk", () => {
  const decoder = lines().decoder();
  decoder.push(utf8("one\ntwo\nth"));
  assertEquals(decoder.next(), "one");
  decoder.push(utf8("ree\r"));
  assertEquals(decoder.next(), "two");
  decoder.push(utf8(""));
  decoder.push(utf8("\nfo"));
  assertEquals([decoder.next(), decoder.next(), decoder.bufferedBytes], ["three", undefined, 2]);
});

// ---- text ----

const NOT_UTF8: [what: string, bytes: number[], replaced: string][] = [
  ["a byte that is never used", [0x61, 0xff, 0x62], "a\ufffdb"],
  ["a sequence that the line cuts off", [0x61, 0xe2, 0x82], "a\ufffd"],
  ["a sequence without its first byte", [0xa9], "\ufffd"],
  ["an LF in too many bytes", [0xc0, 0x8a], "\ufffd\ufffd"],
  ["half a surrogate pair", [0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
  ["a code point beyond the last", [0xf4, 0x90, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"],
];

for (const [what, bytes, replaced] of NOT_UTF8) {
  const wire = concat(utf8("é\n"), new Uint8Array(bytes), utf8("\r\n€\n"), new Uint8Array(bytes));

  unit(`lines() replaces ${what}, however it is cut`, () => {
    for (const chunks of everyCut(wire)) {
      assertEquals(readAll(lines().decoder(), chunks), asMessages(["é", replaced, "€", replaced]));
    }
  });

  unit(`lines({ fatal: true }) gives one MessageError for ${what} and goes on, however it is cut`, () => {
    const invalid = { invalid: "ERR_MESSAGE_INVALID" };
    for (const chunks of everyCut(wire)) {
      const expected = [{ message: "é" }, invalid, { message: "€" }, invalid];
      assertEquals(readAll(lines({ fatal: true }).decoder(), chunks), expected);
    }
  });
}

unit("lines() never joins the bytes of two lines to one character", () => {
  assertEquals(
    readAll(lines().decoder(), [new Uint8Array([0xc3, 0x0a, 0xa9, 0x0a])]),
    asMessages(["\ufffd", "\ufffd"]),
  );
});

unit("lines({ fatal: true }) says how long the bad line was", () => {
  const decoder = lines({ fatal: true }).decoder();
  decoder.push(new Uint8Array([0x61, 0xff, 0x0d, 0x0a]));
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals(
    [error.message, error.code, error.frameBytes, error.recoverable],
    ["Cannot read line: its 2 bytes are not UTF-8", "ERR_MESSAGE_INVALID", 2, true],
  );
});

unit("lines() keeps a byte order mark, which is text here", () => {
  const codec = lines({ fatal: true });
  assertEquals(codec.encode("\ufeffa"), new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0x0a]));
  for (const chunks of everyCut(codec.encode("\ufeffa"))) {
    assertEquals(readAll(codec.decoder(), chunks), asMessages(["\ufeffa"]));
  }
});

// ---- sending ----

unit("lines().encode() writes the bytes that the module's comment shows", () => {
  assertEquals(lines().encode("hi"), new Uint8Array([0x68, 0x69, 0x0a]));
  assertEquals(lines({ eol: "\n" }).encode("hi"), new Uint8Array([0x68, 0x69, 0x0a]));
  assertEquals(lines({ eol: "\r\n" }).encode("hi"), new Uint8Array([0x68, 0x69, 0x0d, 0x0a]));
});

for (const eol of ["\n", "\r\n"] as const) {
  const codec = lines({ eol, fatal: true });

  unit(`lines({ eol: ${JSON.stringify(eol)} }) reads what it wrote, and both ends`, () => {
    const texts = ["", "one", "a\rb", "\r\ra", "Zoë 🦕", "\0", " ", "x".repeat(5_000)];
    const wire = concat(...texts.map((text) => codec.encode(text)), utf8("lf\ncrlf\r\n"));
    assertEquals(readAll(codec.decoder(), [wire]), asMessages([...texts, "lf", "crlf"]));
  });

  const REFUSED: [line: string, message: string][] = [
    ["a\nb", "Cannot send line: it has an end of line in it, at character 1"],
    ["\n", "Cannot send line: it has an end of line in it, at character 0"],
    ["ab\r\n", "Cannot send line: it has an end of line in it, at character 3"],
    ["a\r", "Cannot send line: it ends with a CR, which would become part of its end"],
    ["\r", "Cannot send line: it ends with a CR, which would become part of its end"],
    ["a\ud83e", "Cannot send line: it has a lone surrogate, which UTF-8 cannot encode"],
    ["\udd95b", "Cannot send line: it has a lone surrogate, which UTF-8 cannot encode"],
  ];

  for (const [line, message] of REFUSED) {
    unit(`lines({ eol: ${JSON.stringify(eol)} }).encode() refuses ${JSON.stringify(line)}`, () => {
      assertEquals(assertThrows(() => codec.encode(line), TypeError).message, message);
    });
  }
}

for (
  const [message, shown] of [
    [undefined, "undefined"],
    [null, "null"],
    [5, "5"],
    [["a"], "an array"],
    [utf8("a"), "an object"],
    [new String("a"), "an object"],
  ] as const
) {
  unit(`lines().encode() refuses ${Object.prototype.toString.call(message)}, which is no string`, () => {
    const codec = lines();
    const error = assertThrows(() => Reflect.apply(codec.encode, codec, [message]), TypeError);
    assertEquals(error.message, `Option "message" must be a string; it is ${shown}`);
  });
}

unit("lines().encode() counts the limit in bytes, without the end", () => {
  const codec = lines({ maxFrameBytes: 4, eol: "\r\n" });
  assertEquals(codec.encode("éé"), utf8("éé\r\n"));
  const error = frameErrorOf(() => codec.encode("ééa"));
  assertEquals(error.message, "Cannot send frame: it has 5 bytes, at most 4 are allowed");
  assertEquals([error.code, error.frameBytes, error.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 5, 4]);
});

unit("lines().encode() gives a buffer that is the caller's for good", () => {
  const codec = lines();
  const first = codec.encode("first");
  codec.encode("other");
  assertEquals(first, utf8("first\n"));
  assertEquals([first.byteOffset, first.buffer.byteLength], [0, first.length]);
});
