/**
 * One timer for any number of deadlines that move all the time. Traffic never touches it: it only writes down when it
 * came. The timer looks at its old time, is told when to look next, and is armed again for that. After a standstill of
 * the process it waits a moment before it looks, so that nobody is judged by bytes that have come and are not read yet.
 *
 * Times are those of the monotonic clock, so a step of the system's clock ends nothing.
 */

import { now, startBackgroundTimer, stopTimer, type Timer } from "./clock.ts";
import { MAX_TIMER_MS } from "./check.ts";

// Later than that, and the process stood still: what came meanwhile still lies unread in the kernel.
const LATE_MS = 50;

/** Lazily armed timer; see the module's comment. */
export class DeadlineTimer {
  #looksAt = Infinity;
  // It came late, and looks again after everybody had a turn; once, or a busy process would never look.
  #late = false;
  #timer: Timer;
  readonly #check: (now: number) => number;

  /** `check` acts on what is due and gives the time of the next look, Infinity for none. */
  constructor(check: (now: number) => number) {
    this.#check = check;
  }

  /** Whether a timer is armed. */
  get armed(): boolean {
    return this.#timer !== undefined;
  }

  /** Sees to it that the next look comes no later than `dueAt`. */
  lookBy(dueAt: number): void {
    if (dueAt >= this.#looksAt) return;
    stopTimer(this.#timer);
    this.#looksAt = dueAt;
    const waitMs = Math.ceil(dueAt - now());
    // A deadline alone is no reason for the process to stay.
    this.#timer = startBackgroundTimer(() => this.#look(), Math.min(Math.max(0, waitMs), MAX_TIMER_MS));
  }

  /** Forgets all deadlines. */
  clear(): void {
    stopTimer(this.#timer);
    this.#timer = undefined;
    this.#looksAt = Infinity;
  }

  #look(): void {
    const at = now();
    const dueAt = this.#looksAt;
    this.#timer = undefined;
    this.#looksAt = Infinity;
    this.#late = at - dueAt > LATE_MS && !this.#late;
    if (this.#late) return this.lookBy(at + LATE_MS);
    // Further away than a timer can hold, or a timer that came early.
    const next = dueAt > at ? dueAt : this.#check(at);
    if (next < Infinity) this.lookBy(next);
  }
}
