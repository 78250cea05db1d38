/**
 * One timer for any number of deadlines that move all the time. Traffic never touches it: it only writes down when it
 * came. The timer looks at its old time, is told when to look next, and is armed again for that.
 *
 * Times are `Date.now()`, which the socket has at hand anyway. A step of the system's clock must not end connections, so
 * a look that finds the clock stepped asks again later instead of judging.
 */
const CLOCK_STEP_MS = 1_000;

/** Lazily armed timer; see the module's comment. */
export class DeadlineTimer {
  #looksAt = Infinity;
  #clockOffset = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #check: (now: number) => number;

  /** `check` acts on what is due and gives the time of the next look, Infinity for none. */
  constructor(check: (now: number) => number) {
    this.#check = check;
  }

  /** Whether a timer is armed. */
  get armed(): boolean {
    return this.#timer !== undefined;
  }

  /** Sees to it that the next look comes no later than `dueAt`. */
  lookBy(dueAt: number): void {
    if (dueAt >= this.#looksAt) return;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    const now = Date.now();
    this.#looksAt = dueAt;
    this.#clockOffset = now - performance.now();
    this.#timer = setTimeout(() => this.#look(), Math.max(0, dueAt - now));
    // A deadline alone is no reason for the process to stay.
    Deno.unrefTimer(this.#timer);
  }

  /** Forgets all deadlines. */
  clear(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#looksAt = Infinity;
  }

  #look(): void {
    const now = Date.now();
    const step = now - performance.now() - this.#clockOffset;
    this.#timer = undefined;
    this.#looksAt = Infinity;
    if (Math.abs(step) > CLOCK_STEP_MS) {
      this.lookBy(now + CLOCK_STEP_MS);
      return;
    }
    const next = this.#check(now);
    if (next < Infinity) this.lookBy(next);
  }
}
