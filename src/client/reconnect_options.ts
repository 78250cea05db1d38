/** How a client stays connected: the options, checked once. */

import { checkBound, checkFunction, checkKeys, checkMs, invalid } from "../base/check.ts";
import { backoff, type BackoffOptions } from "./backoff.ts";
import { CLIENT_KEYS, type ClientOptions } from "./connector.ts";
import { type Route, routesOf, type Target } from "./targets.ts";

/** What `onRetry` is called with before each new attempt. */
export interface Retry {
  /** Why the last attempt failed. */
  readonly cause: Error;
  /** How many attempts in a row have failed. */
  readonly attempt: number;
  /** How long the next one waits, in milliseconds; 0 where another target is tried at once. */
  readonly delayMs: number;
  /** Where the next one goes. */
  readonly target: Target;
}

/** Where `reconnect` connects to, and how it goes on when that fails. */
export interface ReconnectOptions extends ClientOptions {
  /** The places to connect to, tried in turn, instead of `port`, `host` and `path`. */
  targets?: readonly Target[];
  /** The pauses after all targets have failed once. The defaults are those of {@link BackoffOptions}. */
  backoff?: BackoffOptions;
  /**
   * Milliseconds that a connection must stay open for the back-off to begin anew. A shorter one counts as a failed
   * attempt, so that a server that accepts and closes is not flooded with connects. With `0` every connection is a
   * success.
   *
   * @default {10_000}
   */
  stableMs?: number;
  /**
   * Attempts that may fail in a row; after the last of them the loop throws its error.
   *
   * @default {Infinity}
   */
  maxAttempts?: number;
  /**
   * Whether to try again after this failure; with false the loop throws it. Left out, every failure but a missing
   * permission of Deno is tried again.
   */
  retry?: (cause: Error, attempt: number) => boolean;
  /** Called before each new attempt, for logs. */
  onRetry?: (retry: Retry) => void;
}

/** {@link ReconnectOptions}, checked. */
export interface ResolvedReconnect<State> {
  readonly routes: readonly Route<State>[];
  readonly signal: AbortSignal | undefined;
  readonly waitMs: (attempt: number, random: number) => number;
  readonly stableMs: number;
  readonly maxAttempts: number;
  readonly retry: (cause: Error, attempt: number) => boolean;
  readonly onRetry: ((retry: Retry) => void) | undefined;
}

const KEYS = [...CLIENT_KEYS, "targets", "backoff", "stableMs", "maxAttempts", "retry", "onRetry"];
const DEFAULT_TIMEOUT_MS = 10_000;

/** Checks everything, the way to each target included. */
export function resolveReconnect<State>(options: ReconnectOptions): ResolvedReconnect<State> {
  if (options === undefined) throw invalid("options", "an object such as { port: 3000 }", options);
  checkKeys("options", options, KEYS);
  const { targets, backoff: waits, stableMs, maxAttempts, retry = isRetryable, onRetry, ...client } = options;
  checkFunction("retry", retry);
  if (onRetry !== undefined) checkFunction("onRetry", onRetry);
  // A dial that waits for ever would never be tried again.
  if (client.timeoutMs === undefined && client.deadlines?.connectMs === undefined) {
    client.timeoutMs = DEFAULT_TIMEOUT_MS;
  }
  return {
    routes: routesOf<State>(client, targets),
    signal: client.signal,
    waitMs: backoff(waits),
    stableMs: checkMs("stableMs", stableMs, 10_000),
    maxAttempts: checkBound("maxAttempts", maxAttempts, Infinity, 1),
    retry,
    onRetry,
  };
}

/** A permission that the process lacks does not come with time. */
function isRetryable(cause: Error): boolean {
  return !(cause.cause instanceof Deno.errors.NotCapable);
}
