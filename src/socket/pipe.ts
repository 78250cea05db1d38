/** One `socket.pipe(target)`. */

import type { Buffer } from "node:buffer";
import { errorMonitor } from "node:events";
import { invalid } from "../base/check.ts";
import { ownCallback } from "./announce_end.ts";
import { type Companion, Companions } from "./companions.ts";
import type { Connection } from "./connection.ts";
import type { Taken } from "./read_loop.ts";
import { connectionOf, SocketFacts } from "./socket_facts.ts";

/** What a socket can be piped into: another socket, or any writable of node:stream. */
export interface PipeTarget {
  /** Takes a chunk; false asks to wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  /** No more chunks will come. */
  end(): unknown;
  /** Whether it is closed, as sockets and writables of node:stream say. */
  readonly destroyed?: boolean;
  /** Whether it was ended. */
  readonly writableEnded?: boolean;
  /** Adds a listener. */
  // deno-lint-ignore no-explicit-any -- any emitter's listeners
  on(event: string | symbol, listener: (...args: any[]) => void): unknown;
  /** Removes it. */
  // deno-lint-ignore no-explicit-any -- as above
  removeListener(event: string | symbol, listener: (...args: any[]) => void): unknown;
  /** For `pipe` and `unpipe`. */
  emit(event: string, ...args: unknown[]): boolean;
}

/** What cannot take bytes, or has no listeners, is no target. */
export function checkTarget(target: unknown): void {
  const methods = ["write", "end", "on", "removeListener", "emit"];
  if (methods.every((name) => typeof Reflect.get(Object(target), name) === "function")) return;
  throw invalid("target", "a socket or a writable of node:stream (for web streams there is readable.pipeTo())", target);
}

/**
 * Its target, and what is due to it. On a socket of ours it adds no listener, on another target none for `error`: what
 * becomes of the target's errors is the user's alone.
 */
export class Pipe implements Companion {
  readonly target: PipeTarget;
  readonly #source: Connection;
  /** The target's connection, where it is one of our sockets. */
  readonly #to: Connection | undefined;
  readonly #ends: boolean;
  readonly #unpipe: () => void;
  // The target asked to wait for its `drain`.
  #full = false;
  // The source's chunk that it waits for, and whether it is still being sent from where it stands.
  #loan: Buffer | undefined;
  #sending = false;
  readonly #drained = () => this.drained();
  readonly #sent = ownCallback(() => {
    this.#sending = false;
    this.#giveBack();
  });

  constructor(source: Connection, target: PipeTarget, ends: boolean, unpipe: () => void) {
    this.#source = source;
    this.target = target;
    this.#ends = ends && Reflect.get(target, "_isStdio") !== true; // as in Node the program's own output stays open
    this.#unpipe = unpipe;
    const to = this.#to = target instanceof SocketFacts ? connectionOf(target) : undefined;
    if (to !== undefined) (to.companions ??= new Companions()).add(this);
    else {
      target.on("drain", this.#drained);
      for (const over of ["finish", "close", errorMonitor]) target.on(over, unpipe);
    }
    target.emit("pipe", source.face);
    if (target.destroyed === true) queueMicrotask(unpipe); // nobody will say so
  }

  /** Whether its target still takes bytes. A socket that was piped into itself has ended with its own connection. */
  get canGoOn(): boolean {
    const { target } = this;
    return target.destroyed !== true && target.writableEnded !== true && !Object.is(target, this.#source.face);
  }

  /** The same pipe from the next connection of its source. */
  from(source: Connection): Pipe {
    return new Pipe(source, this.target, this.#ends, this.#unpipe);
  }

  /** Whether chunks can be lent to it. */
  get canLend(): boolean {
    return this.#to !== undefined;
  }

  /** Whether it takes a chunk now. */
  get takes(): boolean {
    if (this.target.destroyed !== true) return !this.#full;
    queueMicrotask(this.#unpipe); // it may have closed without a word
    return false;
  }

  /** Writes a chunk that is the target's for good. */
  write(chunk: Buffer): void {
    if (this.target.write(chunk) === false) this.#full = true;
  }

  /** Writes a chunk that must come back: the source reads on when the kernel has it. */
  lend(chunk: Buffer): Taken {
    const to = this.#to!; // canLend was asked
    if (to.queue.copies(chunk.length)) {
      if (to.write(chunk)) return "go";
      this.#full = true;
    } else {
      this.#sending = true;
      to.write(chunk, this.#sent);
    }
    this.#loan = chunk;
    return "wait";
  }

  /** The source has ended. */
  end(): void {
    if (this.#ends) this.target.end();
    else this.#unpipe();
  }

  drained(): void {
    this.#full = false;
    if (this.#loan === undefined) this.#source.reader.resume();
    else if (!this.#sending) this.#giveBack();
  }

  writesOver(): void {
    this.#unpipe();
  }

  /** Lets go of the target. */
  detach(): void {
    const { target } = this;
    if (this.#to !== undefined) this.#to.companions?.remove(this);
    else {
      target.removeListener("drain", this.#drained);
      for (const over of ["finish", "close", errorMonitor]) target.removeListener(over, this.#unpipe);
    }
    // Whoever waited for a drain waits no more; what is being sent comes back by its own callback.
    if (!this.#sending) this.#giveBack();
    try {
      target.emit("unpipe", this.#source.face);
    } catch (thrown) {
      this.#source.handlerThrew(thrown);
    }
  }

  #giveBack(): void {
    const loan = this.#loan;
    this.#loan = undefined;
    if (loan !== undefined) this.#source.reader.giveBack(loan);
  }
}
