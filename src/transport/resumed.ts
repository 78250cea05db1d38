/** A transport whose first read was done, or begun, by somebody else, who hands its outcome over. */

import type { ProxyInfo } from "./proxy_info.ts";
import type { Transport } from "./transport.ts";

/** See the module's comment. */
export class ResumedTransport implements Transport {
  resumed = false;
  readonly #below: Transport;
  #pending: Promise<Uint8Array | null> | undefined;
  #rest: Uint8Array | undefined;

  /** `first` are the bytes that were read, or a promise of them for a read that is under way, null for the peer's FIN. */
  constructor(below: Transport, first: Uint8Array | Promise<Uint8Array | null>) {
    this.#below = below;
    if (first instanceof Uint8Array) {
      this.#keep(first);
      return;
    }
    this.#pending = first;
    first.catch(() => {/* told by the first read */});
  }

  get localAddr(): Deno.Addr {
    return this.#below.localAddr;
  }

  get remoteAddr(): Deno.Addr {
    return this.#below.remoteAddr;
  }

  get proxy(): ProxyInfo | undefined {
    return this.#below.proxy;
  }

  get full(): boolean | undefined {
    return this.#below.full;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#pending !== undefined) return this.#readPending(this.#pending, buffer);
    if (this.#rest !== undefined) return Promise.resolve(this.#take(this.#rest, buffer));
    this.resumed = false;
    return this.#below.read(buffer);
  }

  async #readPending(pending: Promise<Uint8Array | null>, buffer: Uint8Array): Promise<number | null> {
    this.#pending = undefined;
    const bytes = await pending;
    return bytes === null ? null : this.#take(bytes, buffer);
  }

  #take(rest: Uint8Array, buffer: Uint8Array): number {
    const part = rest.subarray(0, buffer.length);
    buffer.set(part);
    this.resumed = true;
    this.#keep(rest.subarray(part.length));
    return part.length;
  }

  #keep(rest: Uint8Array): void {
    this.#rest = rest.length > 0 ? rest : undefined;
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#below.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#below.closeWrite();
  }

  close(): void {
    this.#rest = undefined;
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
