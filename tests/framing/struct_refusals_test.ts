// What `struct` refuses: descriptions and options when it is made, messages before a byte of them is sent.

import { assertEquals, assertThrows } from "@std/assert";
import { struct, type StructFieldType } from "../../src/framing/struct.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

type Kind = typeof TypeError | typeof RangeError;

const NONE = new Uint8Array(0);

// ---- messages ----

/** Encodes whatever it is. */
function encode(fields: Record<string, StructFieldType>, message: unknown): unknown {
  const codec = struct(fields);
  return Reflect.apply(codec.encode, codec, [message]);
}

const INTEGERS: [type: StructFieldType, min: number, max: number][] = [
  ["u8", 0, 255],
  ["u16", 0, 65_535],
  ["u32", 0, 4_294_967_295],
  ["i8", -128, 127],
  ["i16", -32_768, 32_767],
  ["i32", -2_147_483_648, 2_147_483_647],
];

for (const [type, min, max] of INTEGERS) {
  unit(`struct() refuses to send what ${type} cannot hold, by its name, rule and value`, () => {
    const rule = `Cannot send message: field "value" must be an integer from ${min} to ${max}`;
    for (const value of [min - 1, max + 1, 0.5, min - 0.5, NaN, Infinity, -Infinity, 2 ** 53, 1e300]) {
      const error = assertThrows(() => encode({ value: type }, { value, payload: NONE }), RangeError);
      assertEquals(error.message, `${rule}; it is ${value}`);
    }
    for (const [value, shown] of NO_NUMBERS) {
      const error = assertThrows(() => encode({ value: type }, { value, payload: NONE }), TypeError);
      assertEquals(error.message, `${rule}; it is ${shown}`);
    }
  });
}

const NO_NUMBERS: [value: unknown, shown: string][] = [
  [undefined, "undefined"],
  [null, "null"],
  ["1", '"1"'],
  [true, "true"],
  [1n, "1n"],
  [[1], "an array"],
  [{ valueOf: () => 1 }, "an object"],
  [() => 1, "a function"],
];

for (const [type, min, max] of [["u64", 0n, 2n ** 64n - 1n], ["i64", -(2n ** 63n), 2n ** 63n - 1n]] as const) {
  unit(`struct() refuses to send what ${type} cannot hold, by its name, rule and value`, () => {
    for (const value of [min - 1n, max + 1n, 2n ** 200n, -(2n ** 200n)]) {
      const error = assertThrows(() => encode({ value: type }, { value, payload: NONE }), RangeError);
      const rule = `Cannot send message: field "value" must be an integer from ${min} to ${max}`;
      assertEquals(error.message, `${rule}; it is ${value}`);
    }
    for (const [value, shown] of [[1, "1"], ["1", '"1"'], [undefined, "undefined"], [null, "null"]]) {
      const error = assertThrows(() => encode({ value: type }, { value, payload: NONE }), TypeError);
      const rule = `Cannot send message: field "value" must be a bigint from ${min} to ${max}`;
      assertEquals(error.message, `${rule}; it is ${shown}`);
    }
  });
}

for (const type of ["f32", "f64"] as const) {
  unit(`struct() refuses to send what is no number as ${type}`, () => {
    for (const [value, shown] of NO_NUMBERS) {
      const error = assertThrows(() => encode({ value: type }, { value, payload: NONE }), TypeError);
      assertEquals(error.message, `Cannot send message: field "value" must be a number; it is ${shown}`);
    }
  });
}

unit("struct() refuses to send a finite number that would arrive as infinite", () => {
  // The largest of 32 bits; half a step beyond it rounds up to Infinity.
  const largest = (2 - 2 ** -23) * 2 ** 127;
  const next = (2 - 2 ** -24) * 2 ** 127;
  for (const value of [next, -next, 1e39, Number.MAX_VALUE, -Number.MAX_VALUE]) {
    const error = assertThrows(() => encode({ value: "f32" }, { value, payload: NONE }), RangeError);
    assertEquals(error.message.startsWith('Cannot send message: field "value" must be '), true);
    assertEquals(error.message.endsWith(`; it is ${value}`), true);
  }
  encode({ value: "f32" }, { value: largest, payload: NONE });
});

