/** Subscriptions: a connection of their own, found again when it is lost, with all channels subscribed anew. */

import { framed, type FramedSocket, type Reconnect, reconnect, type ReconnectOptions } from "@verb/tcp/tcp";
import { type Command, type Reply, resp } from "./resp.ts";

/** What listeners are called with. */
export type Listener = (message: string, channel: string) => void;

const CODEC = resp();

/** Hears channels. What is published while the connection is lost is lost, too: Redis keeps no messages. */
export class RedisSubscriber implements AsyncDisposable {
  readonly #connections: Reconnect;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #running: Promise<void>;
  // Those that the server has confirmed on this connection, and who waits for that.
  readonly #confirmed = new Set<string>();
  #waiting: (() => void)[] = [];
  #peer: FramedSocket<Command, Reply> | undefined;
  #closed = false;
  #cause: unknown;

  /** Connects from now on; wrong options throw. */
  constructor(options: ReconnectOptions, password?: string) {
    this.#connections = reconnect(options);
    this.#running = this.#run(password);
  }

  // Never rejects: whoever subscribes is told.
  async #run(password: string | undefined): Promise<void> {
    try {
      for await (const socket of this.#connections) {
        const peer = this.#peer = framed(socket, CODEC);
        peer.on("message", (reply) => this.#hear(reply));
        if (password !== undefined) peer.send(["AUTH", password]);
        if (this.#listeners.size > 0) peer.send(["SUBSCRIBE", ...this.#listeners.keys()]);
        await socket.closed;
        this.#peer = undefined;
        this.#confirmed.clear();
      }
    } catch (error) {
      this.#cause = error; // attempts ran out, or the signal
    }
    this.#closed = true;
    this.#wake();
  }

  /** Calls `listener` with what is published to a channel from now on; resolves when the server has confirmed it. */
  async subscribe(channel: string, listener: Listener): Promise<void> {
    let listeners = this.#listeners.get(channel);
    if (listeners === undefined) {
      this.#listeners.set(channel, listeners = new Set());
      this.#peer?.send(["SUBSCRIBE", channel]);
    }
    listeners.add(listener);
    while (!this.#confirmed.has(channel)) {
      if (this.#closed) throw new Error("The subscriber is closed", { cause: this.#cause });
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Calls it no more. */
  unsubscribe(channel: string, listener: Listener): void {
    const listeners = this.#listeners.get(channel);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.#listeners.delete(channel);
    this.#confirmed.delete(channel);
    this.#peer?.send(["UNSUBSCRIBE", channel]);
  }

  #hear(reply: Reply): void {
    if (!Array.isArray(reply)) return; // what AUTH answered
    const [kind, channel, message] = reply as [string, string, string];
    if (kind === "message") {
      for (const listener of this.#listeners.get(channel) ?? []) listener(message, channel);
    } else if (kind === "subscribe" && this.#listeners.has(channel)) {
      this.#confirmed.add(channel);
      this.#wake();
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake();
    await this.#connections.close();
    await this.#running;
  }

  /** The same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
