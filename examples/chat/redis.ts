/**
 * A chat of several processes, on one machine or many, through Redis: what is said, who is where, and who is called what.
 *
 * Nothing to run here; `server.ts --redis URL` uses it.
 *
 * @module
 */

import { redisBus, redisPresence } from "@verb/tcp/rooms";
import type { SharedChat } from "./chat.ts";
import { LeasedNicknames } from "./nicknames.ts";

/** Connects to Redis. What a process that died has left there is gone after `ttlMs`. Rejects if Redis is not there. */
export async function shareOverRedis(url: string, ttlMs: number = 15_000): Promise<SharedChat> {
  // Loaded only if it is used: the chat without Redis needs no package of npm.
  const { Redis } = await import("npm:ioredis@6.0.0");
  const options = {
    lazyConnect: true,
    // While Redis is gone nothing waits for it: what cannot be done now fails now.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    commandTimeout: 2_000,
    retryStrategy: () => 500,
  };
  const [publisher, subscriber] = [new Redis(url, options), new Redis(url, options)];
  for (const client of [publisher, subscriber]) client.on("error", () => {}); // the rooms tell that Redis is gone
  try {
    await Promise.all([publisher.connect(), subscriber.connect()]);
  } catch (error) {
    disconnect();
    // Without the user and the password that the URL may have.
    throw new Error(`Cannot connect to Redis at ${new URL(url).host}`, { cause: error });
  }
  function disconnect(): void {
    publisher.disconnect();
    subscriber.disconnect();
  }
  return {
    bus: redisBus({ publisher, subscriber, prefix: "chat:" }),
    presence: redisPresence({ client: publisher, prefix: "chat:", ttlMs }),
    nicknames: new LeasedNicknames(publisher, "chat:nickname:", ttlMs),
    disconnect,
  };
}
