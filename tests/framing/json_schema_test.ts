// Validators of the Standard Schema kind, made by hand here: what `json` and `ndjson` ask of them and make of their answers.

import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import type { Codec } from "../../src/framing/codec.ts";
import { frames } from "../../src/framing/frames.ts";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { ndjson } from "../../src/framing/ndjson.ts";
import type { StandardIssue, StandardResult, StandardSchema } from "../../src/framing/standard_schema.ts";
import { concat, decodeAll, drain, frame, messagesOf, utf8 } from "./decode.ts";
import { type Equal, sameType } from "./equal.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

type Validate<Out> = StandardSchema<unknown, Out>["~standard"]["validate"];

function schemaOf<In = unknown, Out = In>(validate: Validate<Out>): StandardSchema<In, Out> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

/** A validator that breaks its contract. */
function brokenSchema(validate: (value: unknown) => unknown): StandardSchema {
  return Object({ "~standard": { version: 1, vendor: "test", validate } });
}

/** A decoder that has a frame of this value, and then one of 2. */
function decoderOf(schema: StandardSchema, value: unknown = 1) {
  const decoder = json({ schema }).decoder();
  decoder.push(concat(json().encode(value), json().encode(2)));
  return decoder;
}

/** The error of a message about which the schema says this. */
function errorOf(...issues: StandardIssue[]): MessageError {
  const decoder = decoderOf(schemaOf((value) => value === 2 ? { value } : { issues }));
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals(drain(decoder), [{ message: 2 }]); // the stream goes on
  return error;
}

interface Point {
  x: number;
}

// Takes a point, makes a text of it.
const pointToText = schemaOf<Point, string>((value) => {
  const x = typeof value === "object" && value !== null ? Reflect.get(value, "x") : undefined;
  return typeof x === "number" ? { value: `x=${x}` } : { issues: [{ message: "not a number", path: ["x"] }] };
});

// ---- types and values ----

unit("json() and ndjson() have the types of their schema", () => {
  const codec = json({ schema: pointToText });
  sameType<Equal<typeof codec, Codec<Point, string>>>();
  const overBytes = json({ schema: pointToText, framing: lengthPrefixed({ bytes: 2 }), maxDepth: 3 });
  sameType<Equal<typeof overBytes, Codec<Point, string>>>();
  const byLines = ndjson({ schema: pointToText, maxFrameBytes: 100 });
  sameType<Equal<typeof byLines, Codec<Point, string>>>();
  sameType<Equal<ReturnType<ReturnType<typeof codec.decoder>["next"]>, string | undefined>>();
  assertEquals(codec.encode({ x: 1 }), frame('{"x":1}'));
  // @ts-expect-error -- what is sent is the schema's input, not its output
  assertEquals(byLines.encode("x=1"), utf8('"x=1"\n')); // and it is not judged
});

unit("json() and ndjson() without a schema have the type that the caller names, and unknown otherwise", () => {
  const untyped = json();
  sameType<Equal<typeof untyped, Codec<unknown>>>();
  const named = json<Point>({ maxDepth: 3 });
  sameType<Equal<typeof named, Codec<Point>>>();
  const lines = ndjson<Point>();
  sameType<Equal<typeof lines, Codec<Point>>>();
  assertEquals(messagesOf(named.decoder(), [named.encode({ x: 1 })]), [{ x: 1 }]);
});

unit("json() delivers what the schema makes of a value", () => {
  const decoder = json({ schema: pointToText }).decoder();
  assertEquals(messagesOf(decoder, [concat(frame('{"x":1}'), frame('{"x":2}'))]), ["x=1", "x=2"]);
});

unit("ndjson() delivers what the schema makes of a value", () => {
  const decoder = ndjson({ schema: pointToText }).decoder();
  assertEquals(messagesOf(decoder, [utf8('{"x":1}\n\n{"x":2}\n')]), ["x=1", "x=2"]);
});

unit("json() delivers null, false, 0 and empty text of a schema as messages", () => {
  for (const value of [null, false, 0, "", NaN]) {
    assertEquals(messagesOf(json({ schema: schemaOf(() => ({ value })) }).decoder(), [frame("1")]), [value]);
  }
});

unit("json() does not ask the schema about what is sent", () => {
  const never = schemaOf(() => {
    throw new Error("asked");
  });
  assertEquals(json({ schema: never }).encode({ a: 1 }), frame('{"a":1}'));
  assertEquals(ndjson({ schema: never }).encode({ a: 1 }), utf8('{"a":1}\n'));
});

