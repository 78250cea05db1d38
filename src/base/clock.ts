/**
 * The one place in the library that reads clocks and sets timers, so that a test can turn time by hand. Whoever needs
 * time asks here; the runtime's own `performance`, `Date` and `setTimeout` are used nowhere else in `src`.
 */

/** A timer that was started: for {@link stopTimer}. */
export type Timer = unknown;

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
  /** Forgets a timer. One that has called back is none of its business. */
  stop(timer: Timer): void;
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
  stop: (timer) => clearTimeout(timer as number), // what `start` gave
};

let clock = SYSTEM;

/** Takes another clock until the function it gives is called; for tests that turn time by hand. */
export function useClock(other: Clock): () => void {
  const before = clock;
  clock = other;
  return () => void (clock = before);
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

/** Forgets a timer; one that has called back, or none at all, is nothing to do. */
export function stopTimer(timer: Timer): void {
  if (timer !== undefined) clock.stop(timer);
}
