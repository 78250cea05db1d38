/**
 * What comes on a connection: messages, and raw bytes behind some of them. It shows how to change between a codec and
 * bytes in mid-stream (`takeRest`), and how to read without a new buffer for every read (BYOB).
 *
 * Nothing to run here; `link.ts` uses it.
 *
 * @module
 */

import type { TCPSocket } from "@verb/tcp";
import { codec, type Message } from "./messages.ts";

const READ_BYTES = 262_144;
// Most messages are shorter.
const PIECE_BYTES = 256;

/** Who gets what comes. */
export interface Receiver {
  onMessage(message: Message): void;
  /** Raw bytes of the last `data`, or some of them: valid until it returns. */
  onBytes(transfer: number, bytes: Uint8Array): void;
}

/** Reads until the peer ends. Rejects if the connection fails, or if what comes is not this protocol. */
export async function readIncoming(socket: TCPSocket, receiver: Receiver): Promise<void> {
  const incoming = new Incoming(receiver);
  const reader = socket.readable.getReader({ mode: "byob" });
  let buffer = new Uint8Array(READ_BYTES);
  for (;;) {
    const { done, value } = await reader.read(buffer);
    if (done) return incoming.end();
    incoming.push(value);
    buffer = new Uint8Array(value.buffer); // the same memory again
  }
}

/** Tells messages and raw bytes apart. */
export class Incoming {
  readonly #receiver: Receiver;
  readonly #decoder = codec.decoder();
  // Raw bytes that are still to come, and whose they are.
  #raw = 0;
  #transfer = 0;

  /** Begins with a message. */
  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  /** Takes what came; the caller may use its buffer again afterwards. */
  push(chunk: Uint8Array): void {
    for (let rest = chunk; rest.length > 0;) {
      if (this.#raw > 0) {
        const bytes = rest.subarray(0, this.#raw);
        this.#raw -= bytes.length;
        rest = rest.subarray(bytes.length);
        this.#receiver.onBytes(this.#transfer, bytes);
        continue;
      }
      const piece = rest.slice(0, PIECE_BYTES); // a copy: what is given to a decoder is its own
      this.#decoder.push(piece);
      const message = this.#decoder.next();
      const unused = message === undefined ? 0 : this.#decoder.takeRest().length;
      rest = rest.subarray(piece.length - unused);
      if (message === undefined) continue;
      if (message.type === "data") [this.#raw, this.#transfer] = [message.bytes, message.transfer];
      else this.#receiver.onMessage(message);
    }
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#raw > 0) throw new Error(`The connection ended ${this.#raw} bytes short of a piece of a file`);
    this.#decoder.end();
  }
}