const BAD_MESSAGES: [what: string, message: unknown, text: string][] = [
  ["a field that is missing", { b: 2, payload: NONE }, 'field "a" must be an integer from 0 to 255; it is undefined'],
  ["a field of a wrong type", { a: 1, b: "2", payload: NONE }, 'field "b" must be a number; it is "2"'],
  ["a field that is unknown", { a: 1, b: 2, c: 3, payload: NONE }, 'the header has no field "c"'],
  ["a field by a wrong name", { A: 1, b: 2, payload: NONE }, 'the header has no field "A"'],
  ["no payload", { a: 1, b: 2 }, 'field "payload" must be a Uint8Array; it is undefined'],
  ["a payload of text", { a: 1, b: 2, payload: "x" }, 'field "payload" must be a Uint8Array; it is "x"'],
  ["a payload of numbers", { a: 1, b: 2, payload: [1] }, 'field "payload" must be a Uint8Array; it is an array'],
  ["a payload that is a bare buffer", { a: 1, b: 2, payload: NONE.buffer }, "must be a Uint8Array; it is an object"],
];

for (const [what, message, text] of BAD_MESSAGES) {
  unit(`struct() refuses to send ${what}`, () => {
    const error = assertThrows(() => encode({ a: "u8", b: "f64" }, message), TypeError, text);
    assertEquals(error.message.startsWith("Cannot send message: "), true);
  });
}

unit("struct() does not take an inherited method for a field that is missing", () => {
  const text = 'field "toString" must be an integer from 0 to 255';
  const fields = Object.fromEntries([["toString", "u8" as const]]);
  assertThrows(() => encode(fields, { payload: NONE }), TypeError, text);
});

for (const [message, shown] of [[undefined, "undefined"], [null, "null"], [5, "5"], ["a", '"a"']]) {
  unit(`struct() refuses to send ${shown}, which is no message`, () => {
    const error = assertThrows(() => encode({ a: "u8" }, message), TypeError);
    assertEquals(error.message, `Option "message" must be an object; it is ${shown}`);
  });
}

// ---- descriptions and options ----

const TYPE_LIST = "u8, u16, u32, u64, i8, i16, i32, i64, f32, f64";

const BAD_FIELDS: [what: string, fields: unknown, text: string][] = [
  ["nothing", undefined, 'Option "fields" must be an object with at least one field; it is undefined'],
  ["null", null, 'Option "fields" must be an object with at least one field; it is null'],
  ["text", "u8", 'Option "fields" must be an object with at least one field; it is "u8"'],
  ["no fields", {}, 'Option "fields" must be an object with at least one field; it is an object'],
  ["a list", ["u8"], 'Option "fields" cannot have a field named "0"'],
  ["a field payload", { a: "u8", payload: "u8" }, 'Option "fields" cannot have a field named "payload"'],
  ["a field __proto__", JSON.parse('{"__proto__":"u8"}'), 'Option "fields" cannot have a field named "__proto__"'],
  ["an index for a name", { a: "u8", 7: "u8" }, 'Option "fields" cannot have a field named "7"'],
  ["an unknown type", { a: "u24" }, `Option "fields.a" must be one of ${TYPE_LIST}; it is "u24"`],
  [
    "an inherited name for a type",
    { a: "toString" },
    `Option "fields.a" must be one of ${TYPE_LIST}; it is "toString"`,
  ],
  ["no type", { a: undefined }, `Option "fields.a" must be one of ${TYPE_LIST}; it is undefined`],
  ["a width for a type", { a: 2 }, `Option "fields.a" must be one of ${TYPE_LIST}; it is 2`],
  ["a list for a type", { a: ["u8"] }, `Option "fields.a" must be one of ${TYPE_LIST}; it is an array`],
];

for (const [what, fields, text] of BAD_FIELDS) {
  unit(`struct() refuses a description that has ${what}`, () => {
    assertEquals(assertThrows(() => Reflect.apply(struct, undefined, [fields]), TypeError).message, text);
  });
}

const BAD_OPTIONS: [options: unknown, kind: Kind, text: string][] = [
  [{ endian: "middle" }, TypeError, 'Option "endian" must be "big" or "little"; it is "middle"'],
  [{ endian: null }, TypeError, 'Option "endian" must be "big" or "little"; it is null'],
  [{ framing: null }, TypeError, 'Option "framing" must be a codec; it is null'],
  [{ framing: {} }, TypeError, 'Option "framing" must be a codec; it is an object'],
  [{ framing: "varint" }, TypeError, 'Option "framing" must be a codec; it is "varint"'],
  [{ maxFrameBytes: 1 }, TypeError, 'Option "maxFrameBytes" is unknown; "options" takes endian, framing'],
  [null, TypeError, 'Option "options" must be an object; it is null'],
  ["little", TypeError, 'Option "options" must be an object; it is "little"'],
];

for (const [options, kind, text] of BAD_OPTIONS) {
  unit(`struct() refuses options: ${text}`, () => {
    const error = assertThrows(() => Reflect.apply(struct, undefined, [{ a: "u8" }, options]), kind);
    assertEquals(error.message, text);
  });
}
