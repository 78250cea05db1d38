/** One request from its call to its answer. */

import type { WriteQueue } from "../socket/write_queue.ts";
import type { RequestId } from "./requester_options.ts";

/** See the module's comment. */
export class OpenRequest<Out> {
  readonly id: RequestId | undefined;
  readonly resolve: (answer: Out) => void;
  readonly reject: (reason: unknown) => void;
  readonly timeoutMs: number;
  /** By `now()` of the clock: when it times out; of an abandoned one in order, when its place is given up. */
  dueAt: number;
  /** Its promise is settled, and its answer may still come. */
  abandoned = false;
  /** While it waits to be sent. */
  frame: Uint8Array | undefined;
  /** Takes its listener off the signal. */
  forget: (() => void) | undefined;
  // The queue it went to, and where in that its first byte stands.
  #queue: WriteQueue | undefined;
  #startsAt = 0;

  constructor(
    id: RequestId | undefined,
    timeoutMs: number,
    dueAt: number,
    resolve: (answer: Out) => void,
    reject: (reason: unknown) => void,
  ) {
    this.id = id;
    this.timeoutMs = timeoutMs;
    this.dueAt = dueAt;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** It was queued, with its first byte at `startsAt` of all bytes of the connection. */
  wentOut(queue: WriteQueue, startsAt: number): void {
    this.#queue = queue;
    this.#startsAt = startsAt;
    this.frame = undefined;
  }

  /** Whether it was given to the connection. */
  get queued(): boolean {
    return this.#queue !== undefined;
  }

  /** Whether a byte of it may have reached the kernel. */
  get sent(): boolean {
    return this.#queue !== undefined && this.#queue.handedBytes > this.#startsAt;
  }
}
