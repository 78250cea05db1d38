/** Rooms: who is in which, and how one message reaches all of them. */

import { EventEmitter } from "node:events";
import { checkInteger, checkKeys, invalid, invalidValue } from "../base/check.ts";
import { asError, TcpError } from "../base/errors.ts";
import { checkCodec } from "../framing/check_codec.ts";
import type { Codec } from "../framing/codec.ts";
import { FramedSocket } from "../protocol/framed.ts";
import { defaultCodec, MessageProtocol } from "../protocol/message_protocol.ts";
import { type BroadcastReceipt, Delivery, type RoomMember, type SlowMemberPolicy } from "./delivery.ts";
import { type BusCounts, BusLink } from "./bus_link.ts";
import { MAX_ROOMS_A_BROADCAST } from "./envelope.ts";
import { Membership } from "./membership.ts";
import type { BusState, RoomBus } from "./room_bus.ts";
import { dataToText, type RoomList, type RoomPresence, textToData } from "./presence.ts";
import type { RollCallResult } from "./roll_call.ts";
import { checkRoomName } from "./room_name.ts";
import { throwLater } from "../socket/announce_end.ts";

/** Options of {@link Rooms}. */
export interface RoomsOptions<In> {
  /**
   * The codec of the messages. Every member must use this same codec object, so that a message is encoded once for all
   * of them. Left out, it is the default of `MessageProtocol`: JSON after a length of 4 bytes.
   */
  // deno-lint-ignore no-explicit-any -- what members receive is no business of a room
  codec?: Codec<In, any>;
  /**
   * What happens to a member that reads more slowly than the room sends.
   *
   * @default {"queue"}
   */
  slow?: SlowMemberPolicy;
  /**
   * Most rooms of one member. Beyond that `join` throws a `TcpError` with `ERR_ROOMS_FULL`.
   *
   * @default {1_000}
   */
  maxRoomsPerMember?: number;
  /**
   * Carries messages to the rooms of other processes: `redisBus`, `natsBus` or `workerBus`. `close()` closes it. Left
   * out, the rooms are those of this process.
   */
  bus?: RoomBus;
  /**
   * The name and version of the members' protocol, such as `"chat-json-1"`. Required with a bus; at most 64 bytes.
   * Rooms with different names on one bus do not get each other's messages, so a new version of a protocol can run
   * beside the old one.
   */
  wire?: string;
  /** Stores the members of all processes, for {@link Rooms.list}: `redisPresence`. `close()` closes it. */
  presence?: RoomPresence;
}

/** What the listeners of {@link Rooms} are called with. */
export interface RoomsEvents<In> {
  /** With `slow: "skip"`: a slow member has caught up; `missed` messages of that room were not sent to it. */
  lagged: [member: RoomMember<In>, room: string, missed: number];
  /**
   * Messages of another process were lost; `origin` is the number of that process. It is noticed when a later message
   * arrives, so the loss of the last ones is not.
   */
  gap: [room: string, origin: string, missed: number];
  /** The engine behind the bus was lost, or is back. Messages between members of this process are not affected. */
  busState: [state: BusState];
  /** A call of the engine failed. Where it is safe, the call is repeated. */
  busError: [error: Error];
}

/** What {@link Rooms.metrics} gives. */
export interface RoomsMetrics extends Readonly<BusCounts> {
  /** Rooms with members in this process. */
  readonly rooms: number;
  /** Members in this process, each counted once. */
  readonly members: number;
}

/** Options of a broadcast. */
export interface BroadcastOptions<In> {
  /** A member that does not get it, usually the sender. Left out, all members get it. */
  except?: RoomMember<In> | Iterable<RoomMember<In>>;
}

const KEYS = ["codec", "slow", "maxRoomsPerMember", "bus", "wire", "presence"];
const MAX_WIRE_BYTES = 64;
const NO_COUNTS: Readonly<BusCounts> = { published: 0, dropped: 0, received: 0, missed: 0, ignored: 0 };
const NOBODY: RollCallResult = { members: [], complete: false };
const NOWHERE: readonly string[] = [];
const POLICIES: readonly unknown[] = ["queue", "skip", "disconnect"];

