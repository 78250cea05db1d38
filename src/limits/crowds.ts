/** Who belongs to which address, and which address has most: told in constant time, whoever comes and goes. */

import { OldestFirst } from "./oldest_first.ts";

/** Members by address, oldest first. */
export class Crowds<Member> {
  readonly #crowds = new Map<string, OldestFirst<Member>>();
  // The addresses by how many members they have.
  readonly #bySize = new Map<number, OldestFirst<string>>();
  #largest = 0;

  /** How many addresses have members. */
  get size(): number {
    return this.#crowds.size;
  }

  add(key: string, member: Member): void {
    let crowd = this.#crowds.get(key);
    if (crowd === undefined) this.#crowds.set(key, crowd = new OldestFirst());
    if (crowd.add(member)) this.#move(key, crowd.size - 1, crowd.size);
  }

  remove(key: string, member: Member): void {
    const crowd = this.#crowds.get(key);
    if (crowd === undefined || !crowd.delete(member)) return;
    if (crowd.size === 0) this.#crowds.delete(key);
    this.#move(key, crowd.size + 1, crowd.size);
  }

  /** The oldest member of the address that has most of them; of several such, of the one that has had as many for longest. */
  get oldestOfLargest(): Member | undefined {
    const key = this.#bySize.get(this.#largest)?.oldest;
    return key === undefined ? undefined : this.#crowds.get(key)?.oldest;
  }

  #move(key: string, from: number, to: number): void {
    const left = this.#bySize.get(from);
    left?.delete(key);
    if (left?.size === 0) this.#bySize.delete(from);
    if (to > 0) {
      let there = this.#bySize.get(to);
      if (there === undefined) this.#bySize.set(to, there = new OldestFirst());
      there.add(key);
    }
    // One comes or goes at a time, so the largest moves by one.
    if (to > this.#largest) this.#largest = to;
    else if (from === this.#largest && !this.#bySize.has(from)) this.#largest = to;
  }
}
