/** How times are spread, in buckets that never change. */

/** A histogram of times in milliseconds, with fixed bounds. */
export interface TimeHistogram {
  /** How many times there were. */
  readonly count: number;
  /** Their sum. */
  readonly sumMs: number;
  /**
   * How many times are in each bucket, with its upper bound, which is included; the last bound is `Infinity`. Each time
   * is in one bucket only.
   */
  readonly buckets: Readonly<Record<string, number>>;
}

/** The bounds for handshakes. */
export const HANDSHAKE_BOUNDS_MS: readonly number[] = [
  1,
  2,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1_000,
  2_500,
  5_000,
  10_000,
];

/** The bounds for connections: from 10 ms to a week. */
export const CONNECTION_BOUNDS_MS: readonly number[] = [
  10,
  100,
  1_000,
  10_000,
  60_000,
  300_000,
  1_800_000,
  7_200_000,
  28_800_000,
  86_400_000,
  604_800_000,
];

/** Sorts times into buckets. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sumMs = 0;

  /** The upper bounds, ascending. */
  constructor(boundsMs: readonly number[]) {
    this.#bounds = boundsMs;
    this.#counts = new Array(boundsMs.length + 1).fill(0);
  }

  /** One more. */
  add(ms: number): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && ms > this.#bounds[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sumMs += ms;
  }

  /** A copy of what there is. */
  snapshot(): TimeHistogram {
    const buckets = Object.fromEntries(this.#counts.map((count, index) => [this.#bounds[index] ?? Infinity, count]));
    const count = this.#counts.reduce((sum, one) => sum + one);
    return { count, sumMs: this.#sumMs, buckets };
  }
}
