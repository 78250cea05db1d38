/**
 * Who has which nickname: one person at a time, also where a chat runs in several processes. It shows how to find out by
 * asking everybody in a room, and how to hold a name in Redis without ever holding it twice.
 *
 * Nothing to run here; `server.ts` is the server.
 *
 * @module
 */

import type { RoomMember, Rooms } from "@verb/tcp/rooms";
import type { Answer } from "./messages.ts";

/** Hands out nicknames. */
export interface Nicknames {
  /**
   * Takes a nickname for a member; false if somebody has it. `lost` is called if it turns out later that somebody else got
   * it meanwhile. Rejects where nobody can tell.
   */
  claim(key: string, member: RoomMember<Answer>, lost: () => void): Promise<boolean>;
  /** Gives it back. */
  release(key: string, member: RoomMember<Answer>): void;
  /** Gives back all of them. */
  close(): Promise<void>;
}

/**
 * Nicknames by asking: each has a room, and whoever is alone in it has the nickname. Two who ask at the same moment see each
 * other, and neither gets it.
 */
export class AskedNicknames implements Nicknames {
  readonly #rooms: Rooms<Answer, string>;

  /** Asks through these rooms. */
  constructor(rooms: Rooms<Answer, string>) {
    this.#rooms = rooms;
  }

  /** See {@link Nicknames}. */
  async claim(key: string, member: RoomMember<Answer>): Promise<boolean> {
    const name = `nickname ${key}`;
    if (this.#rooms.size(name) > 0) return false;
    // First be seen, then look.
    if (!await this.#rooms.join(name, member)) return false;
    const { members, complete } = await this.#rooms.list(name);
    if (members.length === 1 && complete) return true;
    this.release(key, member);
    if (members.length > 1) return false;
    throw new Error("Not all processes have answered");
  }

  /** See {@link Nicknames}. */
  release(key: string, member: RoomMember<Answer>): void {
    this.#rooms.leave(`nickname ${key}`, member);
  }

  /** See {@link Nicknames}. */
  close(): Promise<void> {
    return Promise.resolve(); // the rooms are closed by whoever made them
  }
}

/** What runs commands of Redis: a client of `ioredis`. */
export interface RedisCommands {
  /** Any command. */
  call(command: string, ...args: string[]): Promise<unknown>;
}

// Only for the holder, and in one step: between a look and a deed the lease could become somebody else's.
const RENEW =
  `if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end return redis.call("PEXPIRE", KEYS[1], ARGV[2])`;
const RELEASE = `if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end return redis.call("DEL", KEYS[1])`;

interface Lease {
  /** What Redis holds as long as the lease is ours. */
  token: string;
  readonly lost: () => void;
}

/**
 * Nicknames by leases in Redis, which run out unless they are renewed: what a dead process had is free after `ttlMs`. A lease
 * that ran out, because this process was stopped for longer or Redis has forgotten it, is not taken up again: the nickname
 * is claimed anew, like by anybody else, and is lost if somebody has it by then.
 */
export class LeasedNicknames implements Nicknames {
  readonly #redis: RedisCommands;
  readonly #prefix: string;
  readonly #ttlMs: number;
  readonly #leases = new Map<string, Lease>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Keeps leases of `ttlMs` in Redis, by keys with that prefix. */
  constructor(redis: RedisCommands, prefix: string, ttlMs: number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#ttlMs = ttlMs;
    this.#renewLater();
  }

  /** See {@link Nicknames}. */
  async claim(key: string, _member: RoomMember<Answer>, lost: () => void): Promise<boolean> {
    const token = await this.#take(key);
    if (token === undefined) return false;
    this.#leases.set(key, { token, lost });
    return true;
  }

  /** See {@link Nicknames}. */
  release(key: string): void {
    void this.#giveBack(key);
  }

  /** See {@link Nicknames}. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#leases.keys()].map((key) => this.#giveBack(key)));
  }

  #renewLater(): void {
    if (!this.#closed) this.#timer = setTimeout(() => void this.#renewAll(), this.#ttlMs / 3);
  }

  async #renewAll(): Promise<void> {
    await Promise.all(Array.from(this.#leases, ([key, lease]) => this.#renew(key, lease)));
    this.#renewLater();
  }

  async #renew(key: string, lease: Lease): Promise<void> {
    try {
      if (await this.#run(RENEW, key, lease.token, String(this.#ttlMs))) return;
      if (this.#leases.get(key) !== lease) return; // it was given back meanwhile
      const token = await this.#take(key);
      if (token !== undefined) lease.token = token;
      if (this.#leases.get(key) !== lease) return void await this.#run(RELEASE, key, lease.token);
      if (token !== undefined) return;
      this.#leases.delete(key);
      lease.lost();
    } catch {
      // Redis is not there: the next time shows whether the lease has lived on.
    }
  }

  /** Gives the token of a new lease, undefined if somebody has one. */
  async #take(key: string): Promise<string | undefined> {
    const token = crypto.randomUUID();
    const reply = await this.#redis.call("SET", this.#prefix + key, token, "NX", "PX", String(this.#ttlMs));
    return reply === null ? undefined : token;
  }

  async #giveBack(key: string): Promise<void> {
    const lease = this.#leases.get(key);
    if (lease === undefined) return;
    this.#leases.delete(key);
    try {
      await this.#run(RELEASE, key, lease.token);
    } catch {
      // Redis is not there: the lease runs out.
    }
  }

  async #run(script: string, key: string, ...args: string[]): Promise<boolean> {
    return Number(await this.#redis.call("EVAL", script, "1", this.#prefix + key, ...args)) === 1;
  }
}
