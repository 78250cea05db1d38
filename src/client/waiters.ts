/** Callers that wait for a connection: first come, first served, each with a time limit and perhaps a signal. */

import { now } from "../base/clock.ts";
import { DeadlineTimer } from "../base/deadline_timer.ts";

/** Somebody who waits. */
export interface Waiter<T> {
  /** Since when, by `now()` of the clock. */
  readonly since: number;
  /** Where it called from, if anybody wants to know. */
  readonly stack: string | undefined;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

interface Entry<T> extends Waiter<T> {
  /** Takes its listener off the signal. */
  readonly forget: () => void;
}

/** See the module's comment. */
export class Waiters<T> {
  // In the order in which they came, and whoever leaves is found at once.
  readonly #queue = new Set<Entry<T>>();
  readonly #timeoutMs: number;
  readonly #timedOut: () => Error;
  readonly #timer = new DeadlineTimer((at) => this.#expire(at));

  /** `timedOut` makes the error of one whose time is over. */
  constructor(timeoutMs: number, timedOut: () => Error) {
    this.#timeoutMs = timeoutMs;
    this.#timedOut = timedOut;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Adds one; its promise is settled by whoever takes it out, by its time or by its signal. */
  add(signal: AbortSignal | undefined, stack: string | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const since = now();
      const leave = () => {
        this.#remove(entry);
        reject(signal?.reason);
      };
      const entry: Entry<T> = {
        since,
        stack,
        resolve,
        reject,
        forget: () => signal?.removeEventListener("abort", leave),
      };
      signal?.addEventListener("abort", leave);
      this.#queue.add(entry);
      this.#timer.lookBy(since + this.#timeoutMs);
    });
  }

  /** Takes the oldest one out. */
  shift(): Waiter<T> | undefined {
    const [first] = this.#queue;
    if (first !== undefined) this.#remove(first);
    return first;
  }

  #remove(entry: Entry<T>): void {
    entry.forget();
    this.#queue.delete(entry);
    if (this.#queue.size === 0) this.#timer.clear();
  }

  #expire(at: number): number {
    for (const entry of this.#queue) {
      const dueAt = entry.since + this.#timeoutMs;
      if (dueAt > at) return dueAt;
      const error = this.#timedOut(); // before it is out: the error counts it
      this.#remove(entry);
      entry.reject(error);
    }
    return Infinity;
  }
}
