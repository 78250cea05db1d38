import { assertEquals, assertGreater, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import { delimited } from "../../src/framing/delimited.ts";
import { concat, decodeAll, drain, everyCut, frameErrorOf, type Outcome, utf8 } from "./decode.ts";
import { textsOf } from "./naive_split.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

// ---- sending ----

unit("delimited().encode() writes the bytes that the module's comment shows", () => {
  const frame = delimited({ delimiters: ["\r\n\r\n"] }).encode(utf8("hi"));
  assertEquals(frame, new Uint8Array([0x68, 0x69, 0x0d, 0x0a, 0x0d, 0x0a]));
});

unit("delimited().encode() sends the first delimiter", () => {
  assertEquals(delimited({ delimiters: [";;", ";"] }).encode(utf8("a")), utf8("a;;"));
  assertEquals(delimited({ delimiters: [";", ";;"] }).encode(utf8("a")), utf8("a;"));
});

const REFUSED: [delimiters: string[], message: string, at: number][] = [
  [[";"], "a;b", 1],
  [[";"], ";", 0],
  [[";"], "a;", 1],
  [[",", ";"], "ab;", 2],
  [["\r\n"], "abc\r\nd", 3],
  [["\r\n\r\n"], "a\r\n", 1],
  [["aa"], "xa", 1],
  [["aba"], "xab", 1],
  [["aba", "b"], "xb", 1],
];

for (const [delimiters, message, at] of REFUSED) {
  unit(`delimited().encode() refuses ${JSON.stringify(message)} in front of ${JSON.stringify(delimiters)}`, () => {
    const error = assertThrows(() => delimited({ delimiters }).encode(utf8(message)), TypeError);
    assertEquals(error.message, `Cannot send frame: the message has a delimiter in it, at byte ${at}`);
  });
}

const ACROSS: [delimiters: string[], message: string, next: string, what: string][] = [
  [["a", "ab"], "x", "by", "begins with what makes the delimiter in front of it a longer one"],
  [[";", ";;"], "x", "", "is empty where two delimiters in a row are one"],
  [[";", "y;z"], "xy", "z", "ends with the beginning of a delimiter that goes on behind its own"],
  [["a", "axab"], "x", "b", "lies between two delimiters that are the beginning of another"],
];

for (const [delimiters, message, next, what] of ACROSS) {
  unit(`delimited().encode() refuses a message that ${what}`, () => {
    const codec = delimited({ delimiters });
    assertThrows(() => [codec.encode(utf8(message)), codec.encode(utf8(next))], TypeError, "Cannot send frame");
  });
}

const PLAIN = [...textsOf("ab", 3)].filter((text) => text !== "");

unit("delimited() reads what it wrote, for every three messages in a row that it does not refuse", () => {
  const texts = [...textsOf("abx", 3)];
  let checked = 0;
  for (const first of PLAIN) {
    for (const other of PLAIN) {
      const codec = delimited({ delimiters: [first, other] });
      const sent = texts.flatMap((text) => {
        try {
          return [{ text, frame: codec.encode(utf8(text)) }];
        } catch (error) {
          if (error instanceof TypeError) return [];
          throw error;
        }
      });
      for (const one of sent) {
        for (const two of sent) {
          const decoder = codec.decoder();
          decoder.push(concat(one.frame, two.frame, one.frame));
          decoder.end();
          const read = drain(decoder).map((outcome) =>
            "message" in outcome ? String(outcome.message) : outcome.invalid
          );
          checked++;
          if (read.join("|") === [one, two, one].map(({ text }) => String(utf8(text))).join("|")) continue;
          throw new Error(`[${first},${other}] for ${one.text}|${two.text}|${one.text} gave ${read.join("|")}`);
        }
      }
    }
  }
  assertGreater(checked, 10_000);
});

unit("delimited().encode() takes every message that shares no byte with the delimiters, but for the empty one", () => {
  for (const first of PLAIN) {
    for (const other of PLAIN) {
      const codec = delimited({ delimiters: [first, other] });
      for (const text of ["x", "xy", "y".repeat(50)]) assertEquals(codec.encode(utf8(text)), utf8(text + first));
    }
  }
});

unit("delimited().encode() takes a message with the beginning of a delimiter in it", () => {
  const codec = delimited({ delimiters: ["\r\n\r\n"] });
  for (const text of ["", "\r", "\n", "a\r\n\r", "\r\na", "\r\n\ra\r\n\r"]) {
    for (const chunks of everyCut(concat(codec.encode(utf8(text)), codec.encode(utf8("x"))))) {
      assertEquals(decodeAll(codec.decoder(), chunks), [{ message: utf8(text) }, { message: utf8("x") }]);
    }
  }
});

for (const message of ["text", [1, 2], null, undefined, new ArrayBuffer(2), new Uint16Array(2)]) {
  unit(`delimited().encode() refuses ${Object.prototype.toString.call(message)}, which is no Uint8Array`, () => {
    const codec = delimited({ delimiters: [";"] });
    assertThrows(() => Reflect.apply(codec.encode, codec, [message]), TypeError, "must be a Uint8Array; it is");
  });
}

unit("delimited().encode() gives a buffer that is the caller's for good", () => {
  const body = Buffer.from("pooled");
  const encoded = delimited({ delimiters: [";"] }).encode(body);
  body.fill(0);
  assertEquals(encoded, utf8("pooled;"));
  assertEquals([encoded.byteOffset, encoded.buffer.byteLength], [0, encoded.length]);
});

unit("delimited() keeps the delimiters that it was made with", () => {
  const delimiter = utf8(";");
  const delimiters = [delimiter];
  const codec = delimited({ delimiters });
  delimiter.fill(0);
  delimiters.length = 0;
  assertEquals(codec.encode(utf8("a")), utf8("a;"));
  assertEquals(decodeAll(codec.decoder(), [utf8("a;\0;")]), [{ message: utf8("a") }, { message: utf8("\0") }]);
});

unit("delimited().encode() leaves its decoders alone", () => {
  const codec = delimited({ delimiters: ["ab"] });
  const decoder = codec.decoder();
  decoder.push(utf8("xa"));
  assertEquals(decoder.next(), undefined);
  codec.encode(utf8("a"));
  decoder.push(utf8("b"));
  assertEquals(decoder.next(), utf8("x"));
});

// ---- limits ----

const OVER: Outcome = { invalid: "ERR_FRAME_TOO_LARGE" };

const WIRE: [what: string, wire: string, outcomes: string[]][] = [
  ["one byte less and the limit pass", "ab--abc--", ["ab", "abc"]],
  ["one byte more is one error, then comes the next frame", "abcd--ok--", ["!", "ok"]],
  ["many bytes more are one error", "abcdefghijklm--ok--", ["!", "ok"]],
  ["the delimiter does not count", "abc----ok--", ["abc", "", "ok"]],
  ["half a delimiter counts", "abc-d--ok--", ["!", "ok"]],
  ["the longer delimiter does not count", "abc-->ok-->", ["abc", "ok"]],
  ["two in a row are two errors", "abcd--abcde-->ok--", ["!", "!", "ok"]],
  ["an empty frame behind one over the limit", "abcd----", ["!", ""]],
];

for (const [what, wire, expected] of WIRE) {
  unit(`delimited({ maxFrameBytes: 3 }) however it is cut: ${what}`, () => {
    const outcomes = expected.map((text) => text === "!" ? OVER : { message: utf8(text) });
    const codec = delimited({ delimiters: ["--", "-->"], maxFrameBytes: 3 });
    for (const chunks of everyCut(utf8(wire))) {
      const ended = codec.decoder();
      assertEquals([...decodeAll(ended, chunks), ...drain(ended)], outcomes);
      const decoder = codec.decoder();
      for (const chunk of chunks) {
        decoder.push(chunk);
        drain(decoder);
        // The limit and a delimiter that is not whole yet, or not sure to be the longest.
        if (decoder.bufferedBytes > 3 + 2) throw new Error(`${decoder.bufferedBytes} bytes are held`);
      }
    }
  });
}

unit("delimited() tells of a frame over the limit as soon as it is known, with the limit, and once", () => {
  const decoder = delimited({ delimiters: ["--"], maxFrameBytes: 3 }).decoder();
  decoder.push(utf8("abc-"));
  assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, 4]);
  decoder.push(utf8("d"));
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals(error.message, "Cannot read frame: it has more than 3 bytes in front of its delimiter");
  assertEquals([error.code, error.maxFrameBytes, error.recoverable], ["ERR_FRAME_TOO_LARGE", 3, true]);
  for (const more of ["efg", "-h", "", "-"]) {
    decoder.push(utf8(more));
    assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, more === "-" ? 1 : 0]);
  }
  decoder.push(utf8("-ok--"));
  assertEquals([decoder.next(), decoder.next()], [utf8("ok"), undefined]);
});

