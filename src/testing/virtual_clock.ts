/**
 * A clock for tests. Real time runs on it until it is moved by hand for the first time; from then on time stands still
 * but for that.
 */

import { type Clock, type StoppableTimer, stopTimer, type Timer } from "../base/clock.ts";

// Not 0, which stands for "never" where a moment is written down.
const BEGINNING_MS = 1_000;

interface Waiting {
  readonly dueAt: number;
  readonly number: number;
  readonly callback: () => void;
  readonly background: boolean;
  /** The timer of the clock below, while real time runs. */
  real: Timer;
}

/** See the module's comment. */
export class VirtualClock implements Clock {
  readonly origin: number;
  readonly #real: Clock;
  // Between `now()` and the real clock's.
  readonly #shiftMs: number;
  // Undefined while real time runs.
  #stoodAt: number | undefined;
  #numbers = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(real: Clock) {
    this.#real = real;
    this.#shiftMs = BEGINNING_MS - real.now();
    this.origin = real.wallTime() - BEGINNING_MS;
  }

  // Whole milliseconds, so that what is due at the end of an advance is not due a moment later.
  now(): number {
    return this.#stoodAt ?? Math.floor(this.#real.now() + this.#shiftMs);
  }

  wallTime(): number {
    return this.origin + this.now();
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#waiting.size;
  }

  /** Takes a millisecond at least, as in Node: who tries again at once, and again, would hold time up for ever. */
  start(callback: () => void, delayMs: number, background: boolean): StoppableTimer {
    return this.#start(callback, Math.max(1, Math.ceil(delayMs)), background);
  }

  /** In memory all is read that can be when the others have had their turn, which they have between two timers. */
  afterReads(callback: () => void): Timer {
    return this.#start(callback, 0, true);
  }

  /** From now on time moves by {@link VirtualClock.runNext} and {@link VirtualClock.moveTo} only. */
  standStill(): void {
    if (this.#stoodAt !== undefined) return;
    this.#stoodAt = this.now();
    for (const timer of this.#waiting) {
      stopTimer(timer.real);
      timer.real = undefined;
    }
  }

  /** Runs the first timer that is due by then, at its time. Gives false if there is none. */
  runNext(until: number): boolean {
    let first: Waiting | undefined;
    for (const timer of this.#waiting) {
      if (timer.dueAt > until || (first !== undefined && !isBefore(timer, first))) continue;
      first = timer;
    }
    if (first === undefined) return false;
    this.moveTo(Math.max(this.now(), first.dueAt));
    this.#waiting.delete(first);
    first.callback();
    return true;
  }

  moveTo(moment: number): void {
    this.#stoodAt = moment;
  }

  /** Real time runs again: what still waits is done in it. */
  runReal(): void {
    if (this.#stoodAt === undefined) return;
    for (const timer of this.#waiting) this.#runReal(timer);
  }

  #start(callback: () => void, delayMs: number, background: boolean): StoppableTimer {
    const timer: Waiting = {
      dueAt: this.now() + delayMs,
      number: ++this.#numbers,
      callback,
      background,
      real: undefined,
    };
    this.#waiting.add(timer);
    if (this.#stoodAt === undefined) this.#runReal(timer);
    return { stop: () => this.#forget(timer) };
  }

  #runReal(timer: Waiting): void {
    const run = () => {
      this.#waiting.delete(timer);
      timer.callback();
    };
    const waitMs = Math.max(0, timer.dueAt - this.now());
    timer.real = this.#real.start(run, waitMs, timer.background);
  }

  #forget(timer: Waiting): void {
    this.#waiting.delete(timer);
    stopTimer(timer.real);
  }
}

function isBefore(one: Waiting, other: Waiting): boolean {
  return one.dueAt < other.dueAt || (one.dueAt === other.dueAt && one.number < other.number);
}
