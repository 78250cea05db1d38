/** JSON values, texts that are none, and how large they are. */

import fc from "npm:fast-check@4.9.0";

const KEY = fc.constantFrom("", "é", "__proto__", "0", "\n");
const LEAF = fc.constantFrom<unknown>(null, true, 0, -1, 1.5e300, "", "a", "\u2028", "🦕", '"\\', "\r\n", "\0", [], {});

/** Small values of all kinds, keys that other parsers stumble over among them. */
export const VALUE: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: LEAF },
  { weight: 1, arbitrary: fc.array(LEAF, { maxLength: 2 }) },
  // Not an object literal: `__proto__` is a key like any other.
  { weight: 1, arbitrary: fc.tuple(KEY, LEAF).map((entry) => Object.fromEntries([entry])) },
);

/** Texts that are no JSON. */
export const NO_JSON: fc.Arbitrary<string> = fc.constantFrom(
  "{",
  "[1,]",
  "nul",
  "'a'",
  '"',
  "{]",
  "01",
  "1 2",
  "\ufeff\ufeff1",
  "é",
);

/** No text of these values is longer. */
export const LONGEST_VALUE_BYTES = 24;

/** Arrays in each other. */
export const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
