// How long lines may be, what becomes of longer ones, and how much work they are.

import { assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import { ndjson } from "../../src/framing/ndjson.ts";
import { countCopied } from "../base/count_copied.ts";
import { decodeAll, drain, everyCut, frameErrorOf, type Outcome, utf8 } from "./decode.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

type NdjsonOptions = Parameters<typeof ndjson>[0];

/** All that comes of the chunks, what the end completes included. */
function outcomesOf(chunks: readonly Uint8Array[], options?: NdjsonOptions): Outcome[] {
  const decoder = ndjson(options).decoder();
  return [...decodeAll(decoder, chunks), ...drain(decoder)];
}

/** The same for a text however it is cut; all cuts must agree. */
function everywhere(text: string, expected: readonly Outcome[], options?: NdjsonOptions): void {
  const wire = utf8(text);
  for (const chunks of everyCut(wire)) {
    assertEquals(outcomesOf(chunks, options), expected, chunks.map(({ length }) => length).join());
  }
}

const good = (...messages: unknown[]): Outcome[] => messages.map((message) => ({ message }));
const OVERLONG: Outcome = { invalid: "ERR_FRAME_TOO_LARGE" };

// ---- limits ----

for (const end of ["\n", "\r\n", ""]) {
  unit(`ndjson() takes lines up to the limit and not one byte more, with the end ${JSON.stringify(end)}`, () => {
    for (const maxFrameBytes of [1, 2, 5, 9]) {
      const options = { maxFrameBytes };
      for (const bytes of [maxFrameBytes - 1, maxFrameBytes]) {
        const digits = "7".repeat(bytes);
        everywhere(`1\n${digits}${end}`, bytes === 0 ? good(1) : good(1, Number(digits)), options);
      }
      everywhere(`1\n${"7".repeat(maxFrameBytes + 1)}${end}`, [...good(1), OVERLONG], options);
    }
  });
}

const OVERLONG_STREAMS: [what: string, text: string, expected: Outcome[]][] = [
  ["one between good ones", "1\n[1,2,3,4]\n2\n", [...good(1), OVERLONG, ...good(2)]],
  ["two in a row", "[1,2,3]\r\n[1,2,3]\n2\n", [OVERLONG, OVERLONG, ...good(2)]],
  ["one of spaces", "1\n         \n2\n", [...good(1), OVERLONG, ...good(2)]],
  ["one of CRs", "\r\r\r\r\r\r\r\n2\n", [OVERLONG, ...good(2)]],
  ["one that is no JSON", "{{{{{{{{\n2\n", [OVERLONG, ...good(2)]],
  ["a last one without an end", "1\n[1,2,3,4]", [...good(1), OVERLONG]],
  ["a last one with a CR, which is no end", "1\n12345\r", [...good(1), OVERLONG]],
  ["one counted in bytes", '"ëë"\n"ë"\n', [OVERLONG, ...good("ë")]],
];

for (const [what, text, expected] of OVERLONG_STREAMS) {
  unit(`ndjson() reports each overlong line once and goes on behind it: ${what}`, () => {
    everywhere(text, expected, { maxFrameBytes: 5 });
  });
}

unit("ndjson() refuses a line without an end as soon as it is too long, and keeps nothing of it", () => {
  const decoder = ndjson({ maxFrameBytes: 100 }).decoder();
  for (let i = 0; i < 10; i++) {
    decoder.push(utf8("x".repeat(10)));
    assertEquals(decoder.next(), undefined);
  }
  decoder.push(utf8("x"));
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals(error.message, "Cannot read line: it has more than 100 bytes");
  assertEquals([error.code, error.maxFrameBytes, error.recoverable], ["ERR_FRAME_TOO_LARGE", 100, true]);
  for (let i = 0; i < 1_000; i++) {
    decoder.push(utf8("x".repeat(1_000)));
    assertEquals([decoder.next(), decoder.bufferedBytes], [undefined, 0]);
  }
  decoder.push(utf8("\n1\n"));
  assertEquals(drain(decoder), good(1));
});

unit("ndjson() never holds more than a line of the largest size and one chunk", () => {
  const decoder = ndjson({ maxFrameBytes: 50 }).decoder();
  const text = utf8(`${"x".repeat(300)}\n${"[1,2,3]\n".repeat(20)}${" ".repeat(49)}\n${"y".repeat(500)}`);
  for (let at = 0; at < text.length; at += 7) {
    decoder.push(text.slice(at, at + 7));
    assertLessOrEqual(decoder.bufferedBytes, 50 + 7);
    drain(decoder);
    assertLessOrEqual(decoder.bufferedBytes, 51); // the CR of the end may be among them
  }
});

unit("ndjson() refuses to send a line over the limit, counted in bytes without its end", () => {
  for (const text of ["aaaaaaaa", "ëëëë", "🦕🦕"]) {
    assertEquals(ndjson({ maxFrameBytes: 10 }).encode(text), utf8(`"${text}"\n`));
    const error = frameErrorOf(() => ndjson({ maxFrameBytes: 9 }).encode(text));
    assertEquals([error.code, error.frameBytes, error.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 10, 9]);
    assertEquals(error.message, "Cannot send frame: it has 10 bytes, at most 9 are allowed");
  }
});

unit("ndjson() takes 1 MiB where nothing is said", () => {
  const text = "x".repeat(1_048_576 - 2);
  assertEquals(outcomesOf([ndjson().encode(text)]), good(text));
  assertEquals(frameErrorOf(() => ndjson().encode(`${text}x`)).maxFrameBytes, 1_048_576);
  assertEquals(outcomesOf([utf8(`"${text}x"\n1\n`)]), [OVERLONG, ...good(1)]);
});

// ---- work ----

/** The bytes searched by `Uint8Array.prototype.indexOf` at most, while `run` runs. */
function countSearched(run: () => void): number {
  const indexOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "indexOf")?.value;
  let searched = 0;
  Object.defineProperty(Uint8Array.prototype, "indexOf", {
    configurable: true,
    value(this: Uint8Array, byte: number, from = 0) {
      const found = indexOf.call(this, byte, from);
      searched += Math.max(0, (found < 0 ? this.length : found + 1) - from);
      return found;
    },
  });
  try {
    run();
  } finally {
    Reflect.deleteProperty(Uint8Array.prototype, "indexOf"); // the one it inherits shows again
  }
  return searched;
}

