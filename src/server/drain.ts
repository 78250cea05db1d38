/** The orderly end of a server: readiness off, no more accepts, `shutdown`, the peers' own ends, and force at last. */

import { now, startTimer, stopTimer, type Timer } from "../base/clock.ts";
import { type DeadlineTimer, startDeadline } from "../base/deadline_timer.ts";
import { checkKeys, checkMs } from "../base/check.ts";
import { letGo } from "../socket/nobody.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import type { DrainReport } from "../telemetry/drain_report.ts";

/** How long `close` waits. */
export interface CloseOptions {
  /**
   * Milliseconds for which the server still accepts after `app.ready` has become false, because load balancers take their
   * time to notice. A server that does not listen waits for nothing.
   *
   * @default {0}
   */
  settleMs?: number;
  /**
   * Milliseconds after which connections that are still open are destroyed.
   *
   * @default {10_000}
   */
  drainMs?: number;
}

/** {@link CloseOptions}, checked. */
export type ResolvedCloseOptions = Readonly<Required<CloseOptions>>;

/** The names that {@link CloseOptions} knows. */
export const CLOSE_KEYS: readonly string[] = ["settleMs", "drainMs"];

/** Checks the options and fills in the defaults. */
export function resolveClose(options: CloseOptions, known: readonly string[] = CLOSE_KEYS): ResolvedCloseOptions {
  checkKeys("options", options, known);
  return {
    settleMs: checkMs("settleMs", options.settleMs, 0),
    drainMs: checkMs("drainMs", options.drainMs, 10_000),
  };
}

/** The server, as its drain sees it. */
export interface DrainPort {
  listening(): boolean;
  /** Stops accepting for good and gives the sockets that are open; `left` resolves when the listener has left its place. */
  stopAccepting(): { sockets: TCPSocket[]; left: void | Promise<void> };
  /** The last socket is gone. */
  drained(report: DrainReport): void;
}

/** One drain of one server. */
export class Drain {
  /** When it is over. Never rejects. */
  readonly report: Promise<DrainReport>;
  readonly #port: DrainPort;
  readonly #startedAt = now();
  readonly #over = Promise.withResolvers<DrainReport>();
  /** The last socket is gone. */
  over = false;
  #settling: Timer;
  #deadline: DeadlineTimer | undefined;
  // The sockets that were open when accepting stopped.
  #leaving: TCPSocket[] | undefined;

  constructor(port: DrainPort) {
    this.#port = port;
    this.report = this.#over.promise;
  }

  /** Begins. Apart from the constructor, because a `shutdown` listener may ask for the report. */
  start({ settleMs, drainMs }: ResolvedCloseOptions): void {
    if (this.#leaving !== undefined) return; // whoever heard of it has forced it
    if (settleMs === 0 || !this.#port.listening()) this.#shutDown(drainMs);
    else this.#settling = startTimer(() => this.#shutDown(drainMs), settleMs);
  }

  /** Destroys what is left now. */
  force(): void {
    stopTimer(this.#settling);
    this.#deadline?.clear();
    if (this.#leaving !== undefined) return this.#destroy(this.#leaving);
    const { sockets, left } = this.#port.stopAccepting();
    this.#destroy(this.#leaving = sockets);
    void this.#finish(sockets, left);
  }

  #destroy(leaving: readonly TCPSocket[]): void {
    for (const socket of leaving) connectionOf(socket).destroy(undefined, "shutdown");
  }

  #shutDown(drainMs: number): void {
    const { sockets: leaving, left } = this.#port.stopAccepting();
    this.#leaving = leaving;
    this.#deadline = startDeadline(() => this.force(), drainMs, { steps: 1, keepsAlive: true });
    for (const socket of leaving) {
      if (socket.destroyed) continue; // by the listener of another one
      const connection = connectionOf(socket);
      const handled = socket.listenerCount("shutdown") > 0;
      connection.draining = true;
      connection.emit("shutdown");
      if (!handled) connection.endForShutdown();
      letGo(connection);
    }
    void this.#finish(leaving, left);
  }

  async #finish(leaving: readonly TCPSocket[], left: void | Promise<void>): Promise<void> {
    const receipts = await Promise.all(leaving.map((socket) => connectionOf(socket).closed));
    await left;
    this.#deadline?.clear();
    const forced = receipts.filter(({ reason }) => reason === "shutdown").length;
    const report: DrainReport = Object.freeze({
      ended: receipts.length - forced,
      forced,
      unsentBytes: receipts.reduce((sum, { unsentBytes }) => sum + unsentBytes, 0),
      tookMs: Math.round(now() - this.#startedAt),
    });
    this.over = true;
    this.#port.drained(report);
    this.#over.resolve(report);
  }
}
