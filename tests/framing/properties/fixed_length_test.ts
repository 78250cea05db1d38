// `fixedLength` with any length and bytes.

import fc from "npm:fast-check@4.9.0";
import { fixedLength } from "../../../src/framing/mod.ts";
import { CASES, checkCases, messagesOf } from "./cases.ts";

Deno.test("fixedLength keeps the laws with any length and bytes", () => {
  const values = fc.integer({ min: 1, max: 9 }).chain((frameBytes) =>
    fc.record({
      codec: fc.constant(fixedLength(frameBytes)),
      messages: messagesOf(
        fc.uint8Array({ minLength: frameBytes, maxLength: frameBytes }).map((bytes) => new Uint8Array(bytes)),
      ),
    })
  );
  checkCases(values, CASES, (cases, value) => cases.verify(value));
});
