/** An engine in memory for tests: delivers in a microtask, fails on demand, and shows what is subscribed. */

import type { BusReceiver, BusState, RoomBus } from "../../src/rooms/mod.ts";

/** The engine; `bus()` gives one process its bus. */
export class MemoryEngine {
  readonly channels = new Map<string, Set<BusReceiver>>();
  readonly published: { channel: string; payload: Uint8Array }[] = [];
  /** Every call rejects while this is set. */
  down = false;
  /** Payloads that are lost on the way. */
  losing = 0;
  readonly #listeners = new Set<(state: BusState) => void>();

  bus(): RoomBus {
    return {
      publish: async (channel, payload) => {
        await this.#reach();
        this.published.push({ channel, payload });
        if (this.losing > 0) return void this.losing--;
        for (const receive of [...this.channels.get(channel) ?? []]) receive(payload.slice());
      },
      subscribe: async (channel, receive) => {
        await this.#reach();
        const receivers = this.channels.get(channel) ?? new Set();
        this.channels.set(channel, receivers.add(receive));
        return async () => {
          await this.#reach();
          receivers.delete(receive);
          if (receivers.size === 0) this.channels.delete(channel);
        };
      },
      onState: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      close: () => Promise.resolve(),
    };
  }

  /** The engine goes, or comes back, and tells so. */
  change(state: BusState): void {
    this.down = state === "down";
    for (const listener of [...this.#listeners]) listener(state);
  }

  async #reach(): Promise<void> {
    await Promise.resolve();
    if (this.down) throw new Error("The engine is gone");
  }
}
