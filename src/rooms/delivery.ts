/** How one frame reaches the members of rooms, and what becomes of those that do not keep up. */

import { TcpError } from "../base/errors.ts";
import type { FramedSocket } from "../protocol/framed.ts";
import type { MessageProtocol } from "../protocol/message_protocol.ts";
import { connectionOf } from "../socket/socket_facts.ts";

/** A member of a room: a `MessageProtocol` or a `framed` socket. */
// deno-lint-ignore no-explicit-any -- what it receives is no business of a room
export type RoomMember<In> = MessageProtocol<In, any> | FramedSocket<In, any>;

/**
 * What happens to a member that reads more slowly than the room sends:
 *
 * - `"queue"`: its messages are queued, up to `limits.maxWriteQueueBytes` of its socket; beyond that the socket is
 *   destroyed;
 * - `"skip"`: from its high-water mark on it gets no messages, until its queue is empty; then `lagged` says how many it
 *   missed;
 * - `"disconnect"`: at its high-water mark it is destroyed (`EOVERFLOW`, reason `overflow`).
 */
export type SlowMemberPolicy = "queue" | "skip" | "disconnect";

/** What happened to one broadcast in this process, at the time of the call. */
export interface BroadcastReceipt {
  /** Members of the room, without `except`. */
  readonly members: number;
  /** Members for which it was queued. */
  readonly queued: number;
  /** Members that did not get it: their queue was full (`"skip"`), or their socket had ended. */
  readonly skipped: number;
  /** Members that were disconnected because their queue was full. */
  readonly disconnected: number;
}

/** Told when a member that was left out has caught up. */
export type LaggedListener<In> = (member: RoomMember<In>, room: string, missed: number) => void;

/** Who does not get it. */
export interface LeftOut<In> {
  readonly except: ReadonlySet<RoomMember<In>> | undefined;
  /** Whether it has left since the broadcast began. */
  hasLeft(member: RoomMember<In>): boolean;
}

/** Hands frames to members by one policy. */
export class Delivery<In> {
  readonly #policy: SlowMemberPolicy;
  readonly #lagged: LaggedListener<In>;
  // What those that are left out have missed, by room, and what waits for them to catch up.
  readonly #missed = new Map<RoomMember<In>, { readonly rooms: Map<string, number>; readonly caughtUp: () => void }>();

  constructor(policy: SlowMemberPolicy, lagged: LaggedListener<In>) {
    this.#policy = policy;
    this.#lagged = lagged;
  }

  /** Sends a frame to each of `members` but some. `room` is where they missed it if they are behind. */
  send(
    members: readonly RoomMember<In>[],
    frame: Uint8Array,
    room: string,
    { except, hasLeft }: LeftOut<In>,
  ): BroadcastReceipt {
    let meant = 0;
    let queued = 0;
    let skipped = 0;
    let disconnected = 0;
    for (const member of members) {
      if (except?.has(member) === true || hasLeft(member)) continue;
      meant++;
      const { socket } = member;
      if (socket.destroyed || socket.writableEnded) skipped++;
      else if (this.#policy !== "queue" && socket.writableNeedDrain) {
        if (this.#policy === "skip") skipped++, this.#miss(member, room);
        else disconnected++, disconnect(member);
      } else {
        member.sendEncoded(frame);
        if (socket.destroyed) disconnected++; // its queue was at its bound
        else queued++;
      }
    }
    return { members: meant, queued, skipped, disconnected };
  }

  /** It is in no room any more: nobody need tell it anything. */
  forget(member: RoomMember<In>): void {
    const missed = this.#missed.get(member);
    this.#missed.delete(member);
    // A peer that does not read, and joins and leaves over and over, must not pile them up.
    if (missed !== undefined) member.socket.off("drain", missed.caughtUp);
  }

  #miss(member: RoomMember<In>, room: string): void {
    const rooms = this.#missed.get(member)?.rooms;
    if (rooms !== undefined) return void rooms.set(room, (rooms.get(room) ?? 0) + 1);
    const caughtUp = () => this.#caughtUp(member);
    this.#missed.set(member, { rooms: new Map([[room, 1]]), caughtUp });
    member.socket.once("drain", caughtUp);
  }

  #caughtUp(member: RoomMember<In>): void {
    const missed = this.#missed.get(member);
    this.#missed.delete(member);
    for (const [room, count] of missed?.rooms ?? []) this.#lagged(member, room, count);
  }
}

function disconnect({ socket }: { readonly socket: RoomMember<never>["socket"] }): void {
  const error = new TcpError(
    `The member is behind: ${socket.writableLength} bytes are queued for it, ` +
      `its high-water mark is ${socket.writableHighWaterMark} (slow: "disconnect")`,
    { code: "EOVERFLOW", syscall: "write" },
  );
  connectionOf(socket).destroy(error, "overflow");
}
