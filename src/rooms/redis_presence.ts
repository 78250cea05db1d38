/** Presence in Redis: a hash for each room, and a lease for each life of a process, whose time Redis keeps. */

import { checkKeys, checkMs, checkString, invalidValue } from "../base/check.ts";
import { startBackgroundTimer, stopTimer, type Timer } from "../base/clock.ts";
import type { RoomPresence } from "./presence.ts";
import { checkCommands, command, pairsOf, type RedisCommands } from "./redis_commands.ts";

/** What {@link redisPresence} takes. */
export interface RedisPresenceOptions {
  /** The client that runs the commands, such as the publisher of `redisBus`; not a client that subscribes. */
  client: RedisCommands;
  /**
   * The beginning of every key.
   *
   * @default {"verb:rooms:"}
   */
  prefix?: string;
  /**
   * How long the members of a process that died are still listed, in milliseconds, from 1,000 on. A process that is
   * stopped for longer counts as dead, and writes its members again when it goes on.
   *
   * @default {15_000}
   */
  ttlMs?: number;
}

/**
 * Keeps the members of rooms in Redis, so that `rooms.list(name)` gives those of all processes. The members of a
 * process that died are listed for at most `ttlMs`. Close the client after the rooms.
 *
 * @throws {TypeError | RangeError} For what is no such client, and a `ttlMs` out of range.
 *
 * @example
 * ```ts ignore
 * import { Redis } from "npm:ioredis@6";
 * import { redisBus, redisPresence, Rooms } from "@verb/tcp/rooms";
 *
 * const [publisher, subscriber] = [new Redis(), new Redis()];
 * const rooms = new Rooms<string, { nickname: string }>({
 *   bus: redisBus({ publisher, subscriber }),
 *   wire: "chat-1",
 *   presence: redisPresence({ client: publisher }),
 * });
 * ```
 */
export function redisPresence(options: RedisPresenceOptions): RoomPresence {
  checkKeys("options", options, ["client", "prefix", "ttlMs"]);
  const { client, prefix, ttlMs: given }: Partial<RedisPresenceOptions> = options ?? {};
  checkCommands("client", client);
  const ttlMs = checkMs("ttlMs", given, 15_000);
  if (ttlMs < LEAST_TTL_MS) throw invalidValue("ttlMs", `${LEAST_TTL_MS} milliseconds or more`, ttlMs);
  return new RedisPresence(client, checkString("prefix", prefix) ?? "verb:rooms:", Math.floor(ttlMs));
}

const LEAST_TTL_MS = 1_000;
const RETRY_MS = 500;
// Changes of one room that go into one command.
const FIELDS_A_COMMAND = 256;

type Changes = Map<string, Set<string>>;

class RedisPresence implements RoomPresence {
  readonly #client: RedisCommands;
  readonly #prefix: string;
  readonly #ttlMs: number;
  // What Redis should hold of this process, and where it may not yet.
  readonly #wanted = new Map<string, Map<string, string>>();
  #changed: Changes = new Map();
  // The name of this life. A lease that is lost is never taken up again: others may be cleaning up behind it.
  #life = crypto.randomUUID();
  #leased = false;
  #writing: Promise<void> | undefined;
  #renewal: Timer;
  #retry: Timer;
  #closed = false;

  constructor(client: RedisCommands, prefix: string, ttlMs: number) {
    this.#client = client;
    this.#prefix = prefix;
    this.#ttlMs = ttlMs;
  }

  enter(room: string, member: string, data: string): void {
    const members = this.#wanted.get(room);
    if (members === undefined) this.#wanted.set(room, new Map([[member, data]]));
    else members.set(member, data);
    this.#change(room, member);
  }

  leave(room: string, member: string): void {
    const members = this.#wanted.get(room);
    if (members?.delete(member) !== true) return;
    if (members.size === 0) this.#wanted.delete(room);
    this.#change(room, member);
  }

