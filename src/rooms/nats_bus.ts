/** Rooms over NATS: core publish and subscribe, through a connection that the user made. */

import { checkKeys, invalid, invalidValue } from "../base/check.ts";
import { TcpError } from "../base/errors.ts";
import type { BusReceiver, BusState, RoomBus } from "./room_bus.ts";

/** What is used of a connection of `@nats-io/transport-node` and its sisters. */
export interface NatsConnection {
  /** PUB. */
  publish(subject: string, payload: Uint8Array): void;
  /** SUB. */
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: { readonly data: Uint8Array }) => void },
  ): { unsubscribe(): void };
  /** Resolves when the server has seen everything before. */
  flush(): Promise<void>;
  /** Tells what becomes of the connection. */
  status(): AsyncIterable<{ readonly type: string }>;
  /** Whether it was closed for good. */
  isClosed(): boolean;
}

/** How {@link natsBus} names its subjects. */
export interface NatsBusOptions {
  /**
   * The beginning of every subject: tokens with a dot after each.
   *
   * @default {"verb.rooms."}
   */
  prefix?: string;
}

/**
 * Carries rooms over NATS. Make the connection, and close it after the rooms. It subscribes again by itself when a server is
 * back. While there is none nothing is kept for later: what is broadcast then reaches the members of this process only.
 *
 * Every client that can publish to these subjects can send to the rooms.
 *
 * @throws {TypeError} For what is no such connection, and a prefix with wildcards or spaces.
 *
 * @example
 * ```ts ignore
 * import { connect } from "npm:@nats-io/transport-node@3";
 * import { natsBus, Rooms } from "@verb/tcp/rooms";
 *
 * const rooms = new Rooms({ bus: natsBus(await connect()), wire: "chat-1" });
 * ```
 */
export function natsBus(connection: NatsConnection, options: NatsBusOptions = {}): RoomBus {
  checkKeys("options", options, ["prefix"]);
  const { prefix = "verb.rooms." } = options;
  if (typeof connection?.publish !== "function" || typeof connection.status !== "function") {
    throw invalid("connection", "a connection of @nats-io", connection);
  }
  if (typeof prefix !== "string" || !/^(?:[^\s.*>]+\.)*$/.test(prefix)) {
    throw invalidValue("prefix", "tokens without wildcards or spaces, each with a dot behind it", prefix);
  }
  return new NatsBus(connection, prefix);
}

class NatsBus implements RoomBus {
  readonly #connection: NatsConnection;
  readonly #prefix: string;
  readonly #listeners = new Set<(state: BusState) => void>();
  #state: BusState;
  readonly #statuses: AsyncIterator<{ readonly type: string }>;

  constructor(connection: NatsConnection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.#state = connection.isClosed() ? "down" : "up";
    this.#statuses = connection.status()[Symbol.asyncIterator]();
    void this.#watch();
  }

  publish(channel: string, payload: Uint8Array): Promise<void> {
    // The connection would keep it until a server is back, and however much more there is.
    if (this.#state === "down" || this.#connection.isClosed()) {
      return Promise.reject(new TcpError("Cannot publish: NATS is not reachable", { code: "ENOTCONN" }));
    }
    this.#connection.publish(this.#prefix + channel, payload);
    // What the server has not seen counts as under way.
    return this.#connection.flush();
  }

  async subscribe(channel: string, receive: BusReceiver): Promise<() => Promise<void>> {
    const subscription = this.#connection.subscribe(this.#prefix + channel, {
      callback: (error, message) => {
        if (error === null) receive(message.data);
      },
    });
    await this.#connection.flush();
    return () => {
      subscription.unsubscribe();
      return Promise.resolve();
    };
  }

  onState(listener: (state: BusState) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#state);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#listeners.clear();
    // Not awaited: it is done when the connection tells its next status, or is closed, which is the caller's to do.
    void this.#statuses.return?.();
    return Promise.resolve();
  }

  async #watch(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#statuses.next();
      if (done === true) return this.#change("down");
      if (value.type === "disconnect") this.#change("down");
      else if (value.type === "reconnect") this.#change("up");
    }
  }

  #change(state: BusState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}
