/** Who is in a room, in all processes. */

import { typeError } from "../base/argument_errors.ts";
import { invalidValue } from "../base/check.ts";
import { asError } from "../base/errors.ts";

/** The most that `join` may say of a member, as JSON in bytes. */
export const MAX_MEMBER_DATA_BYTES = 4_096;

/**
 * A store of the members in all processes, for `rooms.list`: made by `redisPresence`, or by you. Each `Rooms` needs its
 * own, and closes it. What was entered stays until it is removed, also after the store was lost and is back.
 */
export interface RoomPresence {
  /** A member has joined a room; `data` is JSON and replaces earlier data of this member. */
  enter(room: string, member: string, data: string): void;
  /** A member has left a room. */
  leave(room: string, member: string): void;
  /** The data of the members in all other processes. Rejects where the store cannot be reached. */
  others(room: string): Promise<string[]>;
  /** Removes everything that this process has entered. */
  close(): Promise<void>;
}

/** What `rooms.list` resolves with. */
export interface RoomList<Data> {
  /** The `data` of each member's `join`, undefined where there was none. */
  readonly members: (Data | undefined)[];
  /**
   * Whether these are all members: false when the store or the engine was not reachable, or when it cannot be known.
   */
  readonly complete: boolean;
}

/** What is said of a member, as it travels. */
export function dataToText(data: unknown): string {
  const text = jsonOf(data === undefined ? {} : { data });
  if (new TextEncoder().encode(text).length > MAX_MEMBER_DATA_BYTES) {
    throw invalidValue("data", `a JSON value of at most ${MAX_MEMBER_DATA_BYTES} bytes`, text);
  }
  return text;
}

function jsonOf(said: object): string {
  try {
    return JSON.stringify(said);
  } catch (cause) {
    throw typeError("ERR_INVALID_ARG_VALUE", `Option "data" must be a JSON value: ${asError(cause).message}`, cause);
  }
}

/** What another process has said; undefined where it is no such text. */
export function textToData(text: unknown): { data?: unknown } | undefined {
  if (typeof text !== "string" || text.length > MAX_MEMBER_DATA_BYTES) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined; // whoever can write to the store may write anything
  }
}
