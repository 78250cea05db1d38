/** A pool of client connections. */

import { EventEmitter } from "node:events";
import { checkFunction, checkKeys, checkMs, invalid } from "../base/check.ts";
import { asError } from "../base/errors.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import type { Lease } from "./lease.ts";
import { PoolCore } from "./pool_core.ts";
import { type PoolMetrics, type PoolOptions, resolvePool } from "./pool_options.ts";

/** Options of `pool.acquire`. */
export interface AcquireOptions {
  /** Ends the wait; the error is the signal's own reason. */
  signal?: AbortSignal;
}

/** How long `close` waits. */
export interface PoolCloseOptions {
  /**
   * Milliseconds after which connections that are still in use are destroyed.
   *
   * @default {10_000}
   */
  drainMs?: number;
}

/** A connection that has been in use for longer than `leakMs`. */
export interface PoolLeak {
  /** Where it was acquired. */
  readonly stack: string;
  /** For how long it has been in use, in milliseconds. */
  readonly heldMs: number;
}

/** What the listeners of a {@link Pool} are called with. */
export interface PoolEvents {
  /** A connection has been in use for `leakMs`; emitted once for each. */
  leak: [leak: PoolLeak];
}

/**
 * Keeps connections open and lends them to one user at a time. It connects when a connection is needed, never has more
 * than `max` of them, and lends none that is closed or that its last user left dirty. Wrong options throw at the call.
 *
 * Without `setup` it lends bare sockets. Reading claims a socket for good, so such a connection is closed after its
 * first use if it was read from. To use connections again, put your protocol on the socket in `setup` and return it:
 * then the pool lends that.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createRequester, createServer, framed } from "@verb/tcp";
 * import { lines } from "@verb/tcp/framing";
 * import { createPool } from "@verb/tcp/tcp";
 *
 * await using app = createServer();
 * app.onConnection((socket) => {
 *   const peer = framed(socket, lines());
 *   peer.on("message", (line) => peer.send(line.toUpperCase()));
 * });
 * app.listen(0, "127.0.0.1");
 *
 * await using pool = createPool({
 *   port: app.address()!.port,
 *   host: "127.0.0.1",
 *   max: 4,
 *   setup: (socket) => createRequester(framed(socket, lines()), { ordered: true }),
 *   check: async (requester) => await requester.request("ping") === "PING",
 * });
 * assertEquals(await pool.use((requester) => requester.request("hello")), "HELLO");
 *
 * {
 *   using lease = await pool.acquire();
 *   assertEquals(await lease.value.request("bye"), "BYE");
 *   lease.release(); // left out, or after an exception, the connection is destroyed
 * }
 * ```
 */
export function createPool<T>(
  options: PoolOptions<T> & { setup: (socket: TCPSocket) => T | Promise<T> },
): Pool<T>;
/** A pool of bare sockets. */
export function createPool(options: PoolOptions<TCPSocket>): Pool<TCPSocket>;
export function createPool<T>(options: PoolOptions<T>): Pool<T> {
  return new Pool<T>(options);
}

/** A pool of client connections. Made by {@link createPool}. */
export class Pool<T = TCPSocket> extends EventEmitter<PoolEvents> implements AsyncDisposable {
  readonly #core: PoolCore<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => void this.#core.shutDown(0, () => this.#signal?.reason);

  /** The same as `createPool`. */
  constructor(options: PoolOptions<T>) {
    super();
    const resolved = resolvePool(options);
    this.#signal = resolved.signal;
    this.#core = new PoolCore(resolved, (leak) => void this.emit("leak", leak));
    if (this.#signal?.aborted) this.#onAbort();
    else this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Lends a connection; release or dispose the lease when you are done. Waits, in the order of the calls, while all are
   * in use. Rejects with `ERR_POOL_TIMEOUT` (its `cause` is the last failure to connect, if connecting fails),
   * `ERR_POOL_FULL`, `ERR_POOL_CLOSED`, the reason of the signal, or the error of a connect that failed.
   */
  async acquire(options: AcquireOptions = {}): Promise<Lease<T>> {
    checkKeys("options", options, ["signal"]);
    const { signal } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid("signal", "an AbortSignal", signal);
    signal?.throwIfAborted();
    return await this.#core.acquire(signal);
  }

  /** Calls `fn` with a connection, which is released when it is done, and destroyed when it throws. */
  async use<R>(fn: (value: T) => R | Promise<R>, options: AcquireOptions = {}): Promise<R> {
    checkFunction("fn", fn);
    const lease = await this.acquire(options);
    let result: R;
    try {
      result = await fn(lease.value);
    } catch (error) {
      lease.destroy(asError(error));
      throw error;
    }
    lease.release();
    return result;
  }

  /** What it holds and what it has done. */
  metrics(): PoolMetrics {
    return this.#core.metrics();
  }

  /**
   * Closes the pool: waiting callers are rejected with `ERR_POOL_CLOSED`, idle connections end now, and those in use
   * when they are released, after `drainMs` at the latest. Resolves when all are closed. If it is called again, the
   * shorter `drainMs` counts.
   */
  async close(options: PoolCloseOptions = {}): Promise<void> {
    checkKeys("options", options, ["drainMs"]);
    const drainMs = checkMs("drainMs", options.drainMs, 10_000);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    await this.#core.shutDown(drainMs, undefined);
  }

  /** The same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
