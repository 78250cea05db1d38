/** A linked list: what joins it and leaves it costs the same however long it is, and makes nothing. */

/** A place in a list, of which it is part of one at a time. */
export interface Link<Item> {
  before: Item | undefined;
  after: Item | undefined;
}

/** A list that knows both its ends. */
export class List<Item extends Link<Item>> {
  first: Item | undefined;
  #last: Item | undefined;

  append(item: Item): void {
    item.before = this.#last;
    item.after = undefined;
    if (this.#last === undefined) this.first = item;
    else this.#last.after = item;
    this.#last = item;
  }

  remove(item: Item): void {
    if (item.before === undefined) this.first = item.after;
    else item.before.after = item.after;
    if (item.after === undefined) this.#last = item.before;
    else item.after.before = item.before;
    item.before = item.after = undefined; // what has left must not keep those who came later
  }
}
