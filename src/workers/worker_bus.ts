/** Rooms over the workers of one process. */

import { TcpError } from "../base/errors.ts";
import type { ToMain, ToWorker } from "./messages.ts";
import { parentOf, type ParentPort } from "./worker_side.ts";

/** Carries rooms between the workers of one process; {@link workerBus} makes one. */
export interface WorkerBus {
  /** Sends bytes to every worker that is subscribed; resolves with their number. */
  publish(channel: string, payload: Uint8Array): Promise<number>;
  /** Calls `receive` for everything that is published on the channel. Resolves with a function that ends this. */
  subscribe(channel: string, receive: (payload: Uint8Array) => void): Promise<() => Promise<void>>;
  /** Ends all subscriptions. */
  close(): Promise<void>;
}

/**
 * Carries rooms between the workers that `startWorkers` runs: give it to `new Rooms({ bus: workerBus(), wire })`. It
 * uses message ports and loses nothing, however busy a worker is. On the main thread, where the module of a worker may
 * run by itself, it is a bus without other subscribers.
 *
 * @example
 * ```ts
 * import { MessageProtocol } from "@verb/tcp";
 * import { Rooms } from "@verb/tcp/rooms";
 * import { workerBus } from "@verb/tcp/workers";
 *
 * const rooms = new Rooms({ bus: workerBus(), wire: "chat-1" });
 * await rooms.close();
 * ```
 */
export function workerBus(): WorkerBus {
  const parent = parentOf();
  return parent === undefined ? new LonelyBus() : new PortBus(parent);
}

type Receive = (payload: Uint8Array) => void;

class PortBus implements WorkerBus {
  readonly #parent: ParentPort;
  readonly #stop: () => void;
  readonly #receivers = new Map<string, Set<Receive>>();
  readonly #calls = new Map<number, (reached: number) => void>();

  constructor(parent: ParentPort) {
    this.#parent = parent;
    this.#stop = parent.hear((message) => this.#hear(message));
  }

  publish(channel: string, payload: Uint8Array): Promise<number> {
    return this.#call((id) => ({ type: "busPublish", id, channel, payload }));
  }

  async subscribe(channel: string, receive: Receive): Promise<() => Promise<void>> {
    const receivers = this.#receivers.get(channel) ?? new Set();
    this.#receivers.set(channel, receivers.add(receive));
    if (receivers.size === 1) await this.#call((id) => ({ type: "busSubscribe", id, channel, on: true }));
    return async () => {
      if (!receivers.delete(receive) || receivers.size > 0) return;
      this.#receivers.delete(channel);
      await this.#call((id) => ({ type: "busSubscribe", id, channel, on: false }));
    };
  }

  async close(): Promise<void> {
    const channels = [...this.#receivers.keys()];
    this.#receivers.clear();
    await Promise.all(
      channels.map((channel) => this.#call((id) => ({ type: "busSubscribe", id, channel, on: false }))),
    );
    this.#stop();
  }

  #call(messageOf: (id: number) => ToMain): Promise<number> {
    const id = nextId();
    return new Promise((resolve) => {
      this.#calls.set(id, resolve);
      this.#parent.send(messageOf(id));
    });
  }

  #hear(message: ToWorker): void {
    if (message.type === "bus") {
      for (const receive of [...this.#receivers.get(message.channel) ?? []]) receive(message.payload);
    } else if (message.type === "busDone") {
      this.#calls.get(message.id)?.(message.reached);
      this.#calls.delete(message.id);
    }
  }
}

// One count for all buses of a worker: an answer goes to all of them.
let ids = 0;
function nextId(): number {
  return ++ids;
}

class LonelyBus implements WorkerBus {
  readonly #receivers = new Map<string, Set<Receive>>();
  #closed = false;

  publish(channel: string, payload: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(new TcpError("Cannot publish: the bus is closed", { code: "ENOTCONN" }));
    const receivers = [...this.#receivers.get(channel) ?? []];
    for (const receive of receivers) receive(payload);
    return Promise.resolve(receivers.length);
  }

  subscribe(channel: string, receive: Receive): Promise<() => Promise<void>> {
    const receivers = this.#receivers.get(channel) ?? new Set();
    this.#receivers.set(channel, receivers.add(receive));
    return Promise.resolve(() => {
      if (receivers.delete(receive) && receivers.size === 0) this.#receivers.delete(channel);
      return Promise.resolve();
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#receivers.clear();
    return Promise.resolve();
  }
}
