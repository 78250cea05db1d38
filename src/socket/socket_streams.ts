/** The stream face: the two web streams of a socket. */

import type { Buffer } from "node:buffer";
import { typeError } from "../base/argument_errors.ts";
import { asError } from "../base/errors.ts";
import type { Connection } from "./connection.ts";
import type { ReadConsumer } from "./connection_ports.ts";
import { destroyedError } from "./endings.ts";
import { throwAway } from "./nobody.ts";
import type { Taken } from "./read_loop.ts";

/** Feeds a byte stream. The read loop lends its chunks: a stream would detach the buffers it is given. */
class StreamReader implements ReadConsumer {
  readonly kind = "the readable stream";
  readonly unheard = false; // whoever cancels it leaves it to NOBODY
  readonly #connection: Connection;
  #controller: ReadableByteStreamController | undefined;
  #wanted = false;
  // The chunk in hand, and what a BYOB read had no room for.
  #loan: Buffer | undefined;
  #left: Buffer | undefined;
  // Bytes were handed out and no more asked for: somebody works on them.
  #working = false;
  #over = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  pull(controller: ReadableByteStreamController): void {
    this.#controller = controller;
    if (this.#working) {
      this.#working = false;
      this.#connection.workDone();
    }
    const { receipt, readEnded } = this.#connection;
    if (receipt !== undefined || readEnded) {
      this.#finish(receipt === undefined || readEnded ? undefined : receipt.error ?? destroyedError("read"));
      return;
    }
    this.#connection.claim(this);
    this.#connection.reader.lends = true;
    const left = this.#left;
    if (left === undefined) {
      this.#wanted = true;
      this.#connection.wantMore();
    } else if (this.#hand(left) === "go") {
      const loan = this.#loan!; // what is left is left of a loan
      queueMicrotask(() => this.#connection.reader.giveBack(loan));
    }
  }

  /** What still comes is thrown away, unless another face reads. */
  cancel(): void {
    this.#over = true;
    const [connection, loan] = [this.#connection, this.#loan];
    const { consumer } = connection;
    if (consumer === undefined || consumer === this) throwAway(connection);
    if (loan !== undefined) queueMicrotask(() => connection.reader.giveBack(loan));
    if (this.#working) connection.workDone();
    this.#working = false;
  }

  take(chunk: Buffer): Taken {
    if (!this.#wanted) return "hold";
    this.#wanted = false;
    this.#loan = chunk;
    return this.#hand(chunk);
  }

  /** Gives the stream as much of the chunk as it has room for; the rest waits for the next read. */
  #hand(chunk: Buffer): Taken {
    const controller = this.#controller!; // pulled, so there is one
    this.#working ||= this.#connection.workBegun();
    const request = controller.byobRequest;
    const view = request?.view ?? undefined;
    if (request === null || view === undefined) {
      this.#left = undefined;
      controller.enqueue(new Uint8Array(chunk));
      return "go";
    }
    const bytes = Math.min(view.byteLength, chunk.length);
    const part = chunk.subarray(0, bytes);
    this.#left = bytes < chunk.length ? chunk.subarray(bytes) : undefined;
    const taken = this.#left === undefined ? "go" : "wait";
    new Uint8Array(view.buffer, view.byteOffset, bytes).set(part);
    request.respond(bytes); // may pull again at once
    return taken;
  }

  end(): void {
    this.#finish(undefined);
  }

  closed(error: Error | undefined): boolean {
    if (this.#over) return false;
    this.#finish(error ?? destroyedError("read"));
    return true;
  }

  #finish(error: Error | undefined): void {
    if (this.#over || this.#controller === undefined) return;
    this.#over = true;
    if (error !== undefined) return this.#controller.error(error);
    try {
      this.#controller.close();
    } catch {
      return; // the end came inside an element of a wider view: the stream has failed, and its reader been told
    }
    this.#controller.byobRequest?.respond(0); // a waiting BYOB read ends with a close only then
  }
}

/** Makes the readable side. Nothing is read before the first `read()`. */
export function makeReadable(connection: Connection): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = new StreamReader(connection);
  return new ReadableStream({
    type: "bytes",
    pull: (controller) => reader.pull(controller),
    cancel: () => reader.cancel(),
  }, { highWaterMark: 0 }) as ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Makes the writable side. A write is done when the kernel has its bytes: then they are the caller's again. */
export function makeWritable(connection: Connection): WritableStream<Uint8Array> {
  let used = false;
  return new WritableStream<Uint8Array>({
    start(controller) {
      connection.writerFailed = (error) => {
        // After an orderly end there is nothing to tell: a write that comes now fails by itself.
        if (error !== undefined || !connection.writeFinished) controller.error(error ?? destroyedError("write"));
        return used && error !== undefined;
      };
      if (connection.receipt !== undefined) controller.error(connection.receipt.error ?? destroyedError("write"));
      // Not by `abort()`, which would wait for the write that is under way, and so for a peer that does not read.
      const { signal } = controller;
      const abort = () => {
        used = true; // whoever aborts knows
        connection.destroy(asError(signal.reason));
      };
      signal.addEventListener("abort", abort, { once: true });
    },
    write(chunk) {
      used = true;
      if (!ArrayBuffer.isView(chunk)) {
        throw typeError("ERR_INVALID_ARG_TYPE", "A chunk written to a socket must be a Uint8Array");
      }
      return new Promise((resolve, reject) => {
        connection.write(chunk, (error) => error ? reject(error) : resolve());
      });
    },
    close() {
      used = true;
      if (connection.writeFinished) return undefined;
      return new Promise<void>((resolve, reject) => connection.end((error) => error ? reject(error) : resolve()));
    },
  });
}
