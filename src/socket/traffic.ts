/** The numbers that traffic moves on one connection, and the clocks that look at them. */

import type { Account } from "./account.ts";
import { breathe, COSTLY_MS, isBusy } from "../base/breathing.ts";
import { now } from "../base/clock.ts";
import { load } from "../base/read_proof.ts";
import type { CloseReason } from "../telemetry/close_receipt.ts";
import type { DeadlineLimits } from "./deadline_options.ts";
import { type DeadlineOwner, DeadlineWatch, type FrameClock } from "./deadlines.ts";
import { forsakenError, stalledError } from "./endings.ts";
import { Flushing, flushStarted } from "./flush_watch.ts";
import type { Guest } from "../limits/guest.ts";
import type { IdleTimer } from "./idle_timer.ts";
import type { SocketSettings } from "./settings.ts";
import type { WriteQueue } from "./write_queue.ts";

/** What comes and goes, and when: in whole milliseconds of `now()`, which need no box in memory. */
export abstract class Traffic extends Flushing implements DeadlineOwner {
  /** When the connection was made; for a client, when it was opened. */
  openedAt: number = Math.floor(now());
  /** When bytes, or the peer's FIN, last came. */
  readAt: number = this.openedAt;
  /** When bytes last left, or our side was ended. */
  wroteAt: number = this.openedAt;
  bytesRead = 0;
  readEnded = false;
  writeEnded = false;
  /** When reading went on after our end; before, we had refused to. */
  protected readsSince = 0;
  #refusing = false;
  /** The timer of `setTimeout`. */
  idle: IdleTimer | undefined;
  timeoutMs = 0;
  timeoutDestroys = false;
  abstract readonly queue: WriteQueue;
  abstract readonly settings: SocketSettings;
  /** A data listener is running: its writes leave together right after it. */
  protected inTurn = false;
  /** Where the server has a budget of memory. */
  account: Account | undefined;
  /** Where the server counts who is inside. */
  guest: Guest | undefined;
  // What was read last took its time.
  #costly = false;
  // Only where a deadline is on.
  #deadlines: DeadlineWatch | undefined;

  abstract destroy(error: Error, reason: CloseReason): void;

  override get flushMs(): number {
    return this.settings.flushMs;
  }

  override stalled(): void {
    this.destroy(stalledError(this.queue.length, this.flushMs), "deadline:flush");
  }

  override get endMs(): number {
    return this.settings.endMs;
  }

  override forsaken(): void {
    this.destroy(forsakenError(this.endMs), "deadline:end");
  }

  /** When bytes last came or went. */
  get movedAt(): number {
    return Math.max(this.readAt, this.wroteAt);
  }

  get bytesSent(): number {
    return this.queue.sentBytes;
  }

  /** Whoever cuts frames reports to it; undefined where no deadline is on. */
  get frameClock(): FrameClock | undefined {
    return this.#deadlines;
  }

  /** The connection is open: deadlines count from now. */
  protected startClocks(limits: DeadlineLimits | undefined): void {
    this.came();
    this.openedAt = this.wroteAt = this.readAt;
    if (limits !== undefined) this.#deadlines = new DeadlineWatch(this, limits);
  }

  protected stopClocks(): void {
    this.idle?.clear();
    this.#deadlines?.clear();
    this.account?.close();
  }

  /** The peer's first byte has come. */
  protected abstract spoke(): void;

  arrived(bytes: number): void {
    this.account?.touch();
    this.received(bytes);
  }

  /** Bytes came, and are about to be handed over. */
  protected received(bytes: number): void {
    if (this.bytesRead === 0) this.spoke();
    this.bytesRead += bytes;
    this.came();
  }

  /** Something came from the peer. */
  came(): void {
    load.transfers++;
    this.readAt = Math.floor(now());
    if (this.idle?.fired === true) this.idle.rearm();
  }

  /** Something left, at `at` of the clock. */
  protected went(at = now()): void {
    this.wroteAt = Math.floor(at);
    if (this.idle?.fired === true) this.idle.rearm();
  }

  /** A chunk was not taken: nothing more is read until it is. */
  protected refused(): void {
    this.#refusing = true;
    this.#deadlines?.refused();
  }

  /** Everything read has been taken, and reading goes on. */
  reads(): void {
    if (this.#refusing && this.writeEnded) this.readsSince = Math.floor(now());
    this.#refusing = false;
    this.#deadlines?.reads();
  }

  /** Between two reads: a promise if the runtime has to look at the network first. */
  breathe(): Promise<void> | undefined {
    // Without need nobody looks at the clock once more.
    if (!this.#costly && !isBusy(this.readAt)) return undefined;
    const at = now();
    const costMs = at - this.readAt;
    this.#costly = costMs >= COSTLY_MS;
    const pause = breathe(at, costMs);
    if (pause !== undefined) this.refused();
    return pause;
  }

  flushing(at?: number): void {
    if (this.inTurn) this.wroteAt = this.readAt; // the read has just looked at the clock
    else this.went(at);
    flushStarted(this, this.wroteAt);
    this.#deadlines?.owes(this.wroteAt, this.queue.sentBytes);
  }

  wrote(): void {
    load.transfers++;
    this.account?.moved();
    // A write that went through at once needs no second look at the clock.
    if (this.queue.length === 0 && this.idle === undefined && this.#deadlines === undefined) return;
    this.went();
    flushStarted(this, this.wroteAt);
  }

  protected paid(): void {
    this.#deadlines?.paid();
  }
}
