/**
 * The one place in the library that reads clocks and sets timers, so that a test can turn time by hand. Whoever needs
 * time asks here; the runtime's own `performance`, `Date` and `setTimeout` are used nowhere else in `src`.
 */

import { setImmediate } from "node:timers";
import { ReadProof } from "./read_proof.ts";

/** A timer that was started, for {@link stopTimer}: the runtime's own, or what another clock makes of it. */
export type Timer = ReturnType<typeof setTimeout> | StoppableTimer | undefined;

/** A timer of another clock. */
export interface StoppableTimer {
  stop(): void;
}

/** What tells time and waits. */
export interface Clock {
  /** Milliseconds since some moment, which never step back. */
  now(): number;
  /** Milliseconds since 1970, as the system's clock shows them. */
  wallTime(): number;
  /** When `now()` was 0, in milliseconds since 1970. */
  readonly origin: number;
  /** Calls back once, after that many milliseconds. A timer that does not keep the process alive is `background`. */
  start(callback: () => void, delayMs: number, background: boolean): Timer;
  /** Calls back once everything that has come by now has been read, but not within the call. */
  afterReads(callback: () => void): Timer;
}

const SYSTEM: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  origin: performance.timeOrigin,
  start(callback, delayMs, background) {
    const timer = setTimeout(callback, delayMs);
    if (background) Deno.unrefTimer(timer);
    return timer;
  },
  afterReads: (callback) => proof.after(callback),
};

// An immediate that is set in a turn in which nothing else happens may lie there until something wakes the loop.
const WAKE_MS = 10;

const proof = new ReadProof({
  now: () => performance.now(),
  nextTurn: (callback) => void setImmediate(callback),
  start(callback, delayMs) {
    const timer = SYSTEM.start(callback, delayMs, true);
    return { stop: () => stopTimer(timer) };
  },
  keepAwake() {
    const timer = setInterval(() => {}, WAKE_MS);
    return { stop: () => clearInterval(timer) };
  },
});

let clock = SYSTEM;

/**
 * Takes another clock, made of the one in use, until the function it gives is called; for tests that turn time by hand.
 * What one began last has to end first.
 */
export function useClock<Other extends Clock>(make: (before: Clock) => Other): [clock: Other, stop: () => void] {
  const before = clock;
  const other = make(before);
  clock = other;
  return [other, () => void (clock = before)];
}

/** Milliseconds since some moment, which never step back: for waits and deadlines. */
export function now(): number {
  return clock.now();
}

/** Milliseconds since 1970, for people. */
export function wallTime(): number {
  return clock.wallTime();
}

/** A moment by {@link now}, in milliseconds since 1970, whatever was done to the system's clock since the process began. */
export function wallTimeOf(moment: number): number {
  return clock.origin + moment;
}

/** Calls back once, after that many milliseconds (2^31 - 1 at most); keeps the process alive until then. */
export function startTimer(callback: () => void, delayMs: number): Timer {
  return clock.start(callback, delayMs, false);
}

/** As {@link startTimer}, but the process may end before. */
export function startBackgroundTimer(callback: () => void, delayMs: number): Timer {
  return clock.start(callback, delayMs, true);
}

/** Forgets a timer, whichever clock has started it; one that has called back, or none at all, is nothing to do. */
export function stopTimer(timer: Timer): void {
  if (typeof timer === "object" && "stop" in timer) timer.stop();
  else clearTimeout(timer);
}

/** Resolves when everything that waits in this turn of the event loop has run, whatever clock is in use. */
export function turnOver(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/**
 * Calls back once everything that has come by now has been read, however busy the process is: whoever wants to say that
 * nothing came has to wait for that.
 */
export function afterReads(callback: () => void): Timer {
  return clock.afterReads(callback);
}
