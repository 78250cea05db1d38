// `ndjson` with any values, bad lines, blank lines and limits.

import fc from "npm:fast-check@4.9.0";
import { ndjson } from "../../../src/framing/mod.ts";
import { CASES, checkCases, messagesOf, utf8 } from "./cases.ts";
import { LONGEST_VALUE_BYTES, nested, NO_JSON, VALUE } from "./json_values.ts";

Deno.test("ndjson keeps the laws with any limit and values", () => {
  const values = fc.record({
    messages: messagesOf(VALUE),
    bad: fc.oneof(NO_JSON, fc.constant(nested(3))),
    spareBytes: fc.nat(9),
  });
  checkCases(values, 0.8 * CASES, (cases, { messages, bad, spareBytes }) => {
    const maxFrameBytes = LONGEST_VALUE_BYTES + spareBytes;
    const frame = (bytes: number) => utf8(`"${"x".repeat(bytes - 2)}"\n`);
    const invalid = [utf8(`${bad}\n`)];
    cases.verify({ codec: ndjson({ maxFrameBytes, maxDepth: 2 }), messages, invalid, limit: { maxFrameBytes, frame } });
  });
});

Deno.test("ndjson keeps the laws for blank lines, a mixture of ends, and a last line without one", () => {
  const line = fc.record({
    value: VALUE,
    blank: fc.constantFrom("", "\n", "\r\n", " \t\n"),
    end: fc.constantFrom("\n", "\r\n", " \n"),
  });
  checkCases(
    fc.record({ lines: messagesOf(line), ended: fc.boolean() }),
    0.2 * CASES,
    (cases, { lines, ended }) => {
      const text = lines.map(({ value, blank, end }) => blank + JSON.stringify(value) + end).join("");
      const wire = utf8(ended ? text : text.trimEnd());
      cases.verify({ codec: ndjson(), messages: lines.map(({ value }) => value), wire });
    },
  );
});
