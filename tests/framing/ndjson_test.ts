import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import { FrameDecoderStream } from "../../src/framing/frame_stream.ts";
import { frames } from "../../src/framing/frames.ts";
import { ndjson } from "../../src/framing/ndjson.ts";
import { concat, cutAt, decodeAll, drain, everyCut, frameErrorOf, type Outcome, utf8, windowsAt } from "./decode.ts";

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
  for (let cut = 0; cut <= wire.length; cut++) assertEquals(outcomesOf(windowsAt(wire, cut), options), expected);
}

const good = (...messages: unknown[]): Outcome[] => messages.map((message) => ({ message }));
const BAD: Outcome = { invalid: "ERR_MESSAGE_INVALID" };
const OVERLONG: Outcome = { invalid: "ERR_FRAME_TOO_LARGE" };

// ---- values ----

const VALUES: [value: unknown, line: string][] = [
  [{ a: 1 }, '{"a":1}'],
  [{}, "{}"],
  [[], "[]"],
  [[1, [2, {}]], "[1,[2,{}]]"],
  [null, "null"],
  [true, "true"],
  [false, "false"],
  [0, "0"],
  [-1.5e-300, "-1.5e-300"],
  ["", '""'],
  [" ", '" "'],
  ["two\nlines\r\n", String.raw`"two\nlines\r\n"`],
  ["\u2028\u2029\u0085", '"\u2028\u2029\u0085"'], // ends of lines elsewhere, not here
  ["Zoë 🦕", '"Zoë 🦕"'],
  ["\ud83e", String.raw`"\ud83e"`],
  [{ "key\n": "\u0000" }, String.raw`{"key\n":"\u0000"}`],
];

for (const [value, line] of VALUES) {
  unit(`ndjson() carries ${line} as one line`, () => {
    assertEquals(ndjson().encode(value), utf8(`${line}\n`));
    everywhere(`${line}\n`, good(value));
  });
}

unit("ndjson() writes the bytes that its module shows", () => {
  assertEquals(ndjson().encode({ a: 1 }), new Uint8Array([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x31, 0x7d, 0x0a]));
});

unit("ndjson() gives every message a buffer of its own", () => {
  const codec = ndjson();
  assert(codec.encode(1).buffer !== codec.encode(1).buffer);
});

for (const value of [undefined, () => 1, { n: 1n }, Symbol("s")]) {
  unit(`ndjson() refuses to send what JSON cannot say: a ${typeof value}`, () => {
    assertThrows(() => ndjson().encode(value), TypeError);
  });
}

// ---- lines ----

const STREAMS: [what: string, text: string, expected: Outcome[]][] = [
  ["nothing", "", []],
  ["LF", "1\n2\n", good(1, 2)],
  ["CRLF", "1\r\n2\r\n", good(1, 2)],
  ["LF and CRLF", "1\r\n2\n3\r\n", good(1, 2, 3)],
  ["blank lines", "\n\n1\n\r\n\n2\n\n", good(1, 2)],
  ["nothing but blank lines", "\n\r\n\n", []],
  ["lines of spaces and tabs", "  \n\t\n1\n \t \r\n2\n", good(1, 2)],
  ["space around values", ' 1\t\n\t{"a" : 2} \r\n', good(1, { a: 2 })],
  ["a CR alone inside a line", "[1,\r2]\n", good([1, 2])],
  ["several CRs in front of the LF", "1\r\r\n2\n", good(1, 2)],
  ["CRs alone on a line", "\r\r\n1\n", good(1)],
  ["a last line without an end", "1\n2", good(1, 2)],
  ["one line without an end", "12", good(12)],
  ["a last line that ends with a CR", "1\n2\r", good(1, 2)],
  ["a last line of space", "1\n  ", good(1)],
  ["a last line that is a CR", "1\n\r", good(1)],
  ["a last line that is bad", "1\n{", [...good(1), BAD]],
  ["characters of several bytes", '"ë"\n"€"\n"🦕"', good("ë", "€", "🦕")],
  ["a bad line", "1\n{\n2\n", [...good(1), BAD, ...good(2)]],
  ["bad lines in a row", "{\n}\r\n[\n1\n", [BAD, BAD, BAD, ...good(1)]],
  ["two values on a line", "1 2\n3\n", [BAD, ...good(3)]],
  ["a value on two lines", '{"a":\n1}\n2\n', [BAD, BAD, ...good(2)]],
  ["a bad line between blank ones", "\n{\n\n1\n", [BAD, ...good(1)]],
];

for (const [what, text, expected] of STREAMS) {
  unit(`ndjson() reads ${what} the same however the bytes are cut`, () => everywhere(text, expected));
}

