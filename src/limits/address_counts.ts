/** How many there are of each address. */

/** The count of one address. */
export interface AddressCount {
  readonly key: string;
  count: number;
}

/** Counts that take no more room than what is counted. */
export class AddressCounts {
  readonly #counts = new Map<string, AddressCount>();
  // The one at 0 that is kept: mostly somebody of that address comes next.
  #empty: AddressCount | undefined;

  /** How many addresses have any. */
  get size(): number {
    return this.#counts.size - (this.#empty === undefined ? 0 : 1);
  }

  /** The count of an address; one at 0 holds until another one is at 0. */
  of(key: string): AddressCount {
    const there = this.#counts.get(key);
    if (there !== undefined) return there;
    const fresh = { key, count: 0 };
    this.#counts.set(key, fresh);
    this.#keep(fresh);
    return fresh;
  }

  /** One more of that address, whose count was perhaps asked for before. Gives its count, to take it off again. */
  add(key: string, asked?: AddressCount): AddressCount {
    const of = asked !== undefined && (asked.count > 0 || asked === this.#empty) ? asked : this.of(key);
    of.count++;
    if (of === this.#empty) this.#empty = undefined;
    return of;
  }

  /** One less. */
  remove(of: AddressCount): void {
    if (--of.count === 0) this.#keep(of);
  }

  #keep(empty: AddressCount): void {
    if (this.#empty !== undefined) this.#counts.delete(this.#empty.key);
    this.#empty = empty;
  }
}
