/** A transport whose first read was begun by somebody else, who hands its outcome over. */

import type { Transport } from "./transport.ts";

/** See the module's comment. */
export class ResumedTransport implements Transport {
  readonly #below: Transport;
  #pending: Promise<Uint8Array | null> | undefined;
  #rest: Uint8Array | undefined;

  /** `pending` gives the bytes of the read that is under way, null for the peer's FIN. */
  constructor(below: Transport, pending: Promise<Uint8Array | null>) {
    this.#below = below;
    this.#pending = pending;
    pending.catch(() => {/* told by the first read */});
  }

  get localAddr(): Deno.Addr {
    return this.#below.localAddr;
  }

  get remoteAddr(): Deno.Addr {
    return this.#below.remoteAddr;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const pending = this.#pending;
    if (pending !== undefined) {
      this.#pending = undefined;
      const bytes = await pending;
      if (bytes === null) return null;
      this.#rest = bytes;
    }
    const rest = this.#rest;
    if (rest === undefined) return await this.#below.read(buffer);
    const part = rest.subarray(0, buffer.length);
    buffer.set(part);
    this.#rest = part.length < rest.length ? rest.subarray(part.length) : undefined;
    return part.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#below.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#below.closeWrite();
  }

  close(): void {
    this.#below.close();
  }

  ref(): void {
    this.#below.ref?.();
  }

  unref(): void {
    this.#below.unref?.();
  }

  setNoDelay(on: boolean): void {
    this.#below.setNoDelay?.(on);
  }

  setKeepAlive(on: boolean): void {
    this.#below.setKeepAlive?.(on);
  }
}
