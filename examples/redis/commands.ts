/** The commands of Redis with their types, for whatever carries them. Others go by `command`. */

import type { Command, Reply } from "./resp.ts";

/** What `SET` takes besides key and value. */
export interface SetOptions {
  /** The key expires after so many milliseconds. */
  expireMs?: number;
  /** Only if there is none yet (`"absent"`), or only if there is one (`"present"`). */
  only?: "absent" | "present";
}

/** A value that is stored. */
export type Value = string | number | Uint8Array;

/** Commands over one connection, or over many. */
export abstract class Commands {
  /** Sends a command; rejects with a `RespError` if the server answers with one. */
  abstract command(command: Command): Promise<Reply>;

  /** Many commands in one write; the answers in their order, those that are errors among them. */
  abstract pipeline(commands: readonly Command[]): Promise<Reply[]>;

  /** "PONG". */
  ping(): Promise<string> {
    return this.#of(["PING"]);
  }

  /** The value, null if there is none. */
  get(key: string): Promise<string | null> {
    return this.#of(["GET", key]);
  }

  /** The values, null for each that is missing. */
  mget(...keys: string[]): Promise<(string | null)[]> {
    return this.#of(["MGET", ...keys]);
  }

  /** Stores a value; false if `only` forbade it. */
  async set(key: string, value: Value, { expireMs, only }: SetOptions = {}): Promise<boolean> {
    const expires = expireMs === undefined ? [] : ["PX", expireMs];
    const condition = only === undefined ? [] : [only === "absent" ? "NX" : "XX"];
    return await this.command(["SET", key, value, ...expires, ...condition]) === "OK";
  }

  /** Removes keys; gives how many there were. */
  del(...keys: string[]): Promise<number> {
    return this.#of(["DEL", ...keys]);
  }

  /** How many of the keys there are. */
  exists(...keys: string[]): Promise<number> {
    return this.#of(["EXISTS", ...keys]);
  }

  /** Adds to a number. */
  incrBy(key: string, by = 1): Promise<number> {
    return this.#of(["INCRBY", key, by]);
  }

  /** Puts items at the end of a list; gives its length. */
  rpush(key: string, ...items: Value[]): Promise<number> {
    return this.#of(["RPUSH", key, ...items]);
  }

  /** The items of a list from `from` to `to`, -1 being the last. */
  lrange(key: string, from = 0, to = -1): Promise<string[]> {
    return this.#of(["LRANGE", key, from, to]);
  }

  /** Sends a message to a channel; gives how many received it. */
  publish(channel: string, message: Value): Promise<number> {
    return this.#of(["PUBLISH", channel, message]);
  }

  /** What the server answers to this command has that type. */
  #of<R extends Reply>(command: Command): Promise<R> {
    return this.command(command) as Promise<R>;
  }
}

// They read and change nothing, so that it does no harm to ask twice.
const READS = new Set(
  ("ECHO EXISTS GET GETRANGE HEXISTS HGET HGETALL HKEYS HLEN HMGET HVALS KEYS LINDEX LLEN LRANGE MGET PING PTTL SCARD " +
    "SISMEMBER SMEMBERS STRLEN TTL TYPE ZCARD ZRANGE ZRANK ZSCORE").split(" "),
);

/** Whether a command may be sent again although the server may have done it. */
export function isRepeatable([name]: Command): boolean {
  return typeof name === "string" && READS.has(name.toUpperCase());
}
