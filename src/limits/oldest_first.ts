/** A set that knows its oldest member without looking for it. */

/** See the module's comment. */
export class OldestFirst<Member> {
  readonly #members = new Set<Member>();
  // Kept, because one that begins anew has to pass all the holes that deleted members have left.
  #walk = this.#members.values();
  #oldest: Member | undefined;

  get size(): number {
    return this.#members.size;
  }

  /** Appends it, unless it is there already; says whether it did. */
  add(member: Member): boolean {
    if (this.#members.has(member)) return false;
    this.#members.add(member);
    return true;
  }

  /** Says whether it was there. */
  delete(member: Member): boolean {
    if (!this.#members.delete(member)) return false;
    if (member === this.#oldest) this.#oldest = undefined;
    // A walk that has seen its end stays there.
    if (this.#members.size === 0) this.#walk = this.#members.values();
    return true;
  }

  /** The one that was added first, undefined if there is none. */
  get oldest(): Member | undefined {
    if (this.#members.size === 0) return undefined;
    return this.#oldest ??= this.#walk.next().value;
  }
}
