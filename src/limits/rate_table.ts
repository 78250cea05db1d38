/**
 * How often each address may do something in a second: GCRA, the leaky bucket as a meter, which needs one number per
 * address: when its last permitted act would have been due, had it kept to the rate.
 *
 * The numbers stand in two generations. A number that was not touched for as long as a burst lasts says nothing any more,
 * so the older generation is dropped as a whole; so is it where there are too many addresses. Nothing is ever searched.
 */

/** The most addresses that are remembered. */
export const MAX_RATED_ADDRESSES = 65_536;

/** See the module's comment. */
export class RateTable {
  #intervalMs: number;
  #burstMs: number;
  readonly #max: number;
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  #youngSince = -Infinity;
  // What was asked last: mostly that is what is done.
  #askedKey: string | undefined;
  #askedAt = 0;
  #askedDue = 0;

  /** `perSecond` acts a second and address, as many of them at once (at least one). */
  constructor(perSecond: number, maxAddresses: number = MAX_RATED_ADDRESSES) {
    this.#intervalMs = 1_000 / perSecond;
    this.#burstMs = Math.max(1_000, this.#intervalMs);
    this.#max = maxAddresses;
  }

  /** Another rate from now on; what was done counts on. */
  set perSecond(perSecond: number) {
    this.#intervalMs = 1_000 / perSecond;
    this.#askedKey = undefined;
    this.#burstMs = Math.max(this.#burstMs, this.#intervalMs); // what is remembered may still count for that long
  }

  /** Whether it may be done at `now` (milliseconds). Nothing counts yet. */
  allows(key: string, now: number): boolean {
    this.#age(now);
    this.#askedKey = key;
    this.#askedAt = now;
    this.#askedDue = this.#dueBehind(key, now);
    return this.#fits(this.#askedDue, now);
  }

  /** The same, and if it may be done it counts. A refused attempt does not. */
  take(key: string, now: number): boolean {
    const asked = key === this.#askedKey && now === this.#askedAt;
    this.#askedKey = undefined;
    if (!asked) this.#age(now);
    const due = asked ? this.#askedDue : this.#dueBehind(key, now);
    if (!this.#fits(due, now)) return false;
    if (this.#young.size >= this.#max / 2 && !this.#young.has(key)) this.#turn(now);
    this.#young.set(key, due);
    return true;
  }

  /** How many addresses are remembered at `now`. */
  size(now: number): number {
    this.#age(now);
    let both = this.#young.size;
    for (const key of this.#old.keys()) if (!this.#young.has(key)) both++;
    return both;
  }

  #dueBehind(key: string, now: number): number {
    return Math.max(this.#young.get(key) ?? this.#old.get(key) ?? 0, now) + this.#intervalMs;
  }

  #fits(due: number, now: number): boolean {
    // A thousandth of a millisecond for what floating point loses.
    return due - now <= Math.max(1_000, this.#intervalMs) + 0.001;
  }

  #age(now: number): void {
    const age = now - this.#youngSince;
    if (age < this.#burstMs) return;
    this.#turn(now);
    // Nobody came for two spans.
    if (age >= 2 * this.#burstMs) this.#old = new Map();
  }

  #turn(now: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngSince = now;
  }
}