unit(
  "json() asks the schema once for each message, as a method, and never about texts that are no JSON or too deep",
  () => {
    const asked: unknown[] = [];
    const standard = {
      version: 1 as const,
      vendor: "test",
      validate(this: unknown, value: unknown): StandardResult<unknown> {
        assertStrictEquals(this, standard);
        asked.push(value);
        return { value };
      },
    };
    const decoder = json({ schema: { "~standard": standard }, maxDepth: 2 }).decoder();
    decodeAll(decoder, [concat(frame("[1]"), frame("{"), frame("[[[1]]]"), frame("null"))]);
    assertEquals(asked, [[1], null]);
  },
);

unit("json() takes a schema that is a function, and one that inherits its validator", () => {
  const standard = pointToText["~standard"];
  const callable = Object.assign(() => {}, { "~standard": standard });
  class Inheriting {
    get "~standard"() {
      return standard;
    }
  }
  for (const schema of [callable, new Inheriting()]) {
    assertEquals(messagesOf(json({ schema }).decoder(), [frame('{"x":1}')]), ["x=1"]);
  }
});

// ---- values that fail ----

const PATHS: [what: string, path: StandardIssue["path"], shown: string][] = [
  ["a key", ["user"], "user"],
  ["nested keys", ["user", "address", "zip"], "user.address.zip"],
  ["an array index", ["tags", 0], "tags[0]"],
  ["an index first", [3, "name"], "[3].name"],
  ["nested indexes", ["grid", 1, 2], "grid[1][2]"],
  ["segments of objects with a key", [{ key: "user" }, { key: "tags" }, { key: 1 }], "user.tags[1]"],
  ["mixed segments", ["user", { key: "tags" }, 7, { key: "id" }], "user.tags[7].id"],
  ["an empty path", [], "the value"],
  ["no path", undefined, "the value"],
];

for (const [what, path, shown] of PATHS) {
  unit(`json() names the place of a failing value by ${what}: ${shown}`, () => {
    const error = errorOf({ message: "must be better", ...(path === undefined ? {} : { path }) });
    assertEquals(error.message, `Cannot read message: ${shown}: must be better`);
  });
}

unit("json() names a symbol in a path", () => {
  for (const path of [["a", Symbol("mine")], ["a", { key: Symbol("mine") }], [Symbol("mine")]]) {
    const { message } = errorOf({ message: "bad", path });
    assert(message.includes("Symbol(mine)"), message);
  }
});

unit("json() quotes keys in a path that could be taken for something else", () => {
  const keys = [["", '[""]'], ["two words", '["two words"]'], ["a.b", '["a.b"]'], ["a[0]", '["a[0]"]'], ["0", '["0"]']];
  for (const [key = "", shown] of keys) {
    assertEquals(errorOf({ message: "bad", path: ["in", key] }).message, `Cannot read message: in${shown}: bad`);
    assertEquals(errorOf({ message: "bad", path: [key] }).message, `Cannot read message: ${shown}: bad`);
  }
});

unit("json() lets a peer write no lines of its own into an error by the names of its keys", () => {
  const { message } = errorOf({ message: "bad", path: ["in", "\r\nINFO all is well\u001b[0m"] });
  for (const character of "\r\n\u001b") assert(!message.includes(character), JSON.stringify(message));
});

unit("json() says how many more things are wrong with a message, and has all of them as the cause", () => {
  const issues = [{ message: "one", path: ["a"] }, { message: "two", path: ["b"] }, { message: "three" }];
  const error = errorOf(...issues);
  assertEquals(error.message, "Cannot read message: a: one (and 2 more)");
  assertEquals(error.cause, issues);
  assertEquals([error.code, error.frameBytes, error.recoverable], ["ERR_MESSAGE_INVALID", 1, true]);
  assertEquals(errorOf(...issues.slice(1)).message, "Cannot read message: b: two (and 1 more)");
});

unit("json() takes an empty list of issues for a failure without a reason", () => {
  const error = errorOf();
  assertEquals([error.message, error.cause], ["Cannot read message: no reason given", []]);
});

unit("ndjson() reports a failing value as json() does", () => {
  const decoder = ndjson({ schema: pointToText }).decoder();
  decoder.push(utf8('{"x":1}\n{"x":"1"}\r\n{"x":3}\n'));
  assertEquals(decoder.next(), "x=1");
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals([error.message, error.frameBytes], ["Cannot read message: x: not a number", 9]);
  assertEquals(decoder.next(), "x=3");
});