/**
 * Groups of connections: what is broadcast to a room is sent to all of its members. A member is a `MessageProtocol` or
 * a `framed` socket. It leaves all its rooms when its socket closes. A room exists as long as it has members.
 *
 * A broadcast is encoded once, and every member is sent the same bytes.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { connect, createServer, framed } from "@verb/tcp";
 * import { lines } from "@verb/tcp/framing";
 * import { Rooms } from "@verb/tcp/rooms";
 *
 * const codec = lines();
 * const rooms = new Rooms({ codec });
 * await using app = createServer();
 * app.onConnection((socket) => {
 *   const member = framed(socket, codec);
 *   rooms.join("lobby", member);
 *   member.on("message", (line) => rooms.broadcast("lobby", line, { except: member }));
 * });
 * app.listen(0, "127.0.0.1");
 *
 * const { port } = app.address()!;
 * const [ann, bob] = [framed(await connect({ port }), codec), framed(await connect({ port }), codec)];
 * while (rooms.size("lobby") < 2) await new Promise((resolve) => setTimeout(resolve));
 * const heard = new Promise((resolve) => bob.once("message", resolve));
 * ann.send("hello");
 * assertEquals(await heard, "hello");
 * ann.socket.destroy();
 * bob.socket.destroy();
 * ```
 */
export class Rooms<In = unknown, Data = unknown> extends EventEmitter<RoomsEvents<In>> {
  // deno-lint-ignore no-explicit-any -- as above
  readonly #codec: Codec<In, any>;
  readonly #maxRoomsPerMember: number;
  readonly #membership = new Membership<RoomMember<In>, Data>();
  readonly #delivery: Delivery<In>;
  readonly #link: BusLink | undefined;
  readonly #presence: RoomPresence | undefined;
  // For those that are in a room: the listener that takes it out when its socket closes, and its number elsewhere.
  readonly #watched = new Map<RoomMember<In>, { readonly leaver: () => void; readonly id: string }>();
  #ids = 0;
  #closed = false;

