import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { FrameError, MessageError } from "../../src/base/errors.ts";
import type { FrameDecoder } from "../../src/framing/codec.ts";
import { delimited } from "../../src/framing/delimited.ts";
import { cutAt, drain, everyCut, frameErrorOf, type Outcome, utf8, windowsAt } from "./decode.ts";
import { splitFrames, textsOf } from "./naive_split.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const latin1 = new TextDecoder("latin1");

/** Messages as text, `!` for one over the limit, and at last the code of the failure, if there is one. */
function readAll(decoder: FrameDecoder<Uint8Array>, chunks: readonly Uint8Array[]): string {
  const read: string[] = [];
  const take = () => {
    for (const outcome of drain(decoder)) read.push(textOf(outcome));
  };
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      take();
    }
    decoder.end();
    for (;;) {
      const message = decoder.next();
      if (message === undefined) return read.join("|");
      read.push(latin1.decode(message));
    }
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return [...read, error.code].join("|");
  }
}

function textOf(outcome: Outcome): string {
  if ("invalid" in outcome) return "!";
  return outcome.message instanceof Uint8Array ? latin1.decode(outcome.message) : "no bytes";
}

function expectedOf(text: string, delimiters: readonly string[]): string {
  const { frames, rest } = splitFrames(text, delimiters);
  return [...frames, ...(rest === "" ? [] : ["ERR_FRAME_TRUNCATED"])].join("|");
}

// ---- what is read ----

const SETS: string[][] = [
  ["a"],
  ["ab"],
  ["aa"],
  ["abab"],
  ["aaab"],
  ["aa", "aaa"],
  ["a", "aab"],
  ["a", "aaaab"],
  ["b", "abba"],
  ["ab", "aabb", "ba"],
  ["bab", "abababb"],
  ["aab", "ab", "b"],
];

for (const delimiters of SETS) {
  unit(`delimited() with [${delimiters}] agrees with the definition for all texts of up to 8, in every cut`, () => {
    const codec = delimited({ delimiters });
    for (const text of textsOf("ab", 8)) {
      const wire = utf8(text);
      const expected = expectedOf(text, delimiters);
      const ways = Array.from({ length: wire.length + 1 }, (_, cut) => cutAt(wire, cut));
      for (const chunks of [...ways, cutAt(wire, ...wire.keys())]) {
        const got = readAll(codec.decoder(), chunks);
        if (got === expected) continue;
        throw new Error(`${text} cut in ${chunks.map((chunk) => chunk.length)} gave ${got} instead of ${expected}`);
      }
    }
  });
}

const WIRE: [delimiters: (string | Uint8Array)[], wire: string, read: string][] = [
  [[";"], "", ""],
  [[";"], ";;", "|"],
  [[";", ";;"], "a;;b;c;;;d;", "a|b|c||d"],
  [["\r\n\r\n"], "hi\r\n\r\na\r\n\rb\r\n\r\n", "hi|a\r\n\rb"],
  [["\r\n", "\n"], "a\r\nb\nc\rd\r\r\n", "a|b|c\rd\r"],
  [[new Uint8Array([0])], "a\0b\0", "a|b"],
  [["é", new Uint8Array([0x2c])], "aéb,", "a|b"],
  [["ab", "abcab"], "xabcabab", "x|"],
  [["END", "N"], "aENDbENbN", "a|bE|b"],
  [["a", "a"], "xaya", "x|y"],
];

for (const [delimiters, wire, read] of WIRE) {
  unit(`delimited() with [${delimiters}] reads ${JSON.stringify(wire)}, however it is cut`, () => {
    for (const chunks of everyCut(utf8(wire))) assertEquals(readAll(delimited({ delimiters }).decoder(), chunks), read);
  });

  unit(`delimited() with [${delimiters}] reads ${JSON.stringify(wire)} pushed before the first next()`, () => {
    for (const chunks of everyCut(utf8(wire))) {
      const decoder = delimited({ delimiters }).decoder();
      for (const chunk of chunks) decoder.push(chunk);
      assertEquals(readAll(decoder, [new Uint8Array(0)]), read);
    }
  });
}

unit("delimited() takes a push between two frames of one chunk, and between two that one byte decided", () => {
  const decoder = delimited({ delimiters: ["a", "aaaab"] }).decoder();
  decoder.push(utf8("xaaac"));
  assertEquals([decoder.next(), decoder.next()], [utf8("x"), utf8("")]);
  decoder.push(utf8("ada"));
  assertEquals([decoder.next(), decoder.next(), decoder.next()], [utf8(""), utf8("c"), undefined]);
  assertEquals(decoder.bufferedBytes, 2);
  decoder.push(utf8("e"));
  assertEquals([decoder.next(), decoder.next(), decoder.bufferedBytes], [utf8("d"), undefined, 1]);
});

unit("delimited() gives windows on the chunk, without a copy, and plain arrays for Buffers", () => {
  const chunk = Buffer.from("xxone;two;");
  const decoder = delimited({ delimiters: [";"] }).decoder();
  decoder.push(chunk.subarray(2));
  for (const text of ["one", "two"]) {
    const message = decoder.next();
    assertEquals(message, utf8(text));
    assertStrictEquals(message?.buffer, chunk.buffer);
    assertStrictEquals(message && Object.getPrototypeOf(message), Uint8Array.prototype);
  }
});

unit("delimited() gives the same frames from windows on one buffer", () => {
  const wire = utf8("one;;two;three;;");
  for (let cut = 0; cut <= wire.length; cut++) {
    const read = readAll(delimited({ delimiters: [";", ";;"] }).decoder(), windowsAt(wire, cut));
    assertEquals(read, "one|two|three");
  }
});

