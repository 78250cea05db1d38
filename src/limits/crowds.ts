/**
 * Who belongs to which address, and which address has most: told in constant time, whoever comes and goes. All of it is
 * linked lists, because to make and drop a Set for every connection costs more than the rest of its admission.
 */

import { type Link, List } from "./list.ts";

/** Those of one address. */
export class Crowd<Member extends Standing<Member>> implements Link<Crowd<Member>> {
  before: Crowd<Member> | undefined;
  after: Crowd<Member> | undefined;
  size = 0;
  readonly key: string;
  readonly members: List<Member> = new List();

  constructor(key: string) {
    this.key = key;
  }
}

/** What a member has to have: its place in its crowd. */
export interface Standing<Member extends Standing<Member>> extends Link<Member> {
  /** Undefined where it is in none. */
  crowd: Crowd<Member> | undefined;
}

// So many lists are kept when nobody is left.
const KEPT_SIZES = 64;

/** Members by address, oldest first. */
export class Crowds<Member extends Standing<Member>> {
  readonly #crowds = new Map<string, Crowd<Member>>();
  // The one that was emptied last is kept for whoever comes from there next: where one comes as another goes, to take it out
  // and put it in again would cost more than the rest.
  #empty: Crowd<Member> | undefined;
  // By how many members they have, as far as the largest ever was.
  readonly #bySize: List<Crowd<Member>>[] = [];
  #largest = 0;

  /** How many addresses have members. */
  get size(): number {
    return this.#crowds.size - (this.#empty === undefined ? 0 : 1);
  }

  /** It comes, and is in no crowd yet. */
  add(key: string, member: Member): void {
    let crowd = this.#crowds.get(key);
    if (crowd === undefined) this.#crowds.set(key, crowd = new Crowd(key));
    else if (crowd === this.#empty) this.#empty = undefined;
    member.crowd = crowd;
    crowd.members.append(member);
    this.#resize(crowd, crowd.size + 1);
  }

  /** It leaves, unless it has left already. */
  remove(member: Member): void {
    const { crowd } = member;
    if (crowd === undefined) return;
    member.crowd = undefined;
    crowd.members.remove(member);
    this.#resize(crowd, crowd.size - 1);
    if (crowd.size > 0) return;
    if (this.#empty !== undefined) this.#crowds.delete(this.#empty.key);
    this.#empty = crowd;
    if (this.#crowds.size === 1 && this.#bySize.length > KEPT_SIZES) this.#bySize.length = 0; // that was the last one
  }

  /** How many members the address has that has most of them. */
  get largest(): number {
    return this.#largest;
  }

  /** The oldest member of the address that has most of them; of several such, of the one that has had as many for longest. */
  get oldestOfLargest(): Member | undefined {
    return this.#bySize[this.#largest]?.first?.members.first;
  }

  #resize(crowd: Crowd<Member>, size: number): void {
    const from = crowd.size;
    crowd.size = size;
    if (from > 0) this.#bySize[from]!.remove(crowd); // it is in it
    if (size > 0) (this.#bySize[size] ??= new List()).append(crowd);
    // One comes or goes at a time, so the largest moves by one.
    if (size > this.#largest) this.#largest = size;
    else if (from === this.#largest && this.#bySize[from]!.first === undefined) this.#largest = size;
  }
}
