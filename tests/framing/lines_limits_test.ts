import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import { lines } from "../../src/framing/lines.ts";
import { cutAt, decodeAll, drain, everyCut, frameErrorOf, type Outcome, utf8 } from "./decode.ts";
import { splitLines, textsOf } from "./naive_split.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function readAll(maxFrameBytes: number, chunks: readonly Uint8Array[]): Outcome[] {
  const decoder = lines({ maxFrameBytes }).decoder();
  return [...decodeAll(decoder, chunks), ...drain(decoder)];
}

const OVERLONG: Outcome = { invalid: "ERR_FRAME_TOO_LARGE" };
/** `!` stands for the error of an overlong line. */
const outcomesOf = (texts: readonly string[]) => texts.map((message) => message === "!" ? OVERLONG : { message });

// ---- around the limit, which is 3 ----

const WIRE: [what: string, wire: string, outcomes: string[]][] = [
  ["one byte less passes", "ab\ncd\r\n", ["ab", "cd"]],
  ["the limit passes", "abc\ndef\r\nghi", ["abc", "def", "ghi"]],
  ["one byte more is one error, then comes the next line", "abcd\nok\n", ["!", "ok"]],
  ["one byte more in front of a CRLF", "abcd\r\nok\r\n", ["!", "ok"]],
  ["many bytes more are one error", "abcdefghijkl\nok\n", ["!", "ok"]],
  ["a CR that is no end counts", "ab\rd\nok\n", ["!", "ok"]],
  ["the byte beyond is the CR of the end", "abc\r\nok\n", ["abc", "ok"]],
  ["the byte beyond is a lone CR", "abc\rd\nok\n", ["!", "ok"]],
  ["the byte beyond is the first of CR CR LF", "abc\r\r\nok\n", ["!", "ok"]],
  ["CR CR LF within the limit", "ab\r\r\nok\n", ["ab\r", "ok"]],
  ["the byte beyond is a CR in the last place, which ends nothing", "ok\nabc\r", ["ok", "!"]],
  ["a last line of the limit that ends with a CR", "ok\nab\r", ["ok", "ab\r"]],
  ["an overlong last line", "ok\nabcd", ["ok", "!"]],
  ["an overlong line of CRs", "\r\r\r\r\r\r\nok\n", ["!", "ok"]],
  ["two overlong lines are two errors", "abcd\nabcd\nok\n", ["!", "!", "ok"]],
  ["an empty line behind an overlong one", "abcd\n\nabcde\r\n\r\nok", ["!", "", "!", "", "ok"]],
  ["bytes are counted, not characters", "éé\n€\n", ["!", "€"]],
];

for (const [what, wire, expected] of WIRE) {
  unit(`lines({ maxFrameBytes: 3 }) however it is cut: ${what}`, () => {
    for (const chunks of everyCut(utf8(wire))) assertEquals(readAll(3, chunks), outcomesOf(expected));
  });

  unit(`lines({ maxFrameBytes: 3 }) with all pushed before the first next(): ${what}`, () => {
    for (const chunks of everyCut(utf8(wire))) {
      const decoder = lines({ maxFrameBytes: 3 }).decoder();
      for (const chunk of chunks) decoder.push(chunk);
      decoder.end();
      assertEquals(drain(decoder), outcomesOf(expected));
    }
  });
}

for (const limit of [0, 1, 2, Infinity]) {
  unit(`lines({ maxFrameBytes: ${limit} }) agrees with the definition for all texts of up to 6, in every cut`, () => {
    for (const text of textsOf("a\r\n", 6)) {
      const wire = utf8(text);
      const expected = JSON.stringify(outcomesOf(splitLines(text, limit)));
      const ways = Array.from({ length: wire.length + 1 }, (_, cut) => cutAt(wire, cut));
      for (const chunks of [...ways, cutAt(wire, ...wire.keys())]) {
        const got = JSON.stringify(readAll(limit, chunks));
        if (got === expected) continue;
        throw new Error(`${JSON.stringify(text)} cut in ${chunks.map((chunk) => chunk.length)} gave ${got}`);
      }
    }
  });
}

unit("lines() tells of an overlong line as soon as it is known, with the limit, and once", () => {
  const decoder = lines({ maxFrameBytes: 3 }).decoder();
  decoder.push(utf8("abcd"));
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals(error.message, "Cannot read line: it has more than 3 bytes");
  assertEquals([error.code, error.maxFrameBytes, error.recoverable], ["ERR_FRAME_TOO_LARGE", 3, true]);
  for (const more of ["", "efgh", "\r", "ijkl"]) {
    decoder.push(utf8(more));
    assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, 0]);
  }
  decoder.push(utf8("\nok\n"));
  assertEquals([decoder.next(), decoder.next()], ["ok", undefined]);
});

unit("lines() waits with a CR beyond the limit until it knows what it is", () => {
  const decoder = lines({ maxFrameBytes: 3 }).decoder();
  decoder.push(utf8("abc\r"));
  assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, 4]);
  decoder.push(utf8("\n"));
  assertEquals([decoder.next(), decoder.bufferedBytes], ["abc", 0]);
});

unit("lines() has a limit of 1 MiB unless it is told another, and none with Infinity", () => {
  const long = new Uint8Array(1_048_577).fill(0x61);
  const whole = lines().decoder();
  whole.push(long.slice(1));
  assertEquals([whole.next(), whole.bufferedBytes], [undefined, 1_048_576]);
  whole.push(utf8("\n"));
  assertEquals(whole.next()?.length, 1_048_576);
  const over = lines().decoder();
  over.push(long.slice());
  assertEquals(assertThrows(() => over.next(), MessageError).maxFrameBytes, 1_048_576);
  const unbounded = lines({ maxFrameBytes: Infinity }).decoder();
  unbounded.push(long);
  assertEquals([unbounded.next(), unbounded.bufferedBytes], [undefined, 1_048_577]);
  unbounded.end();
  assertEquals(unbounded.next()?.length, 1_048_577);
});

