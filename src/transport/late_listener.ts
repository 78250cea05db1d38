/** A listener for a place that others are about to leave. */

import type { Listener } from "./listener.ts";
import type { Transport } from "./transport.ts";

/** Listens as soon as the others have left; see the module's comment. */
export class LateListener implements Listener {
  readonly bound: Promise<void>;
  readonly #wanted: Deno.Addr;
  #listener: Listener | undefined;
  #closed = false;
  #held = true;

  /** `bind` is called once `othersLeft` has resolved, unless this one is closed by then; it throws TcpErrors only. */
  constructor(wanted: Deno.Addr, othersLeft: Promise<unknown>, bind: () => Listener) {
    this.#wanted = wanted;
    this.bound = this.#bind(othersLeft, bind);
  }

  get addr(): Deno.Addr {
    return this.#listener?.addr ?? this.#wanted;
  }

  async accept(): Promise<Transport> {
    await this.bound;
    if (this.#listener === undefined) throw new Deno.errors.BadResource("Listener has been closed");
    return await this.#listener.accept();
  }

  close(): void | Promise<void> {
    this.#closed = true;
    return this.#listener === undefined ? this.bound : this.#listener.close();
  }

  ref(): void {
    this.#held = true;
    this.#listener?.ref?.();
  }

  unref(): void {
    this.#held = false;
    this.#listener?.unref?.();
  }

  async #bind(othersLeft: Promise<unknown>, bind: () => Listener): Promise<void> {
    await othersLeft;
    if (this.#closed) return;
    this.#listener = bind();
    if (!this.#held) this.#listener.unref?.();
  }
}
