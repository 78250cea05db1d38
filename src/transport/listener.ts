/** What listens. */

import type { Transport } from "./transport.ts";

/** One accept at a time, which rejects for one peer's fault without closing. */
export interface Listener {
  accept(): Promise<Transport>;
  /** Stops listening at once. Where it gives a promise, that resolves when the place is free for another listener. */
  close(): void | Promise<void>;
  readonly addr: Deno.Addr;
  /** Where binding has to wait: resolves when it is done, rejects with a `TcpError` if it fails. */
  readonly bound?: Promise<void>;
  ref?(): void;
  unref?(): void;
}

// Places that closed listeners still hold.
const leaving = new Set<Promise<void>>();

/** Resolves when every listener of this process that is closed now has left its place; undefined when all have. */
export function whenLeft(): Promise<unknown> | undefined {
  return leaving.size === 0 ? undefined : Promise.all(leaving);
}

/** A listener of the runtime, which holds its place after `close()` until the accept that was pending has been rejected. */
export class SystemListener implements Listener {
  readonly #listener: Deno.Listener<Deno.Conn>;
  #accepting: Promise<Transport> | undefined;

  constructor(listener: Deno.Listener<Deno.Conn>) {
    this.#listener = listener;
  }

  get addr(): Deno.Addr {
    return this.#listener.addr;
  }

  accept(): Promise<Transport> {
    return this.#accepting = this.#listener.accept();
  }

  close(): void | Promise<void> {
    this.#listener.close();
    if (this.#accepting === undefined) return;
    const left = this.#accepting.then(() => {}, () => {}).then(() => void leaving.delete(left));
    leaving.add(left);
    return left;
  }

  ref(): void {
    this.#listener.ref();
  }

  unref(): void {
    this.#listener.unref();
  }
}
