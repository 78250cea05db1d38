/** How a pool of connections behaves: the options, checked once, and what it tells of itself. */

import { checkBound, checkFunction, checkInteger, checkKeys, checkMs, invalid } from "../base/check.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import { backoff, type BackoffOptions } from "./backoff.ts";
import { CLIENT_KEYS, type ClientOptions, type Connector, connector } from "./connector.ts";

/**
 * Where a pool connects to, and how many connections it keeps for how long. All times are in milliseconds; `0` is no
 * limit.
 */
export interface PoolOptions<T = TCPSocket> extends ClientOptions {
  /**
   * Most connections, those that are being made included.
   *
   * @default {10}
   */
  max?: number;
  /**
   * Connections that are kept open even when they are not used; made at once. While they end by themselves within 10 s,
   * they are replaced with the pauses of `backoff`.
   *
   * @default {0}
   */
  min?: number;
  /**
   * Most callers that wait while no connection is on its way to them; further ones are refused with `ERR_POOL_FULL`.
   *
   * @default {1_000}
   */
  maxWaiting?: number;
  /**
   * Longest wait of `acquire`, then `ERR_POOL_TIMEOUT`.
   *
   * @default {5_000}
   */
  acquireTimeoutMs?: number;
  /**
   * Longest time for a connect with its `setup`, and for a `check`.
   *
   * @default {10_000}
   */
  createTimeoutMs?: number;
  /**
   * How long a connection may lie idle before it is closed, as long as more than `min` are open.
   *
   * @default {60_000}
   */
  idleMs?: number;
  /**
   * Longest life of a connection, shortened at random by up to a tenth, so that not all end together. A connection in
   * use is closed when it is released.
   *
   * @default {1_800_000}
   */
  maxLifetimeMs?: number;
  /**
   * How long a connection may be in use before the pool emits `leak`.
   *
   * @default {0}
   */
  leakMs?: number;
  /**
   * Prepares a new connection, for example logs in and puts a protocol on it, and returns what the pool lends.
   * Listeners and a claimed read side that it leaves on the socket are kept. When it throws, the connection counts as
   * failed. Left out, the pool lends the socket.
   */
  setup?: (socket: TCPSocket) => T | Promise<T>;
  /**
   * Whether an idle connection is still good; called before it is lent again. A connection for which it returns false,
   * throws, or takes longer than `createTimeoutMs` is destroyed. Left out, connections are not checked.
   */
  check?: (item: T) => boolean | Promise<boolean>;
  /**
   * The pauses between attempts to connect while they fail, or while connections for `min` end soon. The defaults are
   * those of {@link BackoffOptions}.
   */
  backoff?: BackoffOptions;
  /** Closes the pool at once: callers that wait get its reason, connections in use are destroyed. */
  signal?: AbortSignal;
}

/**
 * Why a pool destroyed a connection: it `closed` by itself, was released `dirty`, failed its `check`, lay `idle` too
 * long, reached the end of its `lifetime`, was destroyed by its `lease`, or the pool closed (`shutdown`).
 */
export type PoolDestroyCause = "closed" | "dirty" | "check" | "idle" | "lifetime" | "lease" | "shutdown";

/** What a pool counts. */
export interface PoolMetrics {
  /** Connections that are set up and not closed. */
  readonly open: number;
  /** Open connections that are not in use. */
  readonly idle: number;
  /** Open connections that are in use. */
  readonly leased: number;
  /** Connections that are being made. */
  readonly dialling: number;
  /** Callers that wait. */
  readonly waiting: number;
  /** Connections that were made, ever. */
  readonly created: number;
  /** Connections that were not made, because the connect or its `setup` failed. */
  readonly failed: number;
  /** Connections that are gone, by cause. Together with `open` they are `created`. */
  readonly destroyed: Readonly<Record<PoolDestroyCause, number>>;
  /** Callers that got a connection, ever. */
  readonly acquired: number;
  /** Callers whose time was over (`ERR_POOL_TIMEOUT`). */
  readonly timeouts: number;
  /** How long all callers that got a connection have waited together, in milliseconds. */
  readonly waitMs: number;
  /** The longest of these waits, in milliseconds. */
  readonly maxWaitMs: number;
}

/** {@link PoolOptions}, checked. */
export interface ResolvedPool<T> {
  readonly connect: Connector<unknown>;
  readonly signal: AbortSignal | undefined;
  readonly max: number;
  readonly min: number;
  readonly maxWaiting: number;
  readonly acquireTimeoutMs: number;
  readonly createTimeoutMs: number;
  readonly idleMs: number;
  readonly maxLifetimeMs: number;
  readonly leakMs: number;
  readonly setup: ((socket: TCPSocket) => T | Promise<T>) | undefined;
  readonly check: ((item: T) => boolean | Promise<boolean>) | undefined;
  readonly waitMs: (attempt: number, random: number) => number;
}

const POOL_KEYS = [
  "max",
  "min",
  "maxWaiting",
  "acquireTimeoutMs",
  "createTimeoutMs",
  "idleMs",
  "maxLifetimeMs",
  "leakMs",
  "setup",
  "check",
  "backoff",
] as const;

/** Checks everything; a limit that is off is Infinity. */
export function resolvePool<T>(options: PoolOptions<T>): ResolvedPool<T> {
  if (options === undefined) throw invalid("options", "an object such as { port: 3000 }", options);
  checkKeys("options", options, [...CLIENT_KEYS, ...POOL_KEYS]);
  const client: ClientOptions = { ...options };
  for (const key of POOL_KEYS) Reflect.deleteProperty(client, key);
  const { setup, check } = options;
  if (setup !== undefined) checkFunction("setup", setup);
  if (check !== undefined) checkFunction("check", check);
  const max = checkInteger("max", options.max, 10, 1, 1_000_000);
  return {
    connect: connector(client),
    signal: options.signal,
    max,
    min: checkInteger("min", options.min, 0, 0, max),
    maxWaiting: checkBound("maxWaiting", options.maxWaiting, 1_000, 0),
    acquireTimeoutMs: limitOf("acquireTimeoutMs", options.acquireTimeoutMs, 5_000),
    createTimeoutMs: limitOf("createTimeoutMs", options.createTimeoutMs, 10_000),
    idleMs: limitOf("idleMs", options.idleMs, 60_000),
    maxLifetimeMs: limitOf("maxLifetimeMs", options.maxLifetimeMs, 1_800_000),
    leakMs: limitOf("leakMs", options.leakMs, 0),
    setup,
    check,
    waitMs: backoff(options.backoff),
  };
}

function limitOf(name: string, value: unknown, fallback: number): number {
  const ms = checkMs(name, value, fallback);
  return ms === 0 ? Infinity : ms;
}
