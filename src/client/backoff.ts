/** How long to wait before the next attempt: a pure function of the attempt and of chance. */

import { rangeError } from "../base/argument_errors.ts";
import { checkKeys, checkMs, invalid } from "../base/check.ts";

/** How waits grow from one failed attempt to the next. */
export interface BackoffOptions {
  /**
   * The wait after the first failure, in milliseconds.
   *
   * @default {100}
   */
  initialMs?: number;
  /**
   * By how much each wait is longer than the one before, 1 or more.
   *
   * @default {2}
   */
  factor?: number;
  /**
   * The longest wait, in milliseconds.
   *
   * @default {30_000}
   */
  maxMs?: number;
  /**
   * The part of each wait, from 0 to 1, by which it is shortened at random, so that clients that lost the same server
   * do not all come back at once.
   *
   * @default {0.5}
   */
  jitter?: number;
}

const KEYS = ["initialMs", "factor", "maxMs", "jitter"];

/**
 * Makes the function that computes the pauses of `reconnect` and `createPool`, in milliseconds. `attempt` is 1 after
 * the first failure; `random` is from 0 (the longest pause) to 1 (the shortest one).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { backoff } from "@verb/tcp/tcp";
 *
 * const wait = backoff({ initialMs: 100, factor: 2, maxMs: 1_000 });
 * assertEquals([1, 2, 3, 4, 5].map((attempt) => wait(attempt, 0)), [100, 200, 400, 800, 1_000]);
 * assertEquals(wait(1, 1), 50);
 * ```
 */
export function backoff(options: BackoffOptions = {}): (attempt: number, random: number) => number {
  checkKeys("backoff", options, KEYS);
  const initialMs = checkMs("backoff.initialMs", options.initialMs, 100);
  const maxMs = checkMs("backoff.maxMs", options.maxMs, Math.max(initialMs, 30_000));
  const factor = checkFrom("backoff.factor", options.factor, 2, 1, 1_000);
  const jitter = checkFrom("backoff.jitter", options.jitter, 0.5, 0, 1);
  if (maxMs < initialMs) {
    throw rangeError(`Option "backoff.maxMs" must be backoff.initialMs (${initialMs}) or more; it is ${maxMs}`);
  }
  // A power that is too large for a number is Infinity, and the longest wait then.
  return (attempt, random) => Math.min(maxMs, initialMs * factor ** (attempt - 1)) * (1 - jitter * random);
}

function checkFrom(name: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number") throw invalid(name, `a number from ${min} to ${max}`, value);
  if (!(value >= min && value <= max)) {
    throw rangeError(`Option "${name}" must be from ${min} to ${max}; it is ${value}`);
  }
  return value;
}