unit("delimited() gives frames that later chunks do not change", () => {
  const decoder = delimited({ delimiters: [";"] }).decoder();
  const messages: (Uint8Array | undefined)[] = [];
  for (const chunk of ["fir", "st;oth", "er;thi", "rd;"]) {
    decoder.push(utf8(chunk));
    messages.push(decoder.next());
  }
  assertEquals(messages, [undefined, utf8("first"), utf8("other"), utf8("third")]);
});

// ---- the end ----

unit("delimited() knows a delimiter that might have become a longer one once the stream has ended", () => {
  const decoder = delimited({ delimiters: [";", ";;"] }).decoder();
  decoder.push(utf8("a;"));
  assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, 2]);
  decoder.end();
  assertEquals([decoder.next(), decoder.next(), decoder.bufferedBytes], [utf8("a"), undefined, 0]);
  decoder.end();
});

unit("delimited() gives every frame that the end has completed", () => {
  const decoder = delimited({ delimiters: ["a", "aaaab"] }).decoder();
  decoder.push(utf8("xaaa"));
  assertEquals(decoder.next(), undefined);
  decoder.end();
  assertEquals([decoder.next(), decoder.next(), decoder.next(), decoder.next()], [
    utf8("x"),
    utf8(""),
    utf8(""),
    undefined,
  ]);
});

unit(
  "delimited() gives the frame that the end has completed, also when the stream ends inside the one behind it",
  () => {
    const decoder = delimited({ delimiters: [";", ";xyz"] }).decoder();
    decoder.push(utf8("m;xy"));
    assertEquals(decoder.next(), undefined);
    decoder.end();
    assertEquals(decoder.next(), utf8("m"));
    const error = frameErrorOf(() => decoder.next());
    assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TRUNCATED", 2]);
    assertStrictEquals(frameErrorOf(() => decoder.next()), error);
    assertStrictEquals(frameErrorOf(() => decoder.end()), error);
  },
);

unit("delimited() fails for good when the stream ends without a delimiter", () => {
  for (const rest of ["a", "\r", "a\r", "\r\n\r"]) {
    const decoder = delimited({ delimiters: ["\r\n\r\n"] }).decoder();
    decoder.push(utf8(`one\r\n\r\n${rest}`));
    assertEquals([decoder.next(), decoder.next()], [utf8("one"), undefined]);
    const error = frameErrorOf(() => decoder.end());
    assertEquals([error.code, error.frameBytes, error.recoverable], ["ERR_FRAME_TRUNCATED", rest.length, false]);
    assertEquals(
      error.message,
      `Cannot read frame: the stream ended with ${rest.length} bytes of an unfinished frame`,
    );
    decoder.push(utf8("\r\n\r\nx\r\n\r\n"));
    assertStrictEquals(frameErrorOf(() => decoder.next()), error);
    assertStrictEquals(frameErrorOf(() => decoder.end()), error);
    assertEquals([decoder.bufferedBytes, decoder.takeRest()], [0, new Uint8Array(0)]);
    assertStrictEquals(frameErrorOf(() => decoder.next()), error);
  }
});

// ---- takeRest ----

unit("delimited() hands back at every point exactly what was not consumed, and is as new", () => {
  const wire = utf8("one;;two;;;x");
  const delimiters = [";", ";;"];
  const consumed = [0, 5, 10, 11];
  const messages = [utf8("one"), utf8("two"), utf8("")];
  for (let cut = 0; cut <= wire.length; cut++) {
    for (const [count, from] of consumed.entries()) {
      const decoder = delimited({ delimiters }).decoder();
      decoder.push(wire.slice(0, cut));
      let taken = 0;
      while (taken < count && decoder.next() !== undefined) taken++;
      decoder.push(wire.slice(cut));
      while (taken < count && decoder.next() !== undefined) taken++;
      const rest = decoder.takeRest();
      assertEquals(rest, wire.slice(from));
      assertEquals([decoder.bufferedBytes, decoder.next()], [0, undefined]);
      decoder.end();
      decoder.takeRest();
      decoder.push(rest);
      assertEquals(drain(decoder), messages.slice(count).map((message) => ({ message })));
      assertEquals(decoder.bufferedBytes, 1);
    }
  }
});

unit("delimited() forgets half a delimiter and frames found already with takeRest()", () => {
  const decoder = delimited({ delimiters: ["a", "aaaab"] }).decoder();
  decoder.push(utf8("xaaacaa"));
  assertEquals(decoder.next(), utf8("x"));
  assertEquals(decoder.takeRest(), utf8("aacaa"));
  decoder.push(utf8("bac"));
  assertEquals([decoder.next(), decoder.next(), decoder.bufferedBytes], [utf8("b"), undefined, 1]);
});

unit("delimited() counts from the beginning again after takeRest()", () => {
  const decoder = delimited({ delimiters: [";"] }).decoder();
  decoder.push(utf8(`${"x".repeat(10)};y`));
  assertEquals([decoder.next()?.length, decoder.takeRest()], [10, utf8("y")]);
  assertEquals(readAll(decoder, [utf8(`a;b;${"c".repeat(20)};`)]), `a|b|${"c".repeat(20)}`);
});

unit("delimited() hands nothing over inside a frame over the limit: its tail is nobody's beginning", () => {
  const decoder = delimited({ delimiters: [";"], maxFrameBytes: 2 }).decoder();
  decoder.push(utf8("abcd"));
  assertThrows(() => decoder.next(), MessageError);
  const error = frameErrorOf(() => decoder.takeRest());
  assertEquals(error.code, "ERR_FRAME_TOO_LARGE");
  assertStrictEquals(frameErrorOf(() => decoder.next()), error);
  assertStrictEquals(frameErrorOf(() => decoder.end()), error);
});