for (const bytes of [1_000, 100_000]) {
  unit(`ndjson() does work in proportion to a line of ${bytes} bytes that comes byte by byte`, () => {
    const wire = utf8(`${JSON.stringify("x".repeat(bytes))}\n`);
    const chunks = Array.from(wire, (_, i) => wire.subarray(i, i + 1));
    let searched = 0;
    const copied = countCopied(() => searched = countSearched(() => assertEquals(outcomesOf(chunks).length, 1)));
    assertLessOrEqual(copied, 4 * wire.length);
    assertEquals(searched, wire.length);
  });
}

unit("ndjson() searches nothing again when it is asked again", () => {
  const decoder = ndjson().decoder();
  const searched = countSearched(() => {
    for (const chunk of ["x".repeat(100), "y".repeat(1_000)]) {
      decoder.push(utf8(chunk));
      for (let i = 0; i < 10; i++) assertEquals(decoder.next(), undefined);
    }
  });
  assertEquals(searched, 1_100);
});

unit("ndjson() copies nothing of lines that lie in one chunk, and searches each byte once", () => {
  const wire = utf8('{"level":"info"}\r\n\n'.repeat(5_000));
  let searched = 0;
  const copied = countCopied(() => searched = countSearched(() => assertEquals(outcomesOf([wire]).length, 5_000)));
  assertEquals([copied, searched], [0, wire.length]);
});
