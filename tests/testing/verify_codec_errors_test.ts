// Messages that are errors, as those of Redis are, and where in the input a law was broken.

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Codec, FrameDecoder } from "../../src/framing/mod.ts";
import { CodecLawError, verifyCodec } from "../../src/testing/mod.ts";
import { REST_BREACHES } from "./broken_frames.ts";
import { END_BREACHES } from "./broken_decoders.ts";
import { sampleCodec, SampleDecoder, sampleFrame } from "./sample_codec.ts";

class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
class OtherRefusal extends Refusal {}

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Sends texts; what comes of one is made by `read`. */
function codecOf<Out>(read: (text: string) => Out): Codec<string, Out> {
  return {
    encode: (text) => sampleFrame(utf8(text)),
    decoder(): FrameDecoder<Out> {
      const inner = new SampleDecoder();
      return {
        push: (chunk) => inner.push(chunk),
        next() {
          const bytes = inner.next();
          return bytes === undefined ? undefined : read(new TextDecoder().decode(bytes));
        },
        end: () => inner.end(),
        get bufferedBytes() {
          return inner.bufferedBytes;
        },
        takeRest: () => inner.takeRest(),
      };
    },
  };
}

const SAME: Record<string, (text: string) => unknown> = {
  "an Error": (text) => new Error(text),
  "a TypeError": (text) => new TypeError(text),
  "an error of a class of one's own": (text) => new Refusal(text, "E1"),
  "an error with a cause": (text) => new Refusal(text, "E1", { cause: new RangeError(text) }),
  "an AggregateError": (text) => new AggregateError([new Error(text), 1], text),
  "a DOMException": (text) => new DOMException(text, "AbortError"),
  "errors in arrays": (text) => [1, [new Refusal(text, "E1")], text],
  "errors in objects": (text) => ({ at: 5, result: { error: new Refusal(text, "E1") } }),
  "errors in maps and sets": (text) =>
    new Map<unknown, unknown>([["a", new Error(text)], ["b", new Set([new Error(text)])]]),
  "an error that knows itself": (text) => {
    const error = new Error(text);
    return Object.assign(error, { self: error, all: [error] });
  },
};

for (const [what, make] of Object.entries(SAME)) {
  Deno.test(`verifyCodec takes ${what} for equal where class, message and properties are`, () => {
    const messages = ["", "a", "zoë"];
    verifyCodec<string, unknown>(codecOf(make), { messages, received: messages.map(make) });
  });
}

const DIFFERENT: Record<string, [made: unknown, wanted: unknown]> = {
  "another message": [new Refusal("x", "E1"), new Refusal("y", "E1")],
  "another property": [new Refusal("x", "E1"), new Refusal("x", "E2")],
  "one property more": [Object.assign(new Refusal("x", "E1"), { more: undefined }), new Refusal("x", "E1")],
  "another class": [new OtherRefusal("x", "E1"), new Refusal("x", "E1")],
  "another built-in class": [new TypeError("x"), new RangeError("x")],
  "another cause": [new Error("x", { cause: new Error("a") }), new Error("x", { cause: new Error("b") })],
  "no cause": [new Error("x"), new Error("x", { cause: new Error("b") })],
  "other errors inside": [new AggregateError([new Error("a")], "x"), new AggregateError([new Error("b")], "x")],
  "another DOMException": [new DOMException("x", "AbortError"), new DOMException("x", "TimeoutError")],
  "another message deep inside": [[{ a: new Error("x") }], [{ a: new Error("y") }]],
  "another message in a map": [new Map([[1, new Error("x")]]), new Map([[1, new Error("y")]])],
  "a plain object": [new Error("x"), { message: "x" }],
};

for (const [what, [made, wanted]] of Object.entries(DIFFERENT)) {
  Deno.test(`verifyCodec does not take an error for equal that has ${what}`, () => {
    const error = assertThrows(
      () => verifyCodec<string, unknown>(codecOf(() => made), { messages: ["x"], received: [wanted] }),
      CodecLawError,
    );
    assertEquals(error.law, "the messages are those that were sent, however the bytes are cut");
  });
}

Deno.test("a CodecLawError shows errors without their stacks", () => {
  const error = assertThrows(
    () =>
      verifyCodec<string, unknown>(codecOf((text) => new Refusal(text, "E1")), {
        messages: ["x"],
        received: [[new Error("y")]],
      }),
    CodecLawError,
  );
  assertMatch(error.message, /result 0 is \[Refusal: x\] \{.*code: "E1".*\}; it should be \[ \[Error: y\] \]/s);
});

/** What the report of a broken law ends with. */
function inputOf({ codec, options }: typeof END_BREACHES[number]): string {
  const messages = [new Uint8Array([1, 2, 3]), new Uint8Array([7]), new Uint8Array(0)];
  const { message } = assertThrows(() => verifyCodec(codec, { messages, ...options }), CodecLawError);
  return message.slice(message.lastIndexOf("\n  input: ") + "\n  input: ".length);
}

const breach = (breaches: typeof END_BREACHES, what: string) => breaches.find((one) => one.what === what)!; // it is there

Deno.test("a CodecLawError says where in the input end() was called", () => {
  assertEquals(inputOf(breach(END_BREACHES, "ends in silence inside a frame")), "01 | end()");
});

Deno.test("a CodecLawError says where in the input takeRest() was called", () => {
  const inputs = REST_BREACHES.map((one) => `${one.what}: ${inputOf(one)}`);
  for (const input of inputs) assertMatch(input, /takeRest\(\) after \d results?/);
});

Deno.test("a CodecLawError says what came behind takeRest(), and on which decoder", () => {
  // What it keeps from before comes to light only with the next bytes.
  const forgetful = sampleCodec(() =>
    new class extends SampleDecoder {
      stale: Uint8Array | undefined;
      override takeRest(): Uint8Array {
        const rest = super.takeRest();
        if (rest.length > 0) this.stale = new Uint8Array([9]);
        return rest;
      }
      override next(): Uint8Array | undefined {
        const { stale } = this;
        this.stale = undefined;
        return stale ?? super.next();
      }
    }()
  );
  assertEquals(
    inputOf({ what: "", law: "", chunks: [], codec: forgetful }),
    "00 | takeRest() after 0 results | 00 | nothing | end()",
  );
});

Deno.test("a CodecLawError shows no call that was not made", () => {
  const never = sampleCodec(() =>
    new class extends SampleDecoder {
      override next(): Uint8Array | undefined {
        return this.bufferedBytes > this.length() ? new Uint8Array(0) : undefined;
      }
    }()
  );
  assertEquals(inputOf({ what: "", law: "", chunks: [], codec: never }), "00");
});
