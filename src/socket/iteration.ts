/** `for await (const chunk of socket)`: one chunk per pull. */

import type { Buffer } from "node:buffer";
import { type Keeper, KEEPS, type KeptSource } from "../base/keeping.ts";
import type { Connection } from "./connection.ts";
import type { ReadConsumer } from "./connection_ports.ts";
import type { Taken } from "./read_loop.ts";

const DONE: IteratorReturnResult<undefined> = { value: undefined, done: true };

/** The iteration of one socket. */
export class SocketIteration implements ReadConsumer, AsyncIterableIterator<Buffer, undefined>, KeptSource {
  readonly kind = "iteration";
  readonly unheard = false; // whoever leaves it destroys
  readonly #connection: Connection;
  #waiting: PromiseWithResolvers<IteratorResult<Buffer, undefined>>[] = [];
  // A chunk was handed out and the next one not asked for: somebody works on it.
  #working = false;
  #ended = false;
  #error: Error | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#working) {
      this.#working = false;
      this.#connection.workDone();
    }
    if (this.#ended || this.#connection.receipt !== undefined) return Promise.resolve(DONE);
    try {
      this.#connection.claim(this);
    } catch (error) {
      return Promise.reject(error);
    }
    const waiter = Promise.withResolvers<IteratorResult<Buffer, undefined>>();
    this.#waiting.push(waiter);
    this.#connection.wantMore();
    return waiter.promise;
  }

  /** Leaving the loop early ends the connection; because of an error, with that. */
  return(reason?: unknown): Promise<IteratorResult<Buffer, undefined>> {
    this.#ended = true;
    if (reason instanceof Error) this.#connection.destroy(reason, undefined, "listeners");
    else this.#connection.destroy();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** What is kept counts as held for the connection. */
  [KEEPS](keeper: Keeper): () => void {
    (this.#connection.holders ??= []).push(keeper);
    return () => this.#connection.account?.touch();
  }

  take(chunk: Buffer): Taken {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) return "hold";
    this.#working ||= this.#connection.workBegun();
    waiter.resolve({ value: chunk, done: false });
    return "go";
  }

  end(): void {
    this.#ended = true;
    this.#finish();
  }

  closed(error: Error | undefined): boolean {
    const inUse = !this.#ended;
    this.#ended = true;
    if (error !== undefined && inUse) {
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#error = error;
      else waiter.reject(error);
    }
    this.#finish();
    return inUse;
  }

  #finish(): void {
    for (const waiter of this.#waiting.splice(0)) waiter.resolve(DONE);
  }
}
