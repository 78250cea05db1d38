/** Subscriptions: a connection of their own, found again when it is lost, with all channels subscribed anew. */

import { framed, type FramedSocket, type TCPSocket } from "@verb/tcp";
import { type Reconnect, reconnect, type ReconnectOptions } from "@verb/tcp/tcp";
import { type Command, type Reply, resp, RespError } from "./resp.ts";

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
  // Resolves when that has changed.
  #next = Promise.withResolvers<void>();
  readonly #waitMs: number;
  #peer: FramedSocket<Command, Reply> | undefined;
  #closed = false;
  // Why there is no connection, and what the server said to the last one, which tells more.
  #cause: unknown;
  #refused: RespError | undefined;

  /** Connects from now on; wrong options throw. `waitMs` is the longest wait of `subscribe`. */
  constructor(options: ReconnectOptions, password?: string, waitMs = 10_000) {
    this.#waitMs = waitMs;
    this.#connections = reconnect({
      ...options,
      onRetry: (retry) => {
        this.#cause = this.#refused ?? retry.cause;
        this.#refused = undefined;
        options.onRetry?.(retry);
      },
    });
    this.#running = this.#run(password);
  }

  // Never rejects: whoever subscribes is told.
  async #run(password: string | undefined): Promise<void> {
    try {
      for await (const socket of this.#connections) {
        const peer = this.#peer = framed(socket, CODEC);
        peer.on("message", (reply) => this.#hear(reply, socket));
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

  /** Calls `listener` with what is published to a channel from now on; resolves when the server has confirmed it. If
   * it does not within `waitMs`, this rejects, and the listener hears nothing. */
  async subscribe(channel: string, listener: Listener): Promise<void> {
    let listeners = this.#listeners.get(channel);
    if (listeners === undefined) {
      this.#listeners.set(channel, listeners = new Set());
      this.#peer?.send(["SUBSCRIBE", channel]);
    }
    listeners.add(listener);
    const until = performance.now() + this.#waitMs;
    while (!this.#confirmed.has(channel)) {
      const leftMs = until - performance.now();
      if (this.#closed || leftMs <= 0) {
        this.unsubscribe(channel, listener);
        throw new Error(this.#closed ? "The subscriber is closed" : `Not subscribed within ${this.#waitMs} ms`, {
          cause: this.#refused ?? this.#cause,
        });
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, leftMs);
      await Promise.race([promise, this.#next.promise]);
      clearTimeout(timer);
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

  #hear(reply: Reply, socket: TCPSocket): void {
    if (reply instanceof RespError) {
      this.#refused = reply; // the login, or the channel
      socket.destroy(); // a failed attempt
      return;
    }
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
    this.#next.resolve();
    this.#next = Promise.withResolvers();
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
