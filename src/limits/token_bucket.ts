/** Tokens that come at a steady rate, and may be saved for one second. */

/** See the module's comment. Times are milliseconds of one clock. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** Full at the beginning. `burst` is how many may be saved: those of a second where left out. */
  constructor(perSecond: number, now: number, burst: number = Math.max(1, perSecond)) {
    this.#perMs = perSecond / 1_000;
    this.#tokens = this.#burst = burst;
    this.#at = now;
  }

  /** Whole tokens at hand. */
  available(now: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    // A millionth for what floating point loses.
    return Math.floor(this.#tokens + 1e-6);
  }

  /** Spends them; callers have looked. */
  take(tokens: number): void {
    this.#tokens -= tokens;
  }

  /** Milliseconds until there are that many, as long as nobody spends. */
  waitMs(tokens: number, now: number): number {
    const missing = Math.min(tokens, this.#burst) - this.#tokens - (now - this.#at) * this.#perMs;
    return Math.max(0, missing / this.#perMs);
  }
}
