/**
 * What makes records of plaintext and plaintext of records in a TLS socket of the runtime, without the streams around it:
 * their bookkeeping costs more than the encryption of a small message, and each of them copies.
 */

import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";

/** The object below a TLS socket, as the runtime's own stream code uses it; nothing documents it. */
interface Handle {
  onread(this: Handle, bytes?: ArrayBuffer): void;
  readStart(): number;
  readBuffer(records: Uint8Array): void;
  drainEncOut(): Uint8Array<ArrayBuffer>;
}

type WriteBuffer = (this: Handle, request: object, bytes: Uint8Array) => number;

/** What the runtime encrypts at a time; it keeps the rest of a larger write. */
const MOST_BYTES = 49_152;

/** The versions of the runtime whose own stream code has been read: nothing promises that others work the same. */
const KNOWN_RUNTIMES = /^2\.9\./;

// What the runtime would tell when a write is done. There is nothing to tell: what was written comes out at once.
const REQUEST = {};

/** Gets the plaintext; the bytes are its own. */
export interface RecordReceiver {
  arrived(bytes: Buffer): void;
}

/** See the module's comment. */
export class RecordLayer {
  readonly #handle: Handle;
  readonly #writeBuffer: WriteBuffer;
  #delivered = false;

  private constructor(handle: Handle, writeBuffer: WriteBuffer, receiver: RecordReceiver) {
    this.#handle = handle;
    this.#writeBuffer = writeBuffer;
    const { onread } = handle;
    // By way of a variable: assigned as it is written, a function would be made among what is old already.
    const arrived = (bytes?: ArrayBuffer) => {
      // Without bytes it is the end, which the streams tell as ever.
      if (bytes === undefined) return onread.call(handle, bytes);
      this.#delivered = true;
      receiver.arrived(Buffer.from(bytes));
    };
    handle.onread = arrived;
    handle.readStart(); // from now on it calls the new one
  }

  /**
   * Takes the plaintext of a TLS socket whose handshake is done, instead of its `data`. Undefined where the runtime has built
   * it differently, or may have: then its streams are to be used.
   */
  static of(stream: Duplex, receiver: RecordReceiver, runtime = Deno.version.deno): RecordLayer | undefined {
    if (!KNOWN_RUNTIMES.test(runtime)) return undefined;
    const handle: Partial<Handle> | null | undefined = Reflect.get(stream, "_handle");
    if (handle === null || typeof handle !== "object") return undefined;
    // The one of its own is another, which writes to the stream below by itself.
    const writeBuffer: unknown = Object.getPrototypeOf(handle)?.writeBuffer;
    for (const part of [handle.onread, handle.readStart, handle.readBuffer, handle.drainEncOut, writeBuffer]) {
      if (typeof part !== "function") return undefined;
    }
    return new RecordLayer(handle as Handle, writeBuffer as WriteBuffer, receiver);
  }

  /** Takes what the peer has sent; gives what has to be answered at once, an alert perhaps. */
  open(records: Uint8Array): Uint8Array | undefined {
    this.#delivered = false;
    this.#handle.readBuffer(records);
    if (this.#delivered) return undefined; // an answer to what comes with data goes out with the next write
    const answer = this.#handle.drainEncOut();
    return answer.length > 0 ? answer : undefined;
  }

  /** Makes records of all the bytes, in memory that is the caller's alone; undefined where the TLS socket is gone. */
  seal(pieces: readonly Uint8Array[], total: number): Uint8Array<ArrayBuffer> | undefined {
    for (const bytes of pieces) {
      for (let at = 0; at < bytes.length; at += MOST_BYTES) {
        const part = bytes.length <= MOST_BYTES ? bytes : bytes.subarray(at, at + MOST_BYTES);
        if (this.#writeBuffer.call(this.#handle, REQUEST, part) !== 0) return undefined;
      }
    }
    const records = this.#handle.drainEncOut();
    return records.length > total ? records : undefined;
  }
}
