/** Generated inputs for `verifyCodec`, counted. */

import { assertGreaterOrEqual } from "@std/assert";
import fc from "npm:fast-check@4.9.0";
import type { Codec } from "../../../src/framing/mod.ts";
import { verifyCodec, type VerifyCodecOptions } from "../../../src/testing/mod.ts";

/** What each codec is tried with in all of its properties together, at least. */
export const CASES = 10_000;
/** Messages of one call, each of which `verifyCodec` tries alone and with the others: more of small ones. */
const MESSAGES = 20;
const FEWEST_MESSAGES = 2;

// The same inputs each time: what is new is for `deno task fuzz` to find.
const SEED = 3;

/** A codec, and what to verify it with. */
export interface Case<In, Out = In> extends VerifyCodecOptions<In, Out> {
  readonly codec: Codec<In, Out>;
}

/** Counts messages and bad frames. */
export class Cases {
  count = 0;

  verify<In, Out = In>({ codec, ...options }: Case<In, Out>): void {
    verifyCodec(codec, options);
    this.count += options.messages.length + (options.invalid?.length ?? 0);
  }
}

/**
 * Verifies a codec with generated inputs until there were at least `cases`; if it breaks a law, fast-check shows the
 * smallest values that do it and the seed to find them again.
 */
export function checkCases<T>(
  values: fc.Arbitrary<T>,
  cases: number,
  verify: (cases: Cases, value: T) => void,
): void {
  const counted = new Cases();
  const property = fc.property(values, (value) => {
    if (counted.count < cases) verify(counted, value);
  });
  fc.assert(property, { seed: SEED, numRuns: cases / FEWEST_MESSAGES });
  assertGreaterOrEqual(counted.count, cases);
}

/** As many messages as one call takes. */
export function messagesOf<T>(message: fc.Arbitrary<T>, messages: number = MESSAGES): fc.Arbitrary<T[]> {
  return fc.array(message, { minLength: messages, maxLength: messages });
}

/** A few bytes, often none. */
export const SMALL_BYTES: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 4 }).map((bytes) =>
  new Uint8Array(bytes)
);

/** Text in UTF-8. */
export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
