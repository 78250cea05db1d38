/**
 * Rooms: who is in which, and how one message reaches all of them. It shows a broadcast that is encoded once and sent to
 * many, and that no member can hold up.
 *
 * Nothing to run here; `server.ts` is the server.
 *
 * @module
 */

import type { MessageProtocol } from "@verb/tcp";
import type { Answer } from "./messages.ts";

/** Who can be in a room, in one at a time. */
export interface Member {
  readonly protocol: MessageProtocol<Answer, unknown>;
  nickname: string;
  room: Room | undefined;
}

/** One room, there as long as it has members. */
export class Room {
  /** Its name. */
  readonly name: string;
  /** Who is in it, in the order of joining. */
  readonly members: Set<Member> = new Set();

  /** An empty room. */
  constructor(name: string) {
    this.name = name;
  }

  /** The members' nicknames. */
  get users(): string[] {
    return Array.from(this.members, (member) => member.nickname);
  }

  /**
   * Sends `message` to everybody but `from`. Nothing here waits: what a member does not read yet is queued for it, and
   * the socket disconnects a member whose queue is over its bound.
   */
  broadcast(message: Answer, from: Member): void {
    const frame = from.protocol.encode(message);
    for (const member of this.members) {
      if (member !== from) member.protocol.sendEncoded(frame);
    }
  }
}

/** All rooms that have members. */
export class Rooms {
  // A Map: to it a name such as "__proto__" is a name like any other.
  readonly #rooms = new Map<string, Room>();

  /** How many there are. */
  get size(): number {
    return this.#rooms.size;
  }

  /** The room of that name, if anybody is in it. */
  get(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  /** Puts `member`, who is in no room, into the room of that name, a new one if need be. Tells nobody. */
  enter(name: string, member: Member): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) this.#rooms.set(name, room = new Room(name));
    room.members.add(member);
    member.room = room;
    return room;
  }

  /** Takes `member` out of its room and gives the room; an empty one is forgotten. Tells nobody. */
  leave(member: Member): Room | undefined {
    const { room } = member;
    if (room === undefined) return undefined;
    member.room = undefined;
    room.members.delete(member);
    if (room.members.size === 0) this.#rooms.delete(room.name);
    return room;
  }
}