  async others(room: string): Promise<string[]> {
    const key = this.#keyOf(room);
    const byLife = new Map<string, [field: string, data: string][]>();
    for (const [field, data] of pairsOf(await command(this.#client, "HGETALL", key))) {
      const life = field.slice(0, field.indexOf(":"));
      const fields = byLife.get(life);
      if (fields === undefined) byLife.set(life, [[field, data]]);
      else fields.push([field, data]);
    }
    byLife.delete(this.#life); // rooms know their own
    const found: string[] = [];
    const left: string[] = [];
    const lives = [...byLife];
    const leases = await Promise.all(lives.map(([life]) => command(this.#client, "EXISTS", this.#leaseOf(life))));
    for (const [index, [, fields]] of lives.entries()) {
      if (Number(leases[index]) > 0) found.push(...fields.map(([, data]) => data));
      else left.push(...fields.map(([field]) => field));
    }
    if (left.length > 0) await command(this.#client, "HDEL", key, ...left);
    return found;
  }

  async close(): Promise<void> {
    for (const [room, members] of this.#wanted) {
      for (const member of members.keys()) this.#note(room, member);
    }
    this.#wanted.clear();
    this.#closed = true;
    stopTimer(this.#renewal);
    stopTimer(this.#retry);
    await this.#writing;
    if (!this.#leased) return;
    try {
      await this.#writeChanges();
      await command(this.#client, "DEL", this.#leaseOf(this.#life));
    } catch {
      // It cannot be told: the lease runs out.
    }
  }

  #change(room: string, member: string): void {
    this.#note(room, member);
    this.#write();
  }

  #note(room: string, member: string): void {
    const members = this.#changed.get(room);
    if (members === undefined) this.#changed.set(room, new Set([member]));
    else members.add(member);
  }

  /** Writes until Redis holds what it should; tried again when it fails. */
  #write(): void {
    if (this.#closed) return;
    this.#writing ??= this.#writeAll().finally(() => this.#writing = undefined);
  }

  // Never rejects.
  async #writeAll(): Promise<void> {
    stopTimer(this.#retry);
    await Promise.resolve(); // what this turn changes goes together
    try {
      if (!this.#leased) await this.#takeLease();
      await this.#writeChanges();
    } catch {
      if (!this.#closed) this.#retry = startBackgroundTimer(() => this.#write(), RETRY_MS);
    }
  }

  async #writeChanges(): Promise<void> {
    while (this.#changed.size > 0) {
      const changed = this.#changed;
      this.#changed = new Map();
      try {
        await Promise.all([...changed].map(([room, members]) => this.#writeRoom(room, [...members])));
      } catch (error) {
        // What came through meanwhile is written twice, which changes nothing.
        for (const [room, members] of changed) {
          for (const member of members) this.#note(room, member);
        }
        throw error;
      }
    }
  }

  async #writeRoom(room: string, members: readonly string[]): Promise<void> {
    const key = this.#keyOf(room);
    for (let at = 0; at < members.length; at += FIELDS_A_COMMAND) {
      const sets: string[] = [];
      const deletions: string[] = [];
      for (const member of members.slice(at, at + FIELDS_A_COMMAND)) {
        const data = this.#wanted.get(room)?.get(member);
        if (data === undefined) deletions.push(`${this.#life}:${member}`);
        else sets.push(`${this.#life}:${member}`, data);
      }
      if (sets.length > 0) await command(this.#client, "HSET", key, ...sets);
      if (deletions.length > 0) await command(this.#client, "HDEL", key, ...deletions);
    }
    await this.#keepRoom(room);
  }

  async #takeLease(): Promise<void> {
    await command(this.#client, "SET", this.#leaseOf(this.#life), "1", "PX", String(this.#ttlMs));
    this.#leased = true;
    this.#renewLater();
  }

  #renewLater(): void {
    stopTimer(this.#renewal);
    if (!this.#closed) this.#renewal = startBackgroundTimer(() => void this.#renew(), this.#ttlMs / 3);
  }

  // Never rejects.
  async #renew(): Promise<void> {
    try {
      // XX: only if it is still there.
      const reply = await command(this.#client, "SET", this.#leaseOf(this.#life), "1", "PX", String(this.#ttlMs), "XX");
      if (reply === null) this.#beginAnew();
      else await Promise.all([...this.#wanted.keys()].map((room) => this.#keepRoom(room)));
    } catch {
      // Not reachable: the next renewal finds out whether the lease has lived on.
    }
    this.#renewLater();
  }

  /** The lease is lost: another life, and everything is written again. */
  #beginAnew(): void {
    this.#life = crypto.randomUUID();
    this.#leased = false;
    this.#changed = new Map();
    for (const [room, members] of this.#wanted) this.#changed.set(room, new Set(members.keys()));
    this.#write();
  }

  /** Rooms that nobody is in, and nobody looks at, go by themselves. */
  async #keepRoom(room: string): Promise<void> {
    await command(this.#client, "PEXPIRE", this.#keyOf(room), String(this.#ttlMs * 4));
  }

  #keyOf(room: string): string {
    return `${this.#prefix}room:${room}`;
  }

  #leaseOf(life: string): string {
    return `${this.#prefix}life:${life}`;
  }
}