  /** Makes rooms without members. Throws a TypeError or RangeError for invalid options. */
  constructor(options: RoomsOptions<In> = {}) {
    super();
    checkKeys("options", options, KEYS);
    const { codec, slow = "queue" } = options;
    if (codec !== undefined) checkCodec("codec", codec);
    if (!POLICIES.includes(slow)) throw invalidValue("slow", '"queue", "skip" or "disconnect"', slow);
    this.#codec = codec ?? defaultCodec();
    this.#maxRoomsPerMember = checkInteger(
      "maxRoomsPerMember",
      options.maxRoomsPerMember,
      1_000,
      1,
      Number.MAX_SAFE_INTEGER,
    );
    this.#delivery = new Delivery(slow, (member, room, missed) => this.#tell("lagged", member, room, missed));
    this.#link = this.#openLink(options);
    if (options.presence !== undefined && typeof options.presence?.enter !== "function") {
      throw invalid("presence", "a presence such as redisPresence() gives", options.presence);
    }
    this.#presence = options.presence;
  }

  #openLink({ bus, wire }: RoomsOptions<In>): BusLink | undefined {
    if (bus === undefined) return undefined;
    if (typeof bus?.publish !== "function" || typeof bus.subscribe !== "function") {
      throw invalid("bus", "a bus such as redisBus() gives", bus);
    }
    if (typeof wire !== "string" || wire === "" || new TextEncoder().encode(wire).length > MAX_WIRE_BYTES) {
      throw invalidValue("wire", `a name of 1 to ${MAX_WIRE_BYTES} bytes, because there is a bus`, wire);
    }
    return new BusLink(bus, wire, {
      arrived: (room, frames, others) => void this.#deliver(room, frames, others, undefined),
      present: (room) => this.#textsOf(room),
      missed: (room, origin, count) => this.#tell("gap", room, origin, count),
      stateChanged: (state) => this.#tell("busState", state),
      failed: (error) => this.#tell("busError", asError(error)),
    });
  }

  /**
   * Adds a member to a room, at once. `data` is what {@link Rooms.list} returns for it; joining again changes only
   * that. The promise never rejects: it is true once messages of other processes arrive, too, and false for a member
   * that has left by then or whose socket is closed.
   *
   * @throws {TypeError} For a name that is none, a member that was made with another codec, and, with a bus or a presence,
   * `data` that is more than 4,096 bytes of JSON.
   * @throws {TcpError} `ERR_ROOMS_FULL`: it is in `maxRoomsPerMember` rooms already. `ERR_ROOMS_CLOSED`: the rooms were
   * closed.
   */
  join(name: string, member: RoomMember<In>, data?: Data): Promise<boolean> {
    checkRoomName(name);
    this.#checkMember(member);
    if (this.#closed) throw new TcpError("Cannot join: the rooms were closed", { code: "ERR_ROOMS_CLOSED" });
    if (member.socket.destroyed) return Promise.resolve(false);
    const rooms = this.#membership.roomsOf(member);
    if (rooms !== undefined && rooms.size >= this.#maxRoomsPerMember && !rooms.has(name)) {
      throw new TcpError(`Cannot join: the member is in ${rooms.size} rooms already (maxRoomsPerMember)`, {
        code: "ERR_ROOMS_FULL",
      });
    }
    const text = this.#link === undefined && this.#presence === undefined ? undefined : dataToText(data);
    const { id } = this.#watched.get(member) ?? this.#watch(member);
    this.#membership.add(name, member, data);
    if (text !== undefined) this.#presence?.enter(name, id, text);
    return this.#link === undefined ? Promise.resolve(true) : this.#arrives(this.#link, name, member);
  }

  async #arrives(link: BusLink, name: string, member: RoomMember<In>): Promise<boolean> {
    const arrives = await link.open(name);
    return arrives && this.#membership.has(name, member);
  }

  /** Removes a member from a room. Returns false if it was not in it. */
  leave(name: string, member: RoomMember<In>): boolean {
    if (!this.#membership.remove(name, member)) return false;
    const id = this.#watched.get(member)?.id;
    if (id !== undefined) this.#presence?.leave(name, id);
    if (this.#membership.roomsOf(member) === undefined) this.#unwatch(member);
    if (this.#membership.of(name) === undefined) void this.#link?.close(name);
    return true;
  }

  /** Removes a member from all its rooms; returns their names. */
  leaveAll(member: RoomMember<In>): string[] {
    const names = this.roomsOf(member);
    for (const name of names) this.leave(name, member);
    return names;
  }

  /**
   * Sends a message to all members of a room, or of several rooms: a member of more than one of them gets it once. It
   * does not wait for slow members; see {@link RoomsOptions.slow}. The receipt counts what happened in this process, at
   * once. A message that the codec cannot encode throws, and no member gets it.
   */
  broadcast(name: string | readonly string[], message: In, options: BroadcastOptions<In> = {}): BroadcastReceipt {
    checkKeys("options", options, ["except"]);
    const names = namesOf(name);
    if (this.#link !== undefined && names.length > MAX_ROOMS_A_BROADCAST) {
      throw invalidValue("name", `at most ${MAX_ROOMS_A_BROADCAST} rooms, because there is a bus`, names);
    }
    const frame = this.#codec.encode(message);
    const except = exceptOf(options.except);
    const sum = { members: 0, queued: 0, skipped: 0, disconnected: 0 };
    for (const [index, name] of names.entries()) {
      const others = index === 0 ? NOWHERE : names.slice(0, index);
      this.#link?.publish(name, frame, others);
      const receipt = this.#deliver(name, frame, others, except);
      if (names.length === 1) return receipt;
      sum.members += receipt.members;
      sum.queued += receipt.queued;
      sum.skipped += receipt.skipped;
      sum.disconnected += receipt.disconnected;
    }
    return sum;
  }

  /** The members of a room in this process, in the order of joining. */
  members(name: string): RoomMember<In>[] {
    return [...this.#membership.of(name)?.keys() ?? []];
  }

  /** How many members a room has in this process. */
  size(name: string): number {
    return this.#membership.of(name)?.size ?? 0;
  }

  /** The rooms that a member is in, in the order of joining. */
  roomsOf(member: RoomMember<In>): string[] {
    return [...this.#membership.roomsOf(member) ?? []];
  }

  /** The rooms that have members in this process. */
  names(): string[] {
    return [...this.#membership.names];
  }

  /**
   * The members of a room, in this process and in all others, each as the `data` of its `join`. It asks the presence,
   * or without one the other processes over the bus, for half a second at most. Never rejects: where processes cannot
   * be reached, `complete` is false.
   */
  async list(name: string): Promise<RoomList<Data>> {
    checkRoomName(name);
    if (this.#presence === undefined && this.#link === undefined) {
      return { members: [...this.#membership.of(name)?.values() ?? []], complete: true };
    }
    const { members: texts, complete } = await this.#others(name);
    const others = texts.map(textToData).filter((found) => found !== undefined);
    // Whatever stands there: other processes say it, and their types are the user's word.
    const said = others.map(({ data }) => data as Data | undefined);
    return { members: [...this.#membership.of(name)?.values() ?? [], ...said], complete };
  }

  async #others(name: string): Promise<RollCallResult> {
    if (this.#presence === undefined) return await this.#link?.ask(name) ?? NOBODY;
    try {
      return { members: await this.#presence.others(name), complete: true };
    } catch (error) {
      this.#tell("busError", asError(error));
      return NOBODY;
    }
  }

  #textsOf(name: string): string[] {
    return Array.from(this.#membership.of(name)?.values() ?? [], dataToText);
  }

  /** Whether the engine behind the bus is reachable; without a bus always `"up"`. */
  get busState(): BusState {
    return this.#link?.state ?? "up";
  }

  /** What was counted so far. */
  metrics(): RoomsMetrics {
    const { size: rooms, memberCount: members } = this.#membership;
    return { rooms, members, ...this.#link?.counts ?? NO_COUNTS };
  }

  /** Removes all members and closes the bus. The sockets stay open, and `join` throws from now on. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const member of [...this.#membership.members]) this.leaveAll(member);
    await Promise.all([this.#link?.end(), this.#presence?.close()]);
  }

  /** Calls listeners. What one throws is uncaught; it must not cost members a message. */
  #tell<Event extends keyof RoomsEvents<In>>(event: Event, ...args: RoomsEvents<In>[Event]): void {
    try {
      EventEmitter.prototype.emit.call(this, event, ...args);
    } catch (thrown) {
      throwLater(thrown);
    }
  }

  /** Hands a frame to the members of a room, but to those that are in one of `others` too: they have it already. */
  #deliver(
    name: string,
    frame: Uint8Array,
    others: readonly string[],
    except: ReadonlySet<RoomMember<In>> | undefined,
  ): BroadcastReceipt {
    const membership = this.#membership;
    let members = membership.listOf(name);
    if (others.length > 0) {
      members = members.filter((member) => !others.some((other) => membership.has(other, member)));
    }
    // Whoever watches the server hears of full queues in mid-broadcast, and may do anything.
    const { changes } = membership;
    const hasLeft = (member: RoomMember<In>) => membership.changes !== changes && !membership.has(name, member);
    return this.#delivery.send(members, frame, name, { except, hasLeft });
  }

  #checkMember(member: unknown): void {
    if (!isPeer(member)) {
      throw invalid("member", "a MessageProtocol or what framed() gives", member);
    }
    if (member.codec !== this.#codec) {
      throw invalidValue("member", "made with the same codec object as the rooms", member);
    }
  }

  #watch(member: RoomMember<In>): { readonly id: string } {
    const watched = { leaver: () => void this.leaveAll(member), id: `${++this.#ids}` };
    this.#watched.set(member, watched);
    member.socket.once("close", watched.leaver);
    return watched;
  }

  #unwatch(member: RoomMember<In>): void {
    const watched = this.#watched.get(member);
    this.#watched.delete(member);
    this.#delivery.forget(member);
    if (watched !== undefined) member.socket.off("close", watched.leaver);
  }
}

function exceptOf<In>(except: BroadcastOptions<In>["except"]): ReadonlySet<RoomMember<In>> | undefined {
  if (except === undefined) return undefined;
  if (isPeer<In>(except)) return new Set([except]);
  if (typeof except === "object" && except !== null && Symbol.iterator in except) {
    const members = new Set(except);
    if ([...members].every(isPeer)) return members;
  }
  throw invalid("except", "a member, or several in an array", except);
}

function namesOf(name: string | readonly string[]): string[] {
  if (typeof name === "string") return [checkRoomName(name)];
  if (!Array.isArray(name)) throw invalid("name", "a string, or an array of strings", name);
  return [...new Set(name.map(checkRoomName))];
}

function isPeer<In>(value: unknown): value is RoomMember<In> {
  return value instanceof MessageProtocol || value instanceof FramedSocket;
}
