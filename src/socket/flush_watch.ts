/**
 * Finds writes that make no progress, and peers that say nothing more after our end. The writes in flight form a linked
 * list, those who have ended a set, and one lazily armed timer for all of them looks at both, because a timer per write,
 * or even per connection, would cost more than the write.
 */

import { stopBreathing } from "../base/breathing.ts";
import { DeadlineTimer } from "../base/deadline_timer.ts";
import { load } from "../base/read_proof.ts";

/** A connection as the watch sees it. */
export abstract class Flushing {
  /** How long a write may make no progress; Infinity for ever. */
  abstract get flushMs(): number;
  /** When the write in flight last made progress, by `now()` of the clock; 0 while none is in flight. */
  progressAt = 0;
  /** The neighbours in the watch's list. */
  before: Flushing | undefined;
  after: Flushing | undefined;
  /** Its place among those who have ended. */
  farewell: Farewell | undefined;
  /** The write made no progress for `flushMs`. */
  abstract stalled(): void;
  /** How long nothing may come or go after our end; Infinity for ever. */
  abstract get endMs(): number;
  /** Since when nothing has come or gone, by `now()` of the clock; `now` while the peer is not to blame. */
  abstract silentSince(now: number): number;
  /** There was silence for `endMs` after our end. */
  abstract forsaken(): void;
}

/** Emptied when its connection has closed: a set that has been rebuilt keeps for long what stood in it. */
interface Farewell {
  one: Flushing | undefined;
}

let first: Flushing | undefined;
const ended = new Set<Farewell>();

const timer = new DeadlineTimer((now, sure) => Math.min(lookAtFlushes(now, sure), lookAtEnds(now, sure)));

function lookAtFlushes(now: number, sure: boolean): number {
  let next = Infinity;
  for (let it = first; it !== undefined;) {
    const one = it;
    it = it.after;
    const dueAt = one.progressAt + one.flushMs;
    if (sure && dueAt <= now) one.stalled();
    else if (dueAt < next) next = dueAt;
  }
  return next;
}

function lookAtEnds(now: number, sure: boolean): number {
  let next = Infinity;
  for (const { one } of ended) {
    if (one === undefined) continue;
    const dueAt = one.silentSince(now) + one.endMs;
    if (sure && dueAt <= now) one.forsaken();
    else if (dueAt < next) next = dueAt;
  }
  return next;
}

/** A connection opened: until it closes the timer may stay armed. */
export function enterFlushWatch(): void {
  load.sockets++;
}

/** A connection closed; the last one takes the timer with it. */
export function leaveFlushWatch(one: Flushing): void {
  flushEnded(one);
  if (one.farewell !== undefined) {
    ended.delete(one.farewell);
    one.farewell = one.farewell.one = undefined;
  }
  if (--load.sockets > 0) return;
  timer.clear();
  stopBreathing();
}

/** Our side was ended: what is queued, FIN and the peer's own end may take their time, but not in silence. */
export function endBegun(one: Flushing, now: number): void {
  if (one.endMs === Infinity) return;
  ended.add(one.farewell ??= { one });
  timer.lookBy(now + one.endMs);
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
