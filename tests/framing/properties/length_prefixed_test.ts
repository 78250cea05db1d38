// `lengthPrefixed` with every width, order, place and meaning of its length.

import { concat } from "@std/bytes";
import fc from "npm:fast-check@4.9.0";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../../src/framing/mod.ts";
import { CASES, checkCases, messagesOf } from "./cases.ts";

const LONGEST_BODY = 4;

/** A header in front of the length, a body behind it. */
const PARTS = fc.record({
  header: fc.uint8Array({ minLength: 3, maxLength: 3 }),
  body: fc.uint8Array({ maxLength: LONGEST_BODY }),
});

const LAYOUT = fc.record({
  bytes: fc.constantFrom<NonNullable<LengthPrefixedOptions["bytes"]>>(1, 2, 3, 4, 8, "varint"),
  endian: fc.constantFrom("big", "little"),
  offset: fc.nat(3),
  adjust: fc.integer({ min: -9, max: 3 }),
  onOversize: fc.constantFrom("fail", "skip"),
  spareBytes: fc.nat(3),
  parts: messagesOf(PARTS),
  strip: fc.nat(4),
});

type Layout = typeof LAYOUT extends fc.Arbitrary<infer T> ? T : never;

function layoutOf({ bytes, endian, offset, adjust, onOversize, spareBytes, parts }: Layout) {
  const least = Math.max(0, adjust);
  const maxFrameBytes = least + LONGEST_BODY + spareBytes;
  const options: LengthPrefixedOptions = {
    bytes,
    offset,
    adjust,
    onOversize,
    ...(bytes === "varint" ? {} : { endian }),
  };
  const unbounded = lengthPrefixed({ ...options, maxFrameBytes: Infinity });
  const frame = (bytes: number) => unbounded.encode(new Uint8Array(offset + bytes));
  const messages = parts.map(({ header, body }) => concat([header.subarray(0, offset), new Uint8Array(least), body]));
  const received = messages.map((message) => message.subarray(offset));
  return { options: { ...options, maxFrameBytes }, messages, received, limit: { maxFrameBytes, frame } };
}

Deno.test("lengthPrefixed keeps the laws with any layout, limit and messages", () => {
  checkCases(LAYOUT, 0.6 * CASES, (cases, value) => {
    const { options, limit, ...sent } = layoutOf(value);
    const invalid = value.onOversize === "skip" ? [limit.frame(limit.maxFrameBytes + 1 + value.spareBytes)] : [];
    cases.verify({ codec: lengthPrefixed(options), ...sent, limit, invalid });
  });
});

Deno.test("lengthPrefixed keeps the laws when it only receives, with any strip", () => {
  checkCases(LAYOUT, 0.2 * CASES, (cases, value) => {
    const { options, messages } = layoutOf(value);
    const encoder = lengthPrefixed(options);
    const frames = messages.map((message) => encoder.encode(message));
    const strip = Math.min(value.strip, ...frames.map(({ length }) => length));
    const received = frames.map((frame) => frame.subarray(strip));
    cases.verify({ codec: lengthPrefixed({ ...options, strip }), messages, received, wire: concat(frames) });
  });
});

Deno.test("lengthPrefixed keeps the laws for varints that are longer than they must be", () => {
  const padded = fc.record({ body: fc.uint8Array({ maxLength: LONGEST_BODY }), padding: fc.nat(8) });
  checkCases(messagesOf(padded), 0.2 * CASES, (cases, parts) => {
    const frames = parts.map(({ body, padding }) => {
      if (padding === 0) return new Uint8Array([body.length, ...body]);
      return new Uint8Array([0x80 | body.length, ...new Uint8Array(padding - 1).fill(0x80), 0, ...body]);
    });
    const messages = parts.map(({ body }) => new Uint8Array(body));
    cases.verify({ codec: lengthPrefixed({ bytes: "varint" }), messages, wire: concat(frames) });
  });
});
