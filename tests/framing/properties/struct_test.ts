// `struct` with random descriptions over every framing.

import fc from "npm:fast-check@4.9.0";
import { struct, type StructFieldType } from "../../../src/framing/mod.ts";
import { CASES, checkCases, messagesOf, SMALL_BYTES } from "./cases.ts";
import { FRAMING } from "./framings.ts";

const integer = (bits: number, min: number) => ({
  bytes: bits / 8,
  value: fc.integer({ min, max: min + 2 ** bits - 1 }),
});
const big = (min: bigint) => ({ bytes: 8, value: fc.bigInt({ min, max: min + 2n ** 64n - 1n }) });

const TYPES: Record<StructFieldType, { bytes: number; value: fc.Arbitrary<number | bigint> }> = {
  u8: integer(8, 0),
  u16: integer(16, 0),
  u32: integer(32, 0),
  u64: big(0n),
  i8: integer(8, -(2 ** 7)),
  i16: integer(16, -(2 ** 15)),
  i32: integer(32, -(2 ** 31)),
  i64: big(-(2n ** 63n)),
  f32: { bytes: 4, value: fc.float() },
  f64: { bytes: 8, value: fc.double() },
};

const NAME = fc.constantFrom("a", "b", "streamType", "constructor", "toString", "é", "-");
const NAMES: StructFieldType[] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64"];
const FIELDS = fc.dictionary(NAME, fc.constantFrom(...NAMES), { minKeys: 1, maxKeys: 2, noNullPrototype: true });

/** A description, and messages of it. */
const DESCRIBED = FIELDS.chain((fields) => {
  const values = Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, TYPES[type].value]));
  return fc.record({
    fields: fc.constant(fields),
    messages: messagesOf(fc.record({ ...values, payload: SMALL_BYTES })),
  });
});

Deno.test("struct keeps the laws with any description, order, framing and limit", () => {
  const values = fc.record({
    described: DESCRIBED,
    endian: fc.constantFrom("big", "little"),
    framing: FRAMING,
    spareBytes: fc.nat(3),
  });
  checkCases(values, CASES, (cases, { described: { fields, messages }, endian, framing, spareBytes }) => {
    const headerBytes = Object.values(fields).reduce((sum, type) => sum + TYPES[type].bytes, 0);
    const maxFrameBytes = headerBytes + 5 + spareBytes;
    const frame = (bytes: number) => framing.unbounded.encode(new Uint8Array(bytes));
    cases.verify({
      codec: struct(fields, { endian, framing: framing.bounded(maxFrameBytes) }),
      messages,
      invalid: [frame(headerBytes - 1)],
      limit: { maxFrameBytes, frame },
    });
  });
});