unit("delimited() fails when the stream ends inside a frame over the limit", () => {
  const decoder = delimited({ delimiters: [";"], maxFrameBytes: 2 }).decoder();
  decoder.push(utf8("abc"));
  assertThrows(() => decoder.next(), MessageError);
  assertEquals(decoder.next(), undefined);
  assertEquals(frameErrorOf(() => decoder.end()).code, "ERR_FRAME_TRUNCATED");
});

unit("delimited().encode() counts the limit without the delimiter", () => {
  const codec = delimited({ delimiters: ["--"], maxFrameBytes: 3 });
  for (const size of [2, 3]) assertEquals(codec.encode(new Uint8Array(size)).length, size + 2);
  const error = frameErrorOf(() => codec.encode(utf8("abcd")));
  assertEquals(error.message, "Cannot send frame: it has 4 bytes, at most 3 are allowed");
  assertEquals([error.code, error.frameBytes, error.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 4, 3]);
});

// ---- options ----

const LIST = 'Option "delimiters" must be an array with at least one delimiter; it is';
const RANGE = 'Option "maxFrameBytes" must be an integer from 0 to 9007199254740991; it is';

const BAD_OPTIONS: [options: unknown, message: string][] = [
  [undefined, 'TypeError: Option "options" must be an object with delimiters; it is undefined'],
  [null, 'TypeError: Option "options" must be an object; it is null'],
  [";", 'TypeError: Option "options" must be an object; it is ";"'],
  [{}, `TypeError: ${LIST} undefined`],
  [{ delimiters: [] }, `TypeError: ${LIST} an array`],
  [{ delimiters: ";" }, `TypeError: ${LIST} ";"`],
  [{ delimiters: utf8(";") }, `TypeError: ${LIST} an object`],
  [
    { delimiters: [""] },
    'TypeError: Option "delimiters[0]" must be a string or Uint8Array that is not empty; it is ""',
  ],
  [
    { delimiters: [";", new Uint8Array(0)] },
    'TypeError: Option "delimiters[1]" must be a string or Uint8Array that is not empty; it is an object',
  ],
  [
    { delimiters: [59] },
    'TypeError: Option "delimiters[0]" must be a string or Uint8Array that is not empty; it is 59',
  ],
  [
    { delimiters: new Array(1) },
    'TypeError: Option "delimiters[0]" must be a string or Uint8Array that is not empty; it is undefined',
  ],
  [{ delimiter: ";" }, 'TypeError: Option "delimiter" is unknown; "options" takes delimiters, maxFrameBytes'],
  [{ delimiters: [";"], maxFrameBytes: -1 }, `RangeError: ${RANGE} -1`],
  [{ delimiters: [";"], maxFrameBytes: 1.5 }, `RangeError: ${RANGE} 1.5`],
  [{ delimiters: [";"], maxFrameBytes: "1" }, `TypeError: ${RANGE} "1"`],
];

for (const [options, message] of BAD_OPTIONS) {
  unit(`delimited(${Deno.inspect(options)}) is refused by option, rule and value`, () => {
    assertEquals(String(assertThrows(() => Reflect.apply(delimited, undefined, [options]), Error)), message);
  });
}