unit("ndjson() says of a bad line how long it was without its end and why, but not what it said", () => {
  const decoder = ndjson().decoder();
  decoder.push(utf8('{"password":"geheim"\r\n'));
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals([error.code, error.frameBytes, error.recoverable], ["ERR_MESSAGE_INVALID", 20, true]);
  assertEquals(error.message, "Cannot read message: its 20 bytes are not JSON");
  assertInstanceOf(error.cause, SyntaxError);
});

unit("ndjson() gives a last line without an end only when the end has come", () => {
  const decoder = ndjson().decoder();
  decoder.push(utf8("1\n23"));
  assertEquals([decoder.next(), decoder.next(), decoder.bufferedBytes], [1, undefined, 2]);
  decoder.end();
  assertEquals([decoder.next(), decoder.next(), decoder.bufferedBytes], [23, undefined, 0]);
});

unit("ndjson() hands back what was not consumed, and its decoder is as new", () => {
  for (const chunks of [["1\n2\n{"], ["1\n", "2", "\n{"], ["1\n2", "\n", "{"]]) {
    const decoder = ndjson().decoder();
    for (const chunk of chunks) decoder.push(utf8(chunk));
    assertEquals(decoder.next(), 1);
    assertEquals(decoder.takeRest(), utf8("2\n{"));
    assertEquals([decoder.bufferedBytes, decoder.next()], [0, undefined]);
    decoder.push(utf8("3\n"));
    assertEquals(decoder.next(), 3);
    decoder.push(utf8("[1,2,3"));
    assertEquals([decoder.next(), decoder.takeRest()], [undefined, utf8("[1,2,3")]);
    decoder.push(utf8("4\n"));
    assertEquals(decoder.next(), 4);
  }
});

unit("ndjson() hands nothing over inside an overlong line: its tail is nobody's beginning", () => {
  const decoder = ndjson({ maxFrameBytes: 2 }).decoder();
  decoder.push(utf8("1234"));
  assertEquals(drain(decoder), [OVERLONG]);
  const error = frameErrorOf(() => decoder.takeRest());
  assertEquals(error.code, "ERR_FRAME_TOO_LARGE");
  assertStrictEquals(frameErrorOf(() => decoder.next()), error);
  assertStrictEquals(frameErrorOf(() => decoder.end()), error);
});

// ---- faces ----

Deno.test("ndjson() reads a file as a stream of messages", { permissions: "none" }, async () => {
  const file = new Blob(['{"n":1}\n\n{"n":"ë"}\r\n[3]']).stream();
  const messages = await Array.fromAsync(file.pipeThrough(new FrameDecoderStream(ndjson())));
  assertEquals(messages, [{ n: 1 }, { n: "ë" }, [3]]);
});

Deno.test("ndjson() goes on behind bad and overlong lines where they are heard", { permissions: "none" }, async () => {
  const codes: string[] = [];
  const onInvalid = ({ code }: MessageError) => void codes.push(code);
  const source = ReadableStream.from(cutAt(concat(utf8('1\n{\n2\n"too long"\n'), utf8("3")), 3, 9, 12));
  const messages = await Array.fromAsync(frames(source, ndjson({ maxFrameBytes: 4 }), { onInvalid }));
  assertEquals([messages, codes], [[1, 2, 3], ["ERR_MESSAGE_INVALID", "ERR_FRAME_TOO_LARGE"]]);
});

// ---- options ----

unit("ndjson() says which option is unknown", () => {
  const error = assertThrows(() => Reflect.apply(ndjson, undefined, [{ framing: 5 }]), TypeError);
  assertEquals(error.message, 'Option "framing" is unknown; "options" takes maxFrameBytes, schema, maxDepth');
});

for (
  const [maxFrameBytes, kind] of [[-1, RangeError], [1.5, RangeError], [NaN, RangeError], ["9", TypeError]] as const
) {
  unit(`ndjson() refuses a maxFrameBytes of ${maxFrameBytes} (${typeof maxFrameBytes})`, () => {
    const error = assertThrows(() => Reflect.apply(ndjson, undefined, [{ maxFrameBytes }]), kind);
    assert(error.message.startsWith('Option "maxFrameBytes" must be an integer from 0 to '));
  });
}

unit("ndjson() with maxFrameBytes 0 takes blank lines alone, with Infinity any", () => {
  assertEquals(outcomesOf([utf8("\n\r\n1\n\n")], { maxFrameBytes: 0 }), [OVERLONG]);
  assertEquals(outcomesOf([utf8(`${"1".repeat(300)}\n`)], { maxFrameBytes: Infinity }).length, 1);
});