unit("lines() holds no more than the limit and the CR of an end, whatever came", () => {
  for (const wire of ["abcabcabc\nab\r\rab\rabc\r\n\r\r\r\r\r", "\r".repeat(20), "abc\r".repeat(5)]) {
    for (const chunks of everyCut(utf8(wire))) {
      const decoder = lines({ maxFrameBytes: 3 }).decoder();
      for (const chunk of chunks) {
        decoder.push(chunk);
        drain(decoder);
        if (decoder.bufferedBytes > 4) throw new Error(`${decoder.bufferedBytes} bytes are held`);
      }
    }
  }
});

// ---- takeRest ----

unit("lines() hands back at every point exactly what was not consumed, and is as new", () => {
  const wire = utf8("one\r\n\ntwo\rx\nla\r");
  const expected = ["one", "", "two\rx", "la\r"];
  const consumed = [0, 5, 6, 12];
  for (let cut = 0; cut <= wire.length; cut++) {
    for (let count = 0; count < consumed.length; count++) {
      const decoder = lines().decoder();
      decoder.push(wire.slice(0, cut));
      let taken = 0;
      while (taken < count && decoder.next() !== undefined) taken++;
      decoder.push(wire.slice(cut));
      while (taken < count && decoder.next() !== undefined) taken++;
      const rest = decoder.takeRest();
      assertEquals(rest, wire.slice(consumed[count]));
      assertEquals([decoder.bufferedBytes, decoder.next()], [0, undefined]);
      assertEquals([...decodeAll(decoder, [rest]), ...drain(decoder)], outcomesOf(expected.slice(count)));
    }
  }
});

unit("lines() hands back every first part of a line, also after it was searched", () => {
  const wire = utf8("abc\r\n");
  for (let length = 0; length < wire.length; length++) {
    const decoder = lines().decoder();
    for (const byte of wire.slice(0, length)) {
      decoder.push(new Uint8Array([byte]));
      assertEquals(decoder.next(), undefined);
    }
    assertEquals(decoder.takeRest(), wire.slice(0, length));
    decoder.push(utf8("\nx\n"));
    assertEquals([decoder.next(), decoder.next(), decoder.next()], ["", "x", undefined]);
  }
});

unit("lines() hands nothing over inside an overlong line: its tail is nobody's beginning", () => {
  const decoder = lines({ maxFrameBytes: 3 }).decoder();
  decoder.push(utf8("abcdef"));
  assertThrows(() => decoder.next(), MessageError);
  const error = frameErrorOf(() => decoder.takeRest());
  assertEquals(error.code, "ERR_FRAME_TOO_LARGE");
  assertStrictEquals(frameErrorOf(() => decoder.next()), error);
  assertStrictEquals(frameErrorOf(() => decoder.end()), error);
});

unit("lines() is as new after takeRest() behind the end", () => {
  const decoder = lines().decoder();
  decoder.push(utf8("abc"));
  decoder.end();
  assertEquals(decoder.takeRest(), utf8("abc"));
  decoder.push(utf8("de"));
  assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, 2]);
});

// ---- options ----

const RANGE = "must be an integer from 0 to 9007199254740991; it is";

const BAD_OPTIONS: [options: unknown, message: string][] = [
  [null, 'TypeError: Option "options" must be an object; it is null'],
  ["\n", 'TypeError: Option "options" must be an object; it is "\\n"'],
  [[], 'TypeError: Option "options" must be an object; it is an array'],
  [{ max: 1 }, 'TypeError: Option "max" is unknown; "options" takes maxFrameBytes, fatal, eol'],
  [{ maxFrameBytes: -1 }, `RangeError: Option "maxFrameBytes" ${RANGE} -1`],
  [{ maxFrameBytes: 0.5 }, `RangeError: Option "maxFrameBytes" ${RANGE} 0.5`],
  [{ maxFrameBytes: NaN }, `RangeError: Option "maxFrameBytes" ${RANGE} NaN`],
  [{ maxFrameBytes: "9" }, `TypeError: Option "maxFrameBytes" ${RANGE} "9"`],
  [{ maxFrameBytes: null }, `TypeError: Option "maxFrameBytes" ${RANGE} null`],
  [{ fatal: 1 }, 'TypeError: Option "fatal" must be true or false; it is 1'],
  [{ fatal: "true" }, 'TypeError: Option "fatal" must be true or false; it is "true"'],
  [{ eol: "\r" }, 'TypeError: Option "eol" must be "\\n" or "\\r\\n"; it is "\\r"'],
  [{ eol: "" }, 'TypeError: Option "eol" must be "\\n" or "\\r\\n"; it is ""'],
  [{ eol: null }, 'TypeError: Option "eol" must be "\\n" or "\\r\\n"; it is null'],
];

for (const [options, message] of BAD_OPTIONS) {
  unit(`lines(${Deno.inspect(options)}) is refused by option, rule and value`, () => {
    assertEquals(String(assertThrows(() => Reflect.apply(lines, undefined, [options]), Error)), message);
  });
}

unit("lines() takes options that are undefined as not given", () => {
  const codec = Reflect.apply(lines, undefined, [{ maxFrameBytes: undefined, fatal: undefined, eol: undefined }]);
  assertEquals(codec.encode("a"), utf8("a\n"));
});
