// How verifyCodec is called, and what it lets pass.

import { Buffer } from "node:buffer";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  type Codec,
  delimited,
  fixedLength,
  type FrameDecoder,
  FrameError,
  json,
  lengthPrefixed,
  lines,
  MessageError,
  ndjson,
  netstrings,
  struct,
} from "../../src/framing/mod.ts";
import { CodecLawError, verifyCodec } from "../../src/testing/mod.ts";
import { judgingCodec } from "./broken_frames.ts";
import { SAMPLE_LIMIT, sampleCodec, sampleFrame, sampleFrameOf } from "./sample_codec.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const SOME = ["", "a", "hello world", "zoë 🦕"];
const BYTES = SOME.map(utf8);

const PASSES: Record<string, () => void> = {
  lengthPrefixed: () => {
    const frame = (bytes: number) => lengthPrefixed({ bytes: 2 }).encode(new Uint8Array(bytes));
    const codec = lengthPrefixed({ bytes: 2, maxFrameBytes: 1_000 });
    verifyCodec(codec, { messages: BYTES, limit: { maxFrameBytes: 1_000, frame } });
  },
  lines: () => {
    const codec = lines({ maxFrameBytes: 1_000, fatal: true });
    const frame = (bytes: number) => utf8(`${"x".repeat(bytes)}\n`);
    verifyCodec(codec, {
      messages: SOME,
      invalid: [new Uint8Array([0xff, 0x0a])],
      limit: { maxFrameBytes: 1_000, frame },
    });
  },
  delimited: () => {
    const codec = delimited({ delimiters: [";;", ";", "\n"], maxFrameBytes: 1_000 });
    const frame = (bytes: number) => utf8(`${"x".repeat(bytes)};;`);
    verifyCodec(codec, { messages: BYTES, limit: { maxFrameBytes: 1_000, frame } });
  },
  fixedLength: () => verifyCodec(fixedLength(3), { messages: [utf8("abc"), utf8("def")] }),
  netstrings: () => {
    const frame = (bytes: number) => utf8(`${bytes}:${"x".repeat(bytes)},`);
    verifyCodec(netstrings({ maxFrameBytes: 999 }), { messages: BYTES, limit: { maxFrameBytes: 999, frame } });
  },
  json: () =>
    verifyCodec(json<unknown>(), { messages: [null, 1, SOME], invalid: [lengthPrefixed().encode(utf8("{"))] }),
  ndjson: () => verifyCodec(ndjson<unknown>(), { messages: [null, 1, SOME], invalid: [utf8("{\n"), utf8("nul\n")] }),
  struct: () => {
    const messages = BYTES.map((payload, kind) => ({ kind, at: -5n, payload }));
    verifyCodec(struct({ kind: "u8", at: "i64" }), { messages, invalid: [lengthPrefixed().encode(utf8("short"))] });
  },
  "a codec from elsewhere": () => {
    const limit = { maxFrameBytes: SAMPLE_LIMIT, frame: sampleFrameOf };
    verifyCodec(sampleCodec(), { messages: BYTES, limit });
  },
  "a codec with bad frames": () => {
    const invalid = [sampleFrame(new Uint8Array([0xff])), sampleFrame(new Uint8Array([0xff, 0, 1]))];
    verifyCodec(judgingCodec, { messages: BYTES, invalid });
  },
  "a codec that only receives": () => {
    const codec = lengthPrefixed({ bytes: 1, strip: 0 });
    verifyCodec(codec, { messages: [sampleFrameOf(1), sampleFrameOf(0)], wire: new Uint8Array([1, 0, 0]) });
  },
  "a codec that receives something else than it sends": () => {
    const trim = (value: unknown) => ({ value: String(value).trim() });
    const schema = { "~standard": { version: 1, vendor: "ours", validate: trim } } as const;
    verifyCodec(json({ schema }), { messages: [" a ", "b"], received: ["a", "b"] });
  },
  "frames that are Buffers": () => {
    verifyCodec(sampleCodec(undefined, { encode: (message) => Buffer.from(sampleFrame(message)) }), {
      messages: BYTES,
    });
  },
};

for (const [name, run] of Object.entries(PASSES)) Deno.test(`verifyCodec lets pass: ${name}`, run);

/** Temperatures as `t=21.5;`, written the way one would with nothing but the docs of `Codec` and `FrameDecoder`. */
class TemperatureDecoder implements FrameDecoder<number> {
  #text = "";
  #failure: FrameError | undefined;

  get bufferedBytes(): number {
    return this.#text.length;
  }

  push(chunk: Uint8Array): void {
    if (this.#failure === undefined) this.#text += String.fromCharCode(...chunk);
  }

  next(): number | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const end = this.#text.indexOf(";");
    if (end > 16 || end < 0 && this.#text.length > 16) throw this.#fail("ERR_FRAME_TOO_LARGE");
    if (end < 0) return undefined;
    const frame = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    const degrees = /^t=(-?\d+(?:\.\d+)?)$/.exec(frame)?.[1];
    if (degrees !== undefined) return Number(degrees);
    throw new MessageError(`Not a temperature: ${frame}`, { code: "ERR_MESSAGE_INVALID" });
  }

  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#text !== "") throw this.#fail("ERR_FRAME_TRUNCATED");
  }

  takeRest(): Uint8Array {
    const rest = Uint8Array.from(this.#text, (character) => character.charCodeAt(0));
    this.#text = "";
    return rest;
  }

  #fail(code: string): FrameError {
    this.#text = "";
    return this.#failure = new FrameError(`Cannot read temperature: ${code}`, { code });
  }
}

