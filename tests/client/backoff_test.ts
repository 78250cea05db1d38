/** The back-off, as a table. */

import { assertEquals, assertThrows } from "@std/assert";
import { backoff } from "../../src/client/backoff.ts";

const pure = { permissions: "none" } as const;

const TABLE: readonly [options: Parameters<typeof backoff>[0], attempt: number, random: number, ms: number][] = [
  // The defaults: 100 ms, doubled up to 30 s, of which chance takes off up to a half.
  [undefined, 1, 0, 100],
  [undefined, 1, 0.5, 75],
  [undefined, 1, 1, 50],
  [undefined, 2, 0, 200],
  [undefined, 3, 0, 400],
  [undefined, 9, 0, 25_600],
  [undefined, 10, 0, 30_000],
  [undefined, 10, 1, 15_000],
  [undefined, 100_000, 0, 30_000],
  [undefined, Number.MAX_SAFE_INTEGER, 1, 15_000],
  [{ initialMs: 0 }, 7, 0, 0],
  [{ initialMs: 40_000 }, 1, 0, 40_000],
  [{ factor: 1 }, 50, 0, 100],
  [{ factor: 1.5 }, 3, 0, 225],
  [{ factor: 10, maxMs: 5_000 }, 3, 0, 5_000],
  [{ jitter: 0 }, 2, 1, 200],
  [{ jitter: 1 }, 2, 0.25, 150],
  [{ jitter: 1 }, 2, 1, 0],
];

for (const [options, attempt, random, ms] of TABLE) {
  Deno.test(
    `backoff(${JSON.stringify(options ?? {})}) waits ${ms} ms at attempt ${attempt}, random ${random}`,
    pure,
    () => {
      assertEquals(backoff(options)(attempt, random), ms);
    },
  );
}

Deno.test("backoff() refuses what is no wait, by the option's name", pure, () => {
  for (
    const [options, message] of [
      [{ initialMs: -1 }, '"backoff.initialMs"'],
      [{ initialMs: 200, maxMs: 100 }, '"backoff.maxMs" must be backoff.initialMs (200) or more; it is 100'],
      [{ factor: 0.5 }, '"backoff.factor" must be from 1'],
      [{ factor: NaN }, '"backoff.factor" must be from 1'],
      [{ jitter: 1.1 }, '"backoff.jitter" must be from 0 to 1; it is 1.1'],
    ] as const
  ) assertThrows(() => backoff(options), RangeError, message);
  assertThrows(() => backoff({ max: 1 } as never), TypeError, '"backoff.max" is unknown');
  assertThrows(() => backoff({ jitter: "1" as never }), TypeError, '"backoff.jitter" must be a number');
});
