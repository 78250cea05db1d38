/**
 * A clock that moves only when the test says so: `Date.now`, `performance.now`, `setTimeout` and `clearTimeout` are
 * replaced until it is disposed. What the library waits for besides, that everything which has come is read, is so at once.
 */

import { useClock } from "../../src/base/clock.ts";

interface FakeTimer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** See the module's comment. */
export class FakeTime implements Disposable {
  /** How many timers have been armed so far. */
  armed = 0;
  readonly #restore: (() => void)[] = [];
  readonly #timers = new Map<number, FakeTimer>();
  #wallMs = 1_700_000_000_000;
  #monotonicMs = 5_000;
  // Far from the runtime's own timers, which it is asked to unref by number.
  #nextId = 2 ** 40;

  constructor() {
    this.#replace(Date, "now", () => this.#wallMs);
    this.#replace(performance, "now", () => this.#monotonicMs);
    this.#replace(globalThis, "setTimeout", (callback: () => void, delayMs = 0) => {
      const id = this.#nextId++;
      this.armed++;
      // The runtime's timers cannot hold more, and fire at once then.
      const wait = delayMs > 2_147_483_647 ? 1 : Math.max(0, delayMs);
      this.#timers.set(id, { dueAt: this.#monotonicMs + wait, callback });
      return id;
    });
    this.#replace(globalThis, "clearTimeout", (id: number) => this.#timers.delete(id));
    const [, restoreClock] = useClock(() => ({
      now: () => performance.now(),
      wallTime: () => Date.now(),
      origin: performance.timeOrigin,
      start: (callback, delayMs) => setTimeout(callback, delayMs),
      afterReads: (callback) => setTimeout(callback, 0),
    }));
    this.#restore.push(restoreClock);
  }

  /** Timers that are armed. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass and runs what is due, in its order. */
  tick(ms: number): void {
    const end = this.#monotonicMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.dueAt <= end).sort(([, a], [, b]) => a.dueAt - b.dueAt);
      const [first] = due;
      if (first === undefined) break;
      const [id, timer] = first;
      this.#timers.delete(id);
      this.#advanceTo(Math.max(this.#monotonicMs, timer.dueAt));
      timer.callback();
    }
    this.#advanceTo(end);
  }

  /** Lets time pass while the process stands still: what is due runs late, in the next `tick`. */
  standStill(ms: number): void {
    this.#advanceTo(this.#monotonicMs + ms);
  }

  /** Sets the system's clock forward, or back, while no time passes. */
  stepClock(ms: number): void {
    this.#wallMs += ms;
  }

  [Symbol.dispose](): void {
    for (const restore of this.#restore.reverse()) restore();
  }

  #advanceTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }

  #replace(owner: object, name: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { value, configurable: true, writable: true });
    this.#restore.push(() => {
      if (before === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, before);
    });
  }
}