const temperatures: Codec<number> = {
  decoder: () => new TemperatureDecoder(),
  encode: (degrees) => utf8(`t=${degrees};`),
};

Deno.test("verifyCodec lets pass a codec that a newcomer wrote", () => {
  verifyCodec(temperatures, {
    messages: [0, 21.5, -3],
    invalid: [utf8("t=warm;"), utf8(";")],
    limit: { maxFrameBytes: 16, frame: (bytes) => utf8(`t=${"1".repeat(bytes - 2)};`) },
  });
});

Deno.test("verifyCodec finds what a newcomer's codec loses on the way", () => {
  const rounding: Codec<number> = { ...temperatures, encode: (degrees) => utf8(`t=${degrees.toFixed(1)};`) };
  const { message } = assertThrows(() => verifyCodec(rounding, { messages: [1, 0.25] }), CodecLawError);
  assertEquals(
    message,
    "The codec breaks a law: the messages are those that were sent, however the bytes are cut\n" +
      "  result 0 is 0.3; it should be 0.25\n" +
      "  input: 74 3d 30 2e 33 3b | end()",
  );
});

Deno.test("verifyCodec finds the same with the same seed", () => {
  const codec = sampleCodec(undefined, { encode: (message) => sampleFrame(message.map((byte) => byte & 0x7f)) });
  const messages = [new Uint8Array([0x80])];
  const [first, second] = [1, 1].map((seed) =>
    assertThrows(() => verifyCodec(codec, { messages, seed }), CodecLawError).message
  );
  assertEquals(first, second);
});

Deno.test("verifyCodec throws on what encode throws for a message", () => {
  const error = assertThrows(() => verifyCodec(fixedLength(2), { messages: [utf8("abc")] }), RangeError);
  assertEquals(error.message, "Cannot send frame: it must have exactly 2 bytes; it has 3");
});

Deno.test("verifyCodec leaves messages, wire and bad frames as they are", () => {
  const [message, wire, bad] = [[1, 2], [2, 1, 2], [1, 0xff]].map((values) => new Uint8Array(values));
  verifyCodec(judgingCodec, { messages: [message!], invalid: [bad!] }); // there are three
  verifyCodec(judgingCodec, { messages: [message!], wire: wire! }); // too
  assertEquals([message, wire, bad], [[1, 2], [2, 1, 2], [1, 0xff]].map((values) => new Uint8Array(values)));
});

const messages = [new Uint8Array(0)];
const limit = { maxFrameBytes: 1, frame: sampleFrameOf };

const MISUSES: [what: string, options: unknown, message: string, errorClass?: typeof RangeError][] = [
  ["no options", undefined, 'Option "options" must be an object with messages; it is undefined'],
  ["null for options", null, 'Option "options" must be an object; it is null'],
  [
    "an unknown option",
    { messages, message: [] },
    'Option "message" is unknown; "options" takes messages, received, wire, invalid, limit, seed',
  ],
  ["no messages", {}, 'Option "messages" must be an array with at least one message; it is undefined'],
  [
    "an empty array of messages",
    { messages: [] },
    'Option "messages" must be an array with at least one message; it is an array',
  ],
  ["received that is no array", { messages, received: "" }, 'Option "received" must be an array; it is ""'],
  [
    "more received than sent",
    { messages, received: [1, 2] },
    'Option "received" must be as long as "messages" (1); it has 2',
  ],
  ["a wire of text", { messages, wire: "00" }, 'Option "wire" must be a Uint8Array; it is "00"'],
  [
    "a bad frame of text",
    { messages, invalid: ["00"] },
    'Option "invalid" must be an array of Uint8Arrays; it is an array',
  ],
  [
    "one bad frame",
    { messages, invalid: messages[0] },
    'Option "invalid" must be an array of Uint8Arrays; it is an object',
  ],
  ["a number for a limit", { messages, limit: 9 }, 'Option "limit" must be an object; it is 9'],
  [
    "an unknown option of the limit",
    { messages, limit: { ...limit, bytes: 1 } },
    'Option "limit.bytes" is unknown; "limit" takes maxFrameBytes, frame',
  ],
  [
    "a limit without a number",
    { messages, limit: { frame: sampleFrameOf } },
    'Option "limit.maxFrameBytes" must be an integer from 0 on; it is undefined',
  ],
  [
    "a limit that is negative",
    { messages, limit: { ...limit, maxFrameBytes: -1 } },
    'Option "limit.maxFrameBytes" must be an integer from 0 to 2147483647; it is -1',
    RangeError,
  ],
  [
    "a limit without frames",
    { messages, limit: { maxFrameBytes: 1 } },
    'Option "limit.frame" must be a function; it is undefined',
  ],
  ["a seed of text", { messages, seed: "1" }, 'Option "seed" must be an integer from 0 to 4294967295; it is "1"'],
  [
    "a seed that is too large",
    { messages, seed: 2 ** 32 },
    'Option "seed" must be an integer from 0 to 4294967295; it is 4294967296',
    RangeError,
  ],
];

for (const [what, options, message, errorClass = TypeError] of MISUSES) {
  Deno.test(`verifyCodec refuses ${what}`, () => {
    const error = assertThrows(() => Reflect.apply(verifyCodec, undefined, [sampleCodec(), options]));
    assertInstanceOf(error, errorClass);
    assertEquals(error.message, message);
  });
}

Deno.test("verifyCodec refuses what is no codec", () => {
  const codec = { encode: sampleFrame };
  const error = assertThrows(() => Reflect.apply(verifyCodec, undefined, [codec, { messages }]), TypeError);
  assertEquals(error.message, 'Option "codec" must be a codec; it is an object');
});
