/** One `socket.pipe(target)`. */

import type { Buffer } from "node:buffer";
import { invalid } from "../base/check.ts";
import type { Connection } from "./connection.ts";
import type { Taken } from "./read_loop.ts";

/** What a socket can be piped into: another socket, or any writable of node:stream. */
export interface PipeTarget {
  /** Takes a chunk; false asks to wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  /** No more chunks will come. */
  end(): unknown;
  /** Adds a listener for `drain`, `close` and `error`. */
  // deno-lint-ignore no-explicit-any -- any emitter's listeners
  on(event: string, listener: (...args: any[]) => void): unknown;
  /** Removes it. */
  // deno-lint-ignore no-explicit-any -- as above
  removeListener(event: string, listener: (...args: any[]) => void): unknown;
  /** For `pipe` and `unpipe`. */
  emit(event: string, ...args: unknown[]): boolean;
}

/** What cannot take bytes, or has no listeners, is no target. */
export function checkTarget(target: unknown): void {
  const methods = ["write", "end", "on", "removeListener", "emit"];
  if (methods.every((name) => typeof Reflect.get(Object(target), name) === "function")) return;
  throw invalid("target", "a socket or a writable of node:stream (for web streams there is readable.pipeTo())", target);
}

/** Its target, and what is due to it. */
export class Pipe {
  readonly target: PipeTarget;
  /** The target asked to wait for its `drain`. */
  full = false;
  readonly #source: Connection;
  /** The target's connection, where it is one of our sockets. */
  readonly #to: Connection | undefined;
  readonly #ends: boolean;
  readonly #unpipe: () => void;
  // The source's chunk that it waits for, and whether it is still being sent from where it stands.
  #loan: Buffer | undefined;
  #sending = false;
  readonly #drained = () => {
    this.full = false;
    if (this.#loan === undefined) this.#source.reader.resume();
    else if (!this.#sending) this.#giveBack();
  };
  readonly #sent = (error?: Error | null) => {
    this.#sending = false;
    if (error) this.#unpipe();
    this.#giveBack();
  };

  constructor(source: Connection, target: PipeTarget, to: Connection | undefined, ends: boolean, unpipe: () => void) {
    this.#source = source;
    this.target = target;
    this.#to = to;
    this.#ends = ends;
    this.#unpipe = unpipe;
    target.on("drain", this.#drained);
    target.on("close", unpipe);
    target.on("error", unpipe);
    target.emit("pipe", source.face);
  }

  /** Whether chunks can be lent to it. */
  get canLend(): boolean {
    return this.#to !== undefined;
  }

  /** Writes a chunk that is the target's for good. */
  write(chunk: Buffer): void {
    if (this.target.write(chunk) === false) this.full = true;
  }

  /** Writes a chunk that must come back: the source reads on when the kernel has it. */
  lend(chunk: Buffer): Taken {
    const to = this.#to!; // canLend was asked
    if (to.queue.copies(chunk.length)) {
      if (to.write(chunk)) return "go";
      this.full = true;
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
  }

  /** Lets go of the target. */
  detach(): void {
    this.target.removeListener("drain", this.#drained);
    this.target.removeListener("close", this.#unpipe);
    this.target.removeListener("error", this.#unpipe);
    // Whoever waited for a drain waits no more; what is being sent comes back by its own callback.
    if (!this.#sending) this.#giveBack();
    try {
      this.target.emit("unpipe", this.#source.face);
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
