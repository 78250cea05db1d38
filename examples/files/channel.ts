/**
 * One transfer's share of a connection: its messages, in order, and the bytes of its file.
 *
 * Nothing to run here; `link.ts` makes them.
 *
 * @module
 */

import type { Link } from "./link.ts";
import type { Content } from "./messages.ts";
import { PeerError, toTransferError, TransferError } from "./transfer_error.ts";

/** The connection is over, and the transfer is not. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

// No peer has reason to send that many before it is answered.
const MAX_WAITING_MESSAGES = 64;

/** See the module's comment. */
export class Channel {
  /** Takes the bytes that come; they are its own until it returns. What it throws ends the transfer. */
  onBytes: (bytes: Uint8Array) => void = () => {
    throw unexpected("data");
  };
  readonly #link: Link;
  readonly #number: number;
  readonly #waiting: Content[] = [];
  #wake: (() => void) | undefined;
  #failure: unknown;

  /** For `Link`. */
  constructor(link: Link, number: number) {
    this.#link = link;
    this.#number = number;
  }

  /** Sends a message, now. */
  post(content: Content): void {
    this.#link.post({ ...content, transfer: this.#number });
  }

  /** The same, and waits while the connection is full: for those who have many. */
  async send(content: Content): Promise<void> {
    this.post(content);
    await this.#link.drained();
  }

  /** Sends a piece of a file when it is this transfer's turn. Do not change the bytes before it has resolved. */
  async sendBytes(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await this.#link.sendBytes(this.#number, bytes);
  }

  /** The next message. Rejects with what the transfer has failed with, on either end or between them. */
  async receive(): Promise<Exclude<Content, { type: "error" }>> {
    while (this.#waiting.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const content = this.#waiting.shift()!; // there is one
    if (content.type === "error") throw new PeerError(content.code, content.message);
    return content;
  }

  /** The next message, which has to be of that type. */
  async expect<Type extends Content["type"]>(type: Type): Promise<Extract<Content, { type: Type }>> {
    const content = await this.receive();
    if (content.type !== type) throw unexpected(content.type);
    return content as Extract<Content, { type: Type }>; // it is, as it says
  }

  /** Tells the peer why the transfer ends here, if that is news to it. */
  abandon(error: unknown): void {
    if (error instanceof PeerError || error instanceof ConnectionLost) return;
    const { code, message } = toTransferError(error);
    this.post({ type: "error", code, message });
  }

  /** Nobody listens any more. */
  close(): void {
    this.#link.remove(this.#number);
  }

  /** Something has happened that ends the transfer: whoever waits here, or will, is told. */
  fail(failure: unknown): void {
    this.#failure ??= failure;
    this.#wake?.();
  }

  /** For `Link`: a message came. */
  takeMessage(content: Content): void {
    if (this.#waiting.length === MAX_WAITING_MESSAGES) return this.fail(unexpected(content.type));
    this.#waiting.push(content);
    this.#wake?.();
  }

  /** For `Link`: bytes came. */
  takeBytes(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    try {
      this.onBytes(bytes);
    } catch (error) {
      this.fail(error);
    }
  }
}

/** For a message out of turn. */
export function unexpected(type: Content["type"]): TransferError {
  return new TransferError("protocol", `Nobody expects "${type}" here`);
}
