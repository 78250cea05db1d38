/** Latencies in little memory, however many there are. */

// Up to so many units each value has a bucket of its own; above, each doubling has half as many. So a bucket is at most
// 1/128 of its value wide.
const EXACT = 256;
const HALF = EXACT / 2;
const UNITS_PER_MS = 1_000;
const MOST_UNITS = 2 ** 42; // 50 days

/** Counts milliseconds, to the microsecond below and to 0.8 % above; the largest is exact. */
export class LatencyHistogram {
  readonly #counts = new Map<number, number>();
  #total = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** How many were recorded. */
  get count(): number {
    return this.#total;
  }

  /** The mean of all; 0 if there are none. */
  get meanMs(): number {
    return this.#total === 0 ? 0 : this.#sumMs / this.#total;
  }

  /** The largest; 0 if there are none. */
  get maxMs(): number {
    return this.#maxMs;
  }

  /** Counts one. */
  record(ms: number): void {
    const bucket = bucketOf(Math.min(MOST_UNITS, Math.round(ms * UNITS_PER_MS)));
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#total++;
    this.#sumMs += ms;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  /** The latency that this share (0 to 1) of all did not exceed; 0 if there are none. */
  percentile(share: number): number {
    let left = Math.max(1, Math.ceil(share * this.#total));
    for (const [bucket, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return Math.min(this.#maxMs, largestIn(bucket) / UNITS_PER_MS);
    }
    return this.#maxMs;
  }
}

/** The number of a value's bucket; larger values have larger ones. */
function bucketOf(units: number): number {
  if (units < EXACT) return units;
  const doublings = Math.floor(Math.log2(units)) - Math.log2(HALF);
  return EXACT + (doublings - 1) * HALF + Math.floor(units / 2 ** doublings) - HALF;
}

/** The largest value in a bucket. */
function largestIn(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const doublings = 1 + Math.floor((bucket - EXACT) / HALF);
  return ((bucket - EXACT) % HALF + HALF + 1) * 2 ** doublings - 1;
}
