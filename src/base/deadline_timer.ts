/**
 * One timer for any number of deadlines that move all the time. Traffic never touches it: it only writes down when it
 * came. The timer looks at its old time, is told when to look next, and is armed again for that.
 *
 * Nobody is judged by bytes that have come and are not read yet. What is due is looked at again once everything has been
 * read that had come by then, and only then acted upon; and after a standstill of the process everybody has a moment
 * before that, because an answer to what was read late could not come any sooner.
 *
 * Times are those of the monotonic clock, so a step of the system's clock ends nothing.
 */

import { afterReads, now, startBackgroundTimer, startTimer, stopTimer, type Timer } from "./clock.ts";
import { MAX_TIMER_MS } from "./check.ts";

// Later than that, and the process stood still: the look waits as long again, within reason.
const LATE_MS = 50;
const LONGEST_GRACE_MS = 1_000;
/** For connects and handshakes, which are several reads and answers: each of them may have waited for the process. */
export const HANDSHAKE_STEPS = 3;

/**
 * Finds out what is due at `now`, by `now()` of the clock, and gives the time of the next look, Infinity for none. It acts
 * on what is due only when it is `sure`, which means that everything has been read that had come by then; otherwise it
 * gives a time that is not after `now`, and is called again.
 */
export type DeadlineCheck = (now: number, sure: boolean) => number;

/** How a {@link DeadlineTimer} works. */
export interface DeadlineTimerOptions {
  /** How many times in a row all that has come is read before what is due is acted upon; 1 where left out. */
  steps?: number;
  /** Keeps the process alive: where the deadline is not of a connection, which does that itself or should not. */
  keepsAlive?: boolean;
}

/** Lazily armed timer; see the module's comment. */
export class DeadlineTimer {
  #looksAt = Infinity;
  // When the timer should call: that time, or when it was armed for one that had passed.
  #callsAt = 0;
  // It came late, and looks again after everybody had a moment; once, or a busy process would never look.
  #late = false;
  #timer: Timer;
  // It waits for what has come to be read; then it looks at everything, so it need not be armed meanwhile.
  #reading: Timer;
  readonly #check: DeadlineCheck;
  readonly #steps: number;
  readonly #start: typeof startTimer;

  constructor(check: DeadlineCheck, { steps = 1, keepsAlive = false }: DeadlineTimerOptions = {}) {
    this.#check = check;
    this.#steps = steps;
    this.#start = keepsAlive ? startTimer : startBackgroundTimer;
  }

  /** Whether it will look. */
  get armed(): boolean {
    return this.#timer !== undefined || this.#reading !== undefined;
  }

  /** Sees to it that the next look comes no later than `dueAt`. */
  lookBy(dueAt: number): void {
    if (dueAt >= this.#looksAt || this.#reading !== undefined) return;
    stopTimer(this.#timer);
    this.#looksAt = dueAt;
    const at = now();
    const waitMs = Math.min(Math.max(0, Math.ceil(dueAt - at)), MAX_TIMER_MS);
    this.#callsAt = at + waitMs;
    this.#timer = this.#start(() => this.#look(), waitMs);
  }

  /** Forgets all deadlines. */
  clear(): void {
    stopTimer(this.#timer);
    this.#timer = undefined;
    this.#looksAt = Infinity;
    stopTimer(this.#reading);
    this.#reading = undefined;
  }

  #look(): void {
    const at = now();
    const dueAt = this.#looksAt;
    this.#timer = undefined;
    this.#looksAt = Infinity;
    const lateMs = at - this.#callsAt;
    this.#late = lateMs > LATE_MS && !this.#late;
    if (this.#late) return this.lookBy(at + Math.min(lateMs, LONGEST_GRACE_MS));
    // Further away than a timer can hold, or a timer that came early.
    if (dueAt > at) this.lookBy(dueAt);
    else this.#judge(at, this.#steps);
  }

  /** What is due at that time, after so many more proofs that nothing has come. */
  #judge(at: number, proofsLeft: number): void {
    const next = this.#check(at, proofsLeft <= 0);
    if (next > at) {
      if (next < Infinity) this.lookBy(next);
    } else {
      this.#reading = afterReads(() => {
        this.#reading = undefined;
        this.#judge(at, proofsLeft - 1);
      });
    }
  }
}

/** A single deadline, of a connect or a handshake if nothing else is said; `clear()` forgets it. */
export function startDeadline(
  expired: () => void,
  delayMs: number,
  { steps = HANDSHAKE_STEPS, keepsAlive = false }: DeadlineTimerOptions = {},
): DeadlineTimer {
  const dueAt = now() + delayMs;
  const timer = new DeadlineTimer((now, sure) => {
    if (!sure || dueAt > now) return dueAt;
    expired();
    return Infinity;
  }, { steps, keepsAlive });
  timer.lookBy(dueAt);
  return timer;
}
