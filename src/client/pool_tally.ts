/** What a pool has counted since it began. */

import type { PoolDestroyCause, PoolMetrics } from "./pool_options.ts";

/** What it holds at the moment. */
export type PoolStanding = Pick<PoolMetrics, "open" | "idle" | "leased" | "dialling" | "waiting">;

/** See the module's comment. */
export class PoolTally {
  created = 0;
  failed = 0;
  timeouts = 0;
  readonly destroyed: Record<PoolDestroyCause, number> = {
    closed: 0,
    dirty: 0,
    check: 0,
    idle: 0,
    lifetime: 0,
    lease: 0,
    shutdown: 0,
  };
  #acquired = 0;
  #waitMs = 0;
  #maxWaitMs = 0;

  /** Somebody got a connection after so many milliseconds. */
  hasWaited(ms: number): void {
    this.#acquired++;
    this.#waitMs += ms;
    this.#maxWaitMs = Math.max(this.#maxWaitMs, ms);
  }

  snapshot(standing: PoolStanding): PoolMetrics {
    const { created, failed, timeouts, destroyed } = this;
    return {
      ...standing,
      created,
      failed,
      destroyed: { ...destroyed },
      acquired: this.#acquired,
      timeouts,
      waitMs: this.#waitMs,
      maxWaitMs: this.#maxWaitMs,
    };
  }
}
