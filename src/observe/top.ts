/** The few greatest of many: what a page has room for. */

/** Keeps those with the greatest keys; of equal ones those with the greater second key. A heap: the least of them on top. */
export class Top<T> {
  readonly #items: T[] = [];
  readonly #keys: number[] = [];
  readonly #seconds: number[] = [];
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Of many that are offered nearly all cost one comparison. */
  offer(item: T, key: number, second: number): void {
    const size = this.#items.length;
    if (size < this.#max) {
      this.#items.push(item);
      this.#keys.push(key);
      this.#seconds.push(second);
      this.#rise(size);
    } else if (key > this.#keys[0]! || (key === this.#keys[0] && second > this.#seconds[0]!)) {
      this.#set(0, item, key, second);
      this.#sink(0);
    }
  }

  /** What it has kept, the greatest first. */
  take(): T[] {
    const order = [...this.#items.keys()].sort((one, other) => this.#less(one, other) ? 1 : -1);
    return order.map((place) => this.#items[place]!); // they are its places
  }

  #less(one: number, other: number): boolean {
    const key = this.#keys[one]!; // both are places within
    const otherKey = this.#keys[other]!;
    return key < otherKey || (key === otherKey && this.#seconds[one]! < this.#seconds[other]!);
  }

  #rise(place: number): void {
    for (let parent; place > 0 && this.#less(place, parent = (place - 1) >> 1); place = parent) {
      this.#swap(place, parent);
    }
  }

  #sink(place: number): void {
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      let least = place;
      if (left < this.#items.length && this.#less(left, least)) least = left;
      if (right < this.#items.length && this.#less(right, least)) least = right;
      if (least === place) return;
      this.#swap(place, least);
      place = least;
    }
  }

  #swap(one: number, other: number): void {
    const item = this.#items[one]!;
    const key = this.#keys[one]!;
    const second = this.#seconds[one]!;
    this.#set(one, this.#items[other]!, this.#keys[other]!, this.#seconds[other]!);
    this.#set(other, item, key, second);
  }

  #set(place: number, item: T, key: number, second: number): void {
    this.#items[place] = item;
    this.#keys[place] = key;
    this.#seconds[place] = second;
  }
}
