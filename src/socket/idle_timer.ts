/** `setTimeout` of a socket: tells of silence in both directions, and only tells. */

import { DeadlineTimer } from "../base/deadline_timer.ts";

/** Whoever is watched: asked when something last moved. */
export interface IdlePort {
  readonly lastActivity: number;
}

/** The idle timer of one socket; see the module's comment. */
export class IdleTimer {
  /** It has told; the next activity arms it again. */
  fired = false;
  readonly timeoutMs: number;
  readonly #port: IdlePort;
  readonly #onIdle: () => void;
  readonly #timer: DeadlineTimer;

  constructor(port: IdlePort, timeoutMs: number, onIdle: () => void) {
    this.#port = port;
    this.#onIdle = onIdle;
    this.timeoutMs = timeoutMs;
    this.#timer = new DeadlineTimer((now) => this.#check(now));
    this.#timer.lookBy(Date.now() + timeoutMs);
  }

  /** There was activity after it had told. */
  rearm(): void {
    this.fired = false;
    this.#timer.lookBy(this.#port.lastActivity + this.timeoutMs);
  }

  clear(): void {
    this.#timer.clear();
  }

  #check(now: number): number {
    const dueAt = this.#port.lastActivity + this.timeoutMs;
    if (dueAt > now) return dueAt;
    this.fired = true;
    this.#onIdle();
    return Infinity;
  }
}
