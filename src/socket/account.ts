/** What one connection holds, told to the budget of its server. Only where there is a budget. */

import type { MemoryBudget } from "../limits/memory_budget.ts";
import type { ByteHolder } from "./connection_ports.ts";
import type { ReadLoop } from "./read_loop.ts";
import type { WriteQueue } from "./write_queue.ts";

/** Where the bytes of a connection are. */
export interface AccountOwner {
  readonly queue: WriteQueue;
  readonly reader: ReadLoop;
  readonly holders: readonly ByteHolder[] | undefined;
}

interface Kept {
  readonly bytes: Uint8Array;
  /** How many they were: their buffer may be transferred. */
  readonly size: number;
  /** They have left once this many bytes in all have been sent. */
  readonly until: number;
}

// Those that something has changed of: one microtask looks at them all, outside of whatever is going on.
let touched: Account[] = [];

function lookAtTouched(): void {
  const accounts = touched;
  touched = [];
  for (const account of accounts) account.settle();
  for (const account of accounts) account.look();
}

/** Bytes that have come and were not taken. */
export function unreadBytes({ reader, holders }: AccountOwner): number {
  let bytes = reader.held?.length ?? 0;
  if (holders !== undefined) { for (const holder of holders) bytes += holder.bufferedBytes; }
  return bytes;
}

/** See the module's comment. */
export class Account {
  readonly #owner: AccountOwner;
  readonly #budget: MemoryBudget;
  // What was written by reference and is not sent yet, oldest first.
  #kept: Kept[] | undefined;
  #keptBytes = 0;
  #unread = 0;
  #queued = 0;
  #touched = false;
  #closed = false;

  constructor(owner: AccountOwner, budget: MemoryBudget) {
    this.#owner = owner;
    this.#budget = budget;
  }

  /** These were just queued by reference. */
  keeps(bytes: Uint8Array): void {
    const { queue } = this.#owner;
    const size = bytes.length;
    (this.#kept ??= []).push({ bytes, size, until: queue.sentBytes + queue.length });
    this.#keptBytes += size;
    this.#budget.keep(bytes);
  }

  /** Something comes or goes: what is held is looked at when that is done. */
  touch(): void {
    if (this.#touched || this.#closed) return;
    this.#touched = true;
    if (touched.push(this) === 1) queueMicrotask(lookAtTouched);
  }

  /** Something has come or gone. Mostly nobody has to do anything about it. */
  moved(): void {
    if (this.#touched || this.#closed) return;
    this.#settle();
    if (this.#budget.isUneasy) this.touch();
  }

  /** For the microtask. */
  settle(): void {
    this.#touched = false;
    if (!this.#closed) this.#settle();
  }

  #settle(): void {
    const { queue } = this.#owner;
    const gone = this.#kept === undefined ? 0 : this.#releaseSent(this.#kept, queue.sentBytes);
    this.#set(unreadBytes(this.#owner), queue.length - this.#keptBytes + gone);
  }

  /** Gives how much of the first one that is left has been sent. */
  #releaseSent(kept: Kept[], sentBytes: number): number {
    let sent = 0;
    while (sent < kept.length && kept[sent]!.until <= sentBytes) this.#release(kept[sent++]!);
    const first = kept[sent];
    if (sent > 0) this.#kept = first === undefined ? undefined : kept.slice(sent);
    return first === undefined ? 0 : Math.max(0, first.size - (first.until - sentBytes));
  }

  /** For the microtask. */
  look(): void {
    this.#budget.look();
  }

  /** What it holds, with its share of what others keep, too. */
  get bytes(): number {
    let bytes = this.#unread + this.#queued;
    for (const kept of this.#kept ?? []) bytes += kept.size / this.#budget.keepersOf(kept.bytes);
    return bytes;
  }

  /** The connection is over, or there is no budget any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const kept of this.#kept ?? []) this.#release(kept);
    this.#kept = undefined;
    this.#set(0, 0);
    this.#budget.look();
  }

  #release({ bytes, size }: Kept): void {
    this.#keptBytes -= size;
    this.#budget.release(bytes, size);
  }

  #set(unread: number, queued: number): void {
    this.#budget.move(unread - this.#unread + queued - this.#queued, queued - this.#queued);
    this.#unread = unread;
    this.#queued = queued;
  }
}
