/** The main thread's part of `workerBus`: who of the workers is subscribed to what, and handing on. */

import type { ToMain, ToWorker } from "./messages.ts";

/** A worker, as the relay sees it. */
export interface RelayedWorker {
  send(message: ToWorker): void;
}

/** Hands payloads to the workers that want them. A worker that is busy has them waiting in its port: none is lost. */
export class BusRelay {
  // How many buses of each worker are subscribed.
  readonly #channels = new Map<string, Map<RelayedWorker, number>>();

  receive(from: RelayedWorker, message: ToMain & { readonly type: "busPublish" | "busSubscribe" }): void {
    const { id, channel } = message;
    if (message.type === "busSubscribe") {
      this.#subscribe(from, channel, message.on);
      return from.send({ type: "busDone", id, reached: 0 });
    }
    let reached = 0;
    for (const [worker, buses] of this.#channels.get(channel) ?? []) {
      worker.send({ type: "bus", channel, payload: message.payload });
      reached += buses;
    }
    from.send({ type: "busDone", id, reached });
  }

  /** That worker is gone. */
  forget(worker: RelayedWorker): void {
    for (const [channel, workers] of this.#channels) {
      if (workers.delete(worker) && workers.size === 0) this.#channels.delete(channel);
    }
  }

  #subscribe(worker: RelayedWorker, channel: string, on: boolean): void {
    const workers = this.#channels.get(channel) ?? new Map<RelayedWorker, number>();
    const buses = (workers.get(worker) ?? 0) + (on ? 1 : -1);
    if (buses > 0) workers.set(worker, buses);
    else workers.delete(worker);
    if (workers.size > 0) this.#channels.set(channel, workers);
    else this.#channels.delete(channel);
  }
}
