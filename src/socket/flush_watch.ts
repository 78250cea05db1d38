/**
 * Finds writes that make no progress. The writes in flight form a linked list and one lazily armed timer for all of them
 * looks at it, because a timer per write, or even per connection, would cost more than the write.
 */

import { DeadlineTimer } from "../base/deadline_timer.ts";

/** A connection as the watch sees it. */
export abstract class Flushing {
  /** How long a write may make no progress; Infinity for ever. */
  abstract get flushMs(): number;
  /** When the write in flight last made progress, by `now()` of the clock; 0 while none is in flight. */
  progressAt = 0;
  /** The neighbours in the watch's list. */
  before: Flushing | undefined;
  after: Flushing | undefined;
  /** The write made no progress for `flushMs`. */
  abstract stalled(): void;
}

let first: Flushing | undefined;
let watched = 0;

const timer = new DeadlineTimer((now) => {
  let next = Infinity;
  for (let it = first; it !== undefined;) {
    const one = it;
    it = it.after;
    const dueAt = one.progressAt + one.flushMs;
    if (dueAt <= now) one.stalled();
    else if (dueAt < next) next = dueAt;
  }
  return next;
});

/** A connection opened: until it closes the timer may stay armed. */
export function enterFlushWatch(): void {
  watched++;
}

/** A connection closed; the last one takes the timer with it. */
export function leaveFlushWatch(one: Flushing): void {
  flushEnded(one);
  if (--watched === 0) timer.clear();
}

/** A write went out. */
export function flushStarted(one: Flushing, now: number): void {
  if (one.progressAt === 0) {
    if (first !== undefined) first.before = one;
    one.after = first;
    first = one;
  }
  one.progressAt = now;
  if (one.flushMs < Infinity) timer.lookBy(now + one.flushMs);
}

/** No write is in flight any more. */
export function flushEnded(one: Flushing): void {
  if (one.progressAt === 0) return;
  one.progressAt = 0;
  if (one.before !== undefined) one.before.after = one.after;
  else first = one.after;
  if (one.after !== undefined) one.after.before = one.before;
  one.before = one.after = undefined;
}