Deno.test("json() lets a stream go on behind failing values", { permissions: "none" }, async () => {
  const wire = concat(frame('{"x":1}'), frame('{"y":2}'), frame("3"), frame('{"x":4}'));
  const failures: string[] = [];
  const onInvalid = ({ message }: MessageError) => void failures.push(message);
  const source = ReadableStream.from([wire.slice(0, 20), wire.slice(20)]);
  const messages = await Array.fromAsync(frames(source, json({ schema: pointToText }), { onInvalid }));
  assertEquals(messages, ["x=1", "x=4"]);
  assertEquals(failures, Array(2).fill("Cannot read message: x: not a number"));
});

// ---- schemas that do what they must not ----

unit("json() reports what a validator throws as the cause of a bad message and goes on", () => {
  for (const thrown of [new Error("mine"), "text", undefined]) {
    const decoder = decoderOf(schemaOf((value) => {
      if (value === 2) return { value };
      throw thrown;
    }));
    const error = assertThrows(() => decoder.next(), MessageError);
    assertEquals([error.message, error.code], ["Cannot read message: the schema threw", "ERR_MESSAGE_INVALID"]);
    assertStrictEquals(error.cause, thrown);
    assertEquals(decoder.next(), 2);
  }
});

const ANSWERS: [what: string, answer: () => unknown][] = [
  ["a promise", () => Promise.resolve({ value: 1 })],
  ["a promise that rejects", () => Promise.reject(new Error("late"))],
  ["something else that can be awaited", () => ({ then: (done: (result: unknown) => void) => done({ value: 1 }) })],
  ["an awaitable that rejects", () => ({ then: (_: unknown, fail?: (e: Error) => void) => fail?.(new Error("late")) })],
];

for (const [what, answer] of ANSWERS) {
  Deno.test(`json() refuses a schema that answers with ${what}, and no rejection is left over`, async () => {
    const unhandled: unknown[] = [];
    const listener = (event: PromiseRejectionEvent) => {
      event.preventDefault();
      unhandled.push(event.reason);
    };
    addEventListener("unhandledrejection", listener);
    try {
      const decoder = decoderOf(brokenSchema((value) => value === 2 ? { value } : answer()));
      const error = assertThrows(() => decoder.next(), TypeError);
      assertEquals(error.message, 'Option "schema" must not be asynchronous; its validate() returned a promise');
      assertEquals(decoder.next(), 2);
      await new Promise((resolve) => setTimeout(resolve)); // rejections are told at the end of a turn
    } finally {
      removeEventListener("unhandledrejection", listener);
    }
    assertEquals(unhandled, []);
  });
}

// `undefined` from next() means that more bytes are needed: a message must never look like that.
for (const [what, answer] of [["undefined", { value: undefined }], ["nothing at all", {}]] as const) {
  unit(`json() and ndjson() report a value of which the schema makes ${what} as a bad message`, () => {
    const schema = brokenSchema((value) => value === 1 ? answer : { value });
    const expected = [{ invalid: "ERR_MESSAGE_INVALID" }, { message: 2 }];
    assertEquals(decodeAll(json({ schema }).decoder(), [concat(frame("1"), frame("2"))]), expected);
    assertEquals(decodeAll(ndjson({ schema }).decoder(), [utf8("1\n2\n")]), expected);
  });
}

const NO_SCHEMAS: [value: unknown, shown: string][] = [
  [null, "null"],
  ["zod", '"zod"'],
  [5, "5"],
  [{}, "an object"],
  [() => true, "a function"],
  [{ "~standard": { version: 1, vendor: "test" } }, "an object"],
  [{ "~standard": { version: 2, vendor: "test", validate() {} } }, "an object"],
  [{ "~standard": { vendor: "test", validate() {} } }, "an object"],
  [{ "~standard": null }, "an object"],
];

for (const [i, [schema, shown]] of NO_SCHEMAS.entries()) {
  unit(`json() and ndjson() refuse what is no schema (${i}): ${shown}`, () => {
    for (const make of [json, ndjson]) {
      const error = assertThrows(() => Reflect.apply(make, undefined, [{ schema }]), TypeError);
      const rule = 'must be a Standard Schema (version 1, with "~standard".validate)';
      assertEquals(error.message, `Option "schema" ${rule}; it is ${shown}`);
      assertInstanceOf(error, TypeError);
    }
  });
}
