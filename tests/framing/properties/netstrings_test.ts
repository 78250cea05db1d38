// `netstrings` with any bytes and limits.

import fc from "npm:fast-check@4.9.0";
import { netstrings } from "../../../src/framing/mod.ts";
import { CASES, checkCases, messagesOf, SMALL_BYTES, utf8 } from "./cases.ts";

Deno.test("netstrings keeps the laws with any bytes and limits", () => {
  // Bytes of which netstrings are made, too; limits on both sides of one more digit.
  const own = fc.string({ unit: fc.constantFrom("0", "1", ":", ","), maxLength: 4 }).map(utf8);
  const message = fc.oneof(SMALL_BYTES, own);
  const values = fc.record({ messages: messagesOf(message), maxFrameBytes: fc.integer({ min: 4, max: 12 }) });
  checkCases(values, CASES, (cases, { messages, maxFrameBytes }) => {
    const frame = (bytes: number) => utf8(`${bytes}:${"x".repeat(bytes)},`);
    cases.verify({ codec: netstrings({ maxFrameBytes }), messages, limit: { maxFrameBytes, frame } });
  });
});
