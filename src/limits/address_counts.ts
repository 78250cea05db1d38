/** How many there are of each address. */

/** Counts that take no more room than what is counted. */
export class AddressCounts {
  readonly #counts = new Map<string, number>();
  // The address that was the last to fall to 0 stays in the map: one comes as another goes.
  #empty: string | undefined;

  /** How many addresses have any. */
  get size(): number {
    return this.#counts.size - (this.#empty === undefined ? 0 : 1);
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string): void {
    this.#counts.set(key, this.of(key) + 1);
    if (key === this.#empty) this.#empty = undefined;
  }

  remove(key: string): void {
    const count = this.of(key);
    if (count === 0) return;
    this.#counts.set(key, count - 1);
    if (count > 1) return;
    if (this.#empty !== undefined) this.#counts.delete(this.#empty);
    this.#empty = key;
  }
}
