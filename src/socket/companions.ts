/** Parts of the library that go with a connection and hear of it by other ways than its listeners, which are the user's. */

import type { CloseReceipt } from "../telemetry/close_receipt.ts";

/** One of them. */
export interface Companion {
  /** The write queue is empty again; follows `drain`. */
  drained?(): void;
  /** Nothing can be written any more: after `finish`, and before the end of the connection is told. */
  writesOver?(): void;
  /** The connection has failed. Gives true if that told somebody of the user's. */
  failed?(error: Error): boolean;
  /**
   * The socket connects again, and nothing of the connection before is left, whose receipt that is. Gives true if it was it
   * that had paused the socket.
   */
  beginAfresh?(former: CloseReceipt): boolean;
}

/** Those of one connection. */
export class Companions {
  // Replaced and never changed, so that they may come and go while they are told.
  #all: readonly Companion[] = [];

  add(companion: Companion): void {
    if (!this.#all.includes(companion)) this.#all = [...this.#all, companion];
  }

  remove(companion: Companion): void {
    this.#all = this.#all.filter((one) => one !== companion);
  }

  drained(): void {
    for (const companion of this.#all) companion.drained?.();
  }

  writesOver(): void {
    for (const companion of this.#all) companion.writesOver?.();
  }

  /** Whether somebody was told. */
  failed(error: Error): boolean {
    let told = false;
    for (const companion of this.#all) told = companion.failed?.(error) === true || told;
    return told;
  }

  /** Whether it was one of them that had paused the socket. */
  beginAfresh(former: CloseReceipt): boolean {
    let paused = false;
    for (const companion of this.#all) paused = companion.beginAfresh?.(former) === true || paused;
    return paused;
  }
}
