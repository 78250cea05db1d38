/** A listener in a network of a test: what `Deno.listen` gives, without a port of the system. */

import type { Listener } from "../transport/listener.ts";
import { closeQuietly, type Transport } from "../transport/transport.ts";

/** See the module's comment. */
export class NetworkListener implements Listener {
  readonly addr: Deno.NetAddr;
  readonly #backlog: number;
  readonly #unbind: () => void;
  readonly #arrived: Transport[] = [];
  #accept: PromiseWithResolvers<Transport> | undefined;
  #closed = false;

  constructor(addr: Deno.NetAddr, backlog: number, unbind: () => void) {
    this.addr = addr;
    this.#backlog = backlog;
    this.#unbind = unbind;
  }

  /** A connection is there. Gives false if there is no room for it: then its client waits, as behind a real backlog. */
  offer(transport: Transport): boolean {
    if (this.#accept !== undefined) this.#accept.resolve(transport);
    else if (this.#arrived.length >= this.#backlog) return false;
    else this.#arrived.push(transport);
    this.#accept = undefined;
    return true;
  }

  accept(): Promise<Transport> {
    if (this.#closed) return Promise.reject(new Deno.errors.BadResource("Listener has been closed"));
    if (this.#accept !== undefined) return Promise.reject(new Deno.errors.Busy("An accept is pending already"));
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    this.#accept = Promise.withResolvers();
    return this.#accept.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unbind();
    for (const transport of this.#arrived.splice(0)) closeQuietly(transport);
    this.#accept?.reject(new Deno.errors.BadResource("Listener has been closed"));
    this.#accept = undefined;
  }
}
