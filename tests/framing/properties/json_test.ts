// `json` over every framing, with and without a schema.

import fc from "npm:fast-check@4.9.0";
import { json } from "../../../src/framing/mod.ts";
import { CASES, checkCases, messagesOf, utf8 } from "./cases.ts";
import { TEXT_FRAMING } from "./framings.ts";
import { LONGEST_VALUE_BYTES, nested, NO_JSON, VALUE } from "./json_values.ts";

Deno.test("json keeps the laws with any framing, limits and values", () => {
  const values = fc.record({
    framing: TEXT_FRAMING,
    messages: messagesOf(VALUE),
    bad: fc.oneof(NO_JSON, fc.constant(undefined)),
    maxDepth: fc.integer({ min: 2, max: 4 }),
    spareBytes: fc.nat(9),
  });
  checkCases(values, 0.8 * CASES, (cases, { framing, messages, bad, maxDepth, spareBytes }) => {
    const maxFrameBytes = LONGEST_VALUE_BYTES + spareBytes;
    const frame = (bytes: number) => framing.unbounded.encode(utf8(`"${"x".repeat(bytes - 2)}"`));
    cases.verify({
      codec: json({ framing: framing.bounded(maxFrameBytes), maxDepth }),
      messages: [...messages, JSON.parse(nested(maxDepth))],
      invalid: [framing.unbounded.encode(utf8(bad ?? nested(maxDepth + 1)))],
      limit: { maxFrameBytes, frame },
    });
  });
});

Deno.test("json keeps the laws with a schema", () => {
  // Takes numbers, and makes them one larger.
  const validate = (value: unknown) =>
    typeof value === "number" ? { value: value + 1 } : { issues: [{ message: "it is no number" }] };
  const schema = { "~standard": { version: 1, vendor: "ours", validate } } as const;
  const values = fc.record({
    framing: TEXT_FRAMING,
    messages: messagesOf(fc.integer()),
    refused: fc.constantFrom("null", '"1"', "[1]"),
  });
  checkCases(values, 0.2 * CASES, (cases, { framing: { unbounded }, messages, refused }) => {
    cases.verify({
      codec: json({ framing: unbounded, schema }),
      messages,
      received: messages.map((value) => value + 1),
      invalid: [unbounded.encode(utf8(refused))],
    });
  });
});
