/**
 * What a pool decides: who gets which connection, when one is made, when one goes. Connections move like this:
 *
 *   dialling ──▶ leased ──release──▶ idle ──▶ checking ──▶ leased
 *                                             any ──closed or destroyed──▶ gone
 */

import { now, startTimer, stopTimer, type Timer } from "../base/clock.ts";
import { DeadlineTimer } from "../base/deadline_timer.ts";
import { asError, TcpError } from "../base/errors.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import type { CloseReceipt } from "../telemetry/close_receipt.ts";
import { keep } from "./connector.ts";
import { HeldLease, type Lease } from "./lease.ts";
import { PoolConnection } from "./pool_connection.ts";
import type { PoolMetrics, ResolvedPool } from "./pool_options.ts";
import { PoolTally } from "./pool_tally.ts";
import { type Waiter, Waiters } from "./waiters.ts";
import { endedError, TimeLimit, within } from "./within.ts";

// Lifetimes vary by that part, so that connections that began together do not end together.
const LIFETIME_JITTER = 0.1;
// A connection that ends by itself sooner than that is not replaced at once for `min`: a server may end them all.
const STABLE_MS = 10_000;

/** See the module's comment. */
export class PoolCore<T> {
  readonly #options: ResolvedPool<T>;
  readonly #onLeak: (leak: { stack: string; heldMs: number }) => void;
  readonly #waiters: Waiters<Lease<T>>;
  /** All that are set up and not closed. */
  readonly #open = new Set<PoolConnection<T>>();
  // Whoever was used last is at the end, and goes first.
  #idle: PoolConnection<T>[] = [];
  // In the order in which they were handed out.
  readonly #leases = new Map<HeldLease<T>, PoolConnection<T>>();
  readonly #dials = new Set<TimeLimit>();
  #checking = 0;
  // Dials that failed in a row, and the wait before the next one.
  #failures = 0;
  #lastFailure: Error | undefined;
  #retryTimer: Timer = undefined;
  // Connections in a row that ended by themselves too soon, and the wait before `min` is made up again.
  #shortLives = 0;
  #refillTimer: Timer = undefined;
  readonly #upkeep = new DeadlineTimer((at) => this.#lookAround(at));
  readonly #tally = new PoolTally();
  #closed: PromiseWithResolvers<void> | undefined;
  #closeReason: (() => unknown) | undefined;
  #drainTimer: Timer = undefined;
  #drainedBy = Infinity;

  constructor(options: ResolvedPool<T>, onLeak: (leak: { stack: string; heldMs: number }) => void) {
    this.#options = options;
    this.#onLeak = onLeak;
    this.#waiters = new Waiters(options.acquireTimeoutMs, () => this.#timedOut());
    this.#dispatch();
  }

  acquire(signal: AbortSignal | undefined): Promise<Lease<T>> {
    if (this.#closeReason !== undefined) return Promise.reject(this.#closeReason());
    const { maxWaiting, leakMs } = this.#options;
    if (this.#idle.length === 0 && !this.#mayDial && this.#unserved >= maxWaiting) {
      const error = new TcpError(
        `Cannot acquire a connection: ${this.#waiters.size} callers wait already, at most ${maxWaiting} are allowed ` +
          `(maxWaiting); ${this.#standing()}`,
        { code: "ERR_POOL_FULL", cause: this.#lastFailure },
      );
      return Promise.reject(error);
    }
    const here: { stack?: string } = {};
    if (leakMs < Infinity) Error.captureStackTrace(here);
    const lease = this.#waiters.add(signal, here.stack);
    this.#dispatch();
    return lease;
  }

  metrics(): PoolMetrics {
    return this.#tally.snapshot({
      open: this.#open.size,
      idle: this.#idle.length + this.#checking,
      leased: this.#leases.size,
      dialling: this.#dials.size,
      waiting: this.#waiters.size,
    });
  }

