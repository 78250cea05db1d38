/** Who of which address holds how much, for those that have to go: the largest holder of the heaviest address first. */

/** One holder. */
export interface Holder<Member> {
  readonly member: Member;
  readonly bytes: number;
}

interface Crowd<Member> {
  bytes: number;
  /** The largest last. */
  readonly holders: Holder<Member>[];
}

/** Made of one scan. */
export class Heaviest<Member> {
  // A heap: each is at least as heavy as the two below it, at twice its place and behind.
  readonly #heap: Crowd<Member>[] = [];

  /** `entries` tell the address of each holder. */
  constructor(entries: Iterable<readonly [key: string, holder: Holder<Member>]>) {
    const crowds = new Map<string, Crowd<Member>>();
    for (const [key, holder] of entries) {
      const crowd = crowds.get(key);
      if (crowd === undefined) crowds.set(key, { bytes: holder.bytes, holders: [holder] });
      else {
        crowd.bytes += holder.bytes;
        crowd.holders.push(holder);
      }
    }
    for (const crowd of crowds.values()) crowd.holders.sort((a, b) => a.bytes - b.bytes);
    // Sorted, it is a heap.
    this.#heap = [...crowds.values()].sort((a, b) => b.bytes - a.bytes);
  }

  /** Takes out the largest holder of the address that is the heaviest now. */
  take(): Member | undefined {
    const crowd = this.#heap[0];
    const holder = crowd?.holders.pop();
    if (crowd === undefined || holder === undefined) return undefined;
    crowd.bytes -= holder.bytes;
    const last = crowd.holders.length === 0 ? this.#heap.pop() : undefined;
    if (last !== undefined && last !== crowd) this.#heap[0] = last;
    this.#sink();
    return holder.member;
  }

  /** The first may have become too light for its place. */
  #sink(): void {
    const heap = this.#heap;
    for (let at = 0;;) {
      let heavier = 2 * at + 1;
      if (heavier >= heap.length) return;
      if (heavier + 1 < heap.length && heap[heavier + 1]!.bytes > heap[heavier]!.bytes) heavier++;
      if (heap[heavier]!.bytes <= heap[at]!.bytes) return;
      [heap[at], heap[heavier]] = [heap[heavier]!, heap[at]!];
      at = heavier;
    }
  }
}
