/** Rooms over Redis: publish and subscribe, through clients that the user made. */

import { Buffer } from "node:buffer";
import { checkKeys, checkString, invalid, invalidValue } from "../base/check.ts";
import { TcpError } from "../base/errors.ts";
import type { BusReceiver, BusState, RoomBus } from "./room_bus.ts";

/** What is used of an `ioredis` client. */
export interface IoRedisClient {
  /** `"ready"` while commands go through. */
  readonly status: string;
  /** PUBLISH. */
  publish(channel: string, message: Buffer): Promise<unknown>;
  /** SUBSCRIBE. */
  subscribe(channel: string): Promise<unknown>;
  /** UNSUBSCRIBE. */
  unsubscribe(channel: string): Promise<unknown>;
  /** Adds a listener. */
  // deno-lint-ignore no-explicit-any -- each event has its own arguments
  on(event: string, listener: (...args: any[]) => void): unknown;
  /** Removes it. */
  // deno-lint-ignore no-explicit-any -- as above
  off(event: string, listener: (...args: any[]) => void): unknown;
}

/** What is used of a client of node-redis, the package `redis`. */
export interface NodeRedisClient {
  /** Whether commands go through. */
  readonly isReady: boolean;
  /** PUBLISH. */
  publish(channel: string, message: Buffer): Promise<unknown>;
  /** SUBSCRIBE, for bytes. */
  subscribe(channel: string, listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>;
  /** UNSUBSCRIBE. */
  unsubscribe(channel: string, listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>;
  /** Adds a listener. */
  // deno-lint-ignore no-explicit-any -- as above
  on(event: string, listener: (...args: any[]) => void): unknown;
  /** Removes it. */
  // deno-lint-ignore no-explicit-any -- as above
  off(event: string, listener: (...args: any[]) => void): unknown;
}

/** A Redis client that the user made and connects: of `ioredis`, or of node-redis. */
export type RedisClient = IoRedisClient | NodeRedisClient;

/** What {@link redisBus} takes. */
export interface RedisBusOptions {
  /** The client that publishes. You may use it for other commands, too. */
  publisher: RedisClient;
  /** The client that subscribes. It must be another one, because a connection that subscribes can do nothing else. */
  subscriber: RedisClient;
  /**
   * The beginning of every channel name.
   *
   * @default {"verb:rooms:"}
   */
  prefix?: string;
}

/**
 * Carries rooms over Redis. Make and connect two clients, of `ioredis` or of node-redis (`redis`), and close them after
 * the rooms. Both subscribe again by themselves when Redis is back. While it is away nothing is kept for later: what is
 * broadcast then reaches the members of this process only.
 *
 * Every client that can publish to this Redis can send to the rooms.
 *
 * @throws {TypeError} For what is no such client, and when both are the same.
 *
 * @example
 * ```ts ignore
 * import { Redis } from "npm:ioredis@6";
 * import { redisBus, Rooms } from "@verb/tcp/rooms";
 *
 * const [publisher, subscriber] = [new Redis(), new Redis()];
 * const rooms = new Rooms({ bus: redisBus({ publisher, subscriber }), wire: "chat-1" });
 * ```
 */
export function redisBus(options: RedisBusOptions): RoomBus {
  checkKeys("options", options, ["publisher", "subscriber", "prefix"]);
  const { publisher, subscriber, prefix }: Partial<RedisBusOptions> = options ?? {};
  checkClient("publisher", publisher);
  checkClient("subscriber", subscriber);
  if (publisher === subscriber) {
    throw invalidValue(
      "subscriber",
      "another client than publisher: one that subscribes can do nothing else",
      subscriber,
    );
  }
  return new RedisBus(publisher, subscriber, checkString("prefix", prefix) ?? "verb:rooms:");
}

/** Whether commands of that client go through now. */
export function isReady(client: RedisClient): boolean {
  return "status" in client ? client.status === "ready" : client.isReady;
}

/** Refuses what is no client of either package. */
export function checkClient(name: string, client: unknown): asserts client is RedisClient {
  const shape = client as Partial<IoRedisClient & NodeRedisClient> | null | undefined;
  if (typeof shape?.status === "string" || typeof shape?.isReady === "boolean") return;
  throw invalid(name, "a client of ioredis or node-redis", client);
}

// Each is followed by a look at both clients.
const STATE_EVENTS = ["ready", "close", "end", "reconnecting"];

class RedisBus implements RoomBus {
  readonly #publisher: RedisClient;
  readonly #subscriber: RedisClient;
  readonly #prefix: string;
  // For ioredis, which has one event for all channels.
  readonly #receivers = new Map<string, BusReceiver>();
  readonly #dispatch = (channel: Buffer, message: Buffer): void => this.#receivers.get(String(channel))?.(message);

  constructor(publisher: RedisClient, subscriber: RedisClient, prefix: string) {
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#prefix = prefix;
    if ("status" in subscriber) subscriber.on("messageBuffer", this.#dispatch);
  }

  async publish(channel: string, payload: Uint8Array): Promise<number> {
    // A client would keep it until Redis is back, and however much more there is.
    if (!isReady(this.#publisher)) throw new TcpError("Cannot publish: Redis is not reachable", { code: "ENOTCONN" });
    const { buffer, byteOffset, length } = payload;
    const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, length);
    return Number(await this.#publisher.publish(this.#prefix + channel, bytes));
  }

  async subscribe(channel: string, receive: BusReceiver): Promise<() => Promise<void>> {
    const subscriber = this.#subscriber;
    const name = this.#prefix + channel;
    if ("status" in subscriber) {
      this.#receivers.set(name, receive);
      await subscriber.subscribe(name);
      return async () => {
        if (this.#receivers.get(name) === receive) this.#receivers.delete(name);
        await subscriber.unsubscribe(name);
      };
    }
    const listener = (message: Buffer) => receive(message);
    await subscriber.subscribe(name, listener, true);
    return async () => void await subscriber.unsubscribe(name, listener, true);
  }

  onState(listener: (state: BusState) => void): () => void {
    const clients = [this.#publisher, this.#subscriber];
    const look = () => listener(clients.every(isReady) ? "up" : "down");
    for (const client of clients) {
      for (const event of STATE_EVENTS) client.on(event, look);
    }
    look();
    return () => {
      for (const client of clients) {
        for (const event of STATE_EVENTS) client.off(event, look);
      }
    };
  }

  close(): Promise<void> {
    if ("status" in this.#subscriber) this.#subscriber.off("messageBuffer", this.#dispatch);
    this.#receivers.clear();
    return Promise.resolve();
  }
}
