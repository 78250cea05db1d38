/** Queues that were written to outside of their own read turn: one microtask flushes all of them. */

import { now } from "../base/clock.ts";

/** What waits for the microtask. */
export interface Scheduled {
  /** It is time, `at` of the clock. */
  flushScheduled(at: number): void;
}

// One look at the clock serves so many flushes: it takes longer than much of what is done for one.
const FLUSHES_A_LOOK = 64;

let dirty: Scheduled[] = [];

// It serves many, so it must not run as if it were the work of whoever wrote first. A promise's reaction runs in the
// asynchronous context in which it was added: the first in that of this module, each other one in that of the one before.
let wake = nextFlush();

function nextFlush(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  void promise.then(flushDirty);
  return resolve;
}

function flushDirty(): void {
  wake = nextFlush();
  const queues = dirty;
  dirty = [];
  let at = 0;
  let count = 0;
  for (const queue of queues) {
    if (count++ % FLUSHES_A_LOOK === 0) at = now();
    queue.flushScheduled(at);
  }
}

/** Its `flushScheduled` is called in a microtask, once. */
export function scheduleFlush(queue: Scheduled): void {
  if (dirty.push(queue) === 1) wake();
}