  /** Ends everything: those in use after `drainMs`. Resolves when all are closed. `reason` is the signal's. */
  shutDown(drainMs: number, reason: (() => unknown) | undefined): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers();
      const refuse = reason ?? (() => new TcpError("The pool is closed", { code: "ERR_POOL_CLOSED" }));
      this.#closeReason = refuse;
      for (let waiter; (waiter = this.#waiters.shift()) !== undefined;) waiter.reject(refuse());
      for (const dial of this.#dials) dial.abort(asError(refuse()));
      const leased = new Set(this.#leases.values());
      for (const connection of this.#open) if (!leased.has(connection)) connection.destroy("shutdown");
      this.#idle = [];
      stopTimer(this.#retryTimer);
      stopTimer(this.#refillTimer);
      this.#upkeep.clear();
      this.#settleClosed();
    }
    const drainedBy = now() + drainMs;
    if (drainedBy < this.#drainedBy && this.#leases.size > 0) {
      this.#drainedBy = drainedBy;
      stopTimer(this.#drainTimer);
      const end = () => {
        for (const connection of this.#leases.values()) connection.destroy("shutdown");
      };
      if (drainMs === 0) end();
      else this.#drainTimer = startTimer(end, drainMs);
    }
    return this.#closed.promise;
  }

  #settleClosed(): void {
    if (this.#closed === undefined || this.#open.size + this.#dials.size > 0) return;
    stopTimer(this.#drainTimer);
    this.#closed.resolve();
  }

  /** Callers for whom nothing is under way. */
  get #unserved(): number {
    return this.#waiters.size - this.#checking - this.#dials.size;
  }

  /** While connecting fails, one at a time tries whether it still does. */
  get #mayDial(): boolean {
    const room = this.#open.size + this.#dials.size < this.#options.max;
    return room && this.#retryTimer === undefined && (this.#failures === 0 || this.#dials.size === 0);
  }

  /** Gives everybody who waits what there is, and sees to it that there is more. */
  #dispatch(): void {
    if (this.#closed !== undefined) return;
    while (this.#waiters.size > this.#checking && this.#idle.length > 0) {
      const connection = this.#idle.pop()!; // not empty
      if (!this.#fit(connection)) continue;
      if (this.#options.check === undefined) this.#give(connection);
      else void this.#check(connection, this.#options.check);
    }
    while (this.#mayDial && (this.#unserved > 0 || this.#wantsMore)) void this.#dial();
  }

  /** Whether `min` is to be made up. */
  get #wantsMore(): boolean {
    return this.#refillTimer === undefined && this.#open.size + this.#dials.size < this.#options.min;
  }

  // Never rejects: whoever waits is told.
  async #dial(): Promise<void> {
    const { connect, setup, createTimeoutMs, maxLifetimeMs } = this.#options;
    const probes = this.#failures > 0;
    const limit = new TimeLimit("connect and set up a connection", createTimeoutMs, "createTimeoutMs");
    this.#dials.add(limit);
    let socket: TCPSocket | undefined;
    let failure: Error | undefined;
    try {
      const connected = await connect(limit.signal);
      socket = connected;
      keep(connected);
      if (setup !== undefined) void connected.closed.then((receipt) => limit.abort(endedError(receipt)));
      // Without a setup the socket is what is handed out, as the types of `createPool` say.
      const value = setup === undefined ? connected as T : await within(() => setup(connected), limit);
      const lifetimeMs = maxLifetimeMs * (1 - LIFETIME_JITTER * Math.random());
      const connection = new PoolConnection(connected, value, now() + lifetimeMs);
      if (!connection.open) throw new TcpError("The connection ended during its setup", { code: "ECONNABORTED" });
      limit.signal.throwIfAborted();
      this.#add(connection, limit);
      return;
    } catch (error) {
      failure = asError(error);
    } finally {
      limit.stop();
    }
    socket?.destroy();
    await socket?.closed;
    this.#dials.delete(limit);
    this.#dialFailed(failure, probes);
  }

  #add(connection: PoolConnection<T>, limit: TimeLimit): void {
    this.#dials.delete(limit);
    this.#tally.created++;
    this.#failures = 0;
    this.#lastFailure = undefined;
    stopTimer(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#open.add(connection);
    void connection.socket.closed.then((receipt) => this.#gone(connection, receipt));
    this.#lend(connection);
  }

  #dialFailed(error: Error, probes: boolean): void {
    this.#tally.failed++;
    if (this.#closed !== undefined) return this.#settleClosed();
    this.#lastFailure = error;
    this.#waiters.shift()?.reject(error);
    // Those that began before the first failure are all of one attempt.
    if (this.#failures === 0 || probes) this.#failures++;
    this.#retryTimer ??= startTimer(() => {
      this.#retryTimer = undefined;
      this.#dispatch();
    }, this.#options.waitMs(this.#failures, Math.random()));
  }

  // Never rejects: one that fails its check is destroyed.
  async #check(connection: PoolConnection<T>, check: (item: T) => boolean | Promise<boolean>): Promise<void> {
    const limit = new TimeLimit("check a connection", this.#options.createTimeoutMs, "createTimeoutMs");
    this.#checking++;
    connection.checking = limit;
    let good = false;
    try {
      good = await within(() => check(connection.value), limit) === true;
    } catch {
      // It is not good, then; what exactly was wrong is the check's own business.
    }
    limit.stop();
    connection.checking = undefined;
    this.#checking--;
    if (!good) connection.destroy("check");
    else this.#lend(connection);
    this.#dispatch();
  }

  /** To the next who waits, or to those that lie idle. */
  #lend(connection: PoolConnection<T>): void {
    if (!this.#fit(connection)) return;
    if (this.#waiters.size > 0) this.#give(connection);
    else {
      connection.idleSince = now();
      this.#idle.push(connection);
      this.#upkeep.lookBy(this.#idleUntil(connection));
    }
  }

  /** Whether it can be handed out again; if not, it goes. */
  #fit(connection: PoolConnection<T>): boolean {
    if (this.#closed !== undefined) connection.destroy("shutdown");
    else if (!connection.open) connection.destroy("closed");
    else if (!connection.clean) connection.destroy("dirty");
    else if (connection.diesAt <= now()) connection.destroy("lifetime");
    else return true;
    return false;
  }

  #give(connection: PoolConnection<T>): void {
    const waiter = this.#waiters.shift()!; // callers have looked
    const lease = this.#leaseOf(connection, waiter);
    this.#leases.set(lease, connection);
    this.#tally.hasWaited(lease.since - waiter.since);
    if (this.#options.leakMs < Infinity) this.#upkeep.lookBy(lease.since + this.#options.leakMs);
    waiter.resolve(lease);
  }

  #leaseOf(connection: PoolConnection<T>, { stack }: Waiter<Lease<T>>): HeldLease<T> {
    return new HeldLease(connection.value, now(), stack, (lease, how, error) => {
      if (!this.#leases.delete(lease)) return; // the connection has gone before
      if (how === "destroy") connection.destroy("lease", error);
      else this.#lend(connection);
    });
  }

  /** The connection is closed, whoever did it. */
  #gone(connection: PoolConnection<T>, receipt: CloseReceipt): void {
    const cause = connection.cause ?? "closed";
    this.#open.delete(connection);
    this.#tally.destroyed[cause]++;
    connection.checking?.abort(endedError(receipt));
    if (cause === "closed" && this.#closed === undefined) this.#refillLater(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    for (const [lease, leased] of this.#leases) if (leased === connection) this.#leases.delete(lease);
    this.#settleClosed();
    this.#dispatch();
  }

  /** A server that ends what it has accepted is not stormed for the sake of `min`. Whoever waits is not held up by that. */
  #refillLater({ since }: PoolConnection<T>): void {
    if (now() - since >= STABLE_MS) {
      this.#shortLives = 0;
      return;
    }
    this.#shortLives++;
    if (this.#options.min === 0) return;
    this.#refillTimer ??= startTimer(() => {
      this.#refillTimer = undefined;
      this.#dispatch();
    }, this.#options.waitMs(this.#shortLives, Math.random()));
  }

  #idleUntil({ idleSince, diesAt }: PoolConnection<T>): number {
    return Math.min(diesAt, idleSince + this.#options.idleMs);
  }

  /** Ends what has been idle, or alive, for too long, and tells of leaks. Gives the time of the next look. */
  #lookAround(at: number): number {
    const { idleMs, leakMs, min } = this.#options;
    let next = Infinity;
    let spare = this.#open.size + this.#dials.size - min;
    const kept: PoolConnection<T>[] = [];
    for (const connection of this.#idle) { // the longest idle first
      const tooOld = connection.diesAt <= at;
      if (tooOld || (connection.idleSince + idleMs <= at && spare > 0)) {
        connection.destroy(tooOld ? "lifetime" : "idle");
        spare--;
        continue;
      }
      kept.push(connection);
      // One that stays for `min` is looked at again when there are more.
      next = Math.min(next, spare > 0 ? this.#idleUntil(connection) : connection.diesAt);
    }
    this.#idle = kept;
    if (leakMs === Infinity) return next;
    for (const lease of this.#leases.keys()) {
      if (lease.leaked) continue;
      if (lease.since + leakMs > at) return Math.min(next, lease.since + leakMs);
      lease.leaked = true;
      const leak = { stack: lease.stack ?? "", heldMs: at - lease.since };
      queueMicrotask(() => this.#onLeak(leak)); // a listener that throws is not ours to catch
    }
    return next;
  }

  #timedOut(): Error {
    this.#tally.timeouts++;
    return new TcpError(
      `No connection within ${this.#options.acquireTimeoutMs} ms (acquireTimeoutMs): ${this.#standing()}`,
      { code: "ERR_POOL_TIMEOUT", cause: this.#lastFailure },
    );
  }

  #standing(): string {
    const { open, leased, dialling, waiting } = this.metrics();
    return `${open} of at most ${this.#options.max} open, ${leased} in use, ${dialling} being made, ${waiting} waiting`;
  }
}
