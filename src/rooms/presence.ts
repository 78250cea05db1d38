/** Who is in a room, in all processes. */

import { typeError } from "../base/argument_errors.ts";
import { invalidValue } from "../base/check.ts";
import { asError } from "../base/errors.ts";

/** The most that `join` may say of a member, as JSON in bytes. */
export const MAX_MEMBER_DATA_BYTES = 4_096;

/**
 * Keeps what `list` tells, for all processes that share it: `redisPresence` makes one, or you do. Rooms use one presence
 * each, and close it. What it is given is kept until it is taken back, whatever happens to the store meanwhile.
 */
export interface RoomPresence {
  /** A member is in a room; `data` is JSON, and replaces what was said of it before. */
  enter(room: string, member: string, data: string): void;
  /** It is not any more. */
  leave(room: string, member: string): void;
  /** The data of the members in all other processes. Rejects where the store cannot be reached. */
  others(room: string): Promise<string[]>;
  /** Takes back everything that this process has said. */
  close(): Promise<void>;
}

/** What `list` gives. */
export interface RoomList<Data> {
  /** What `join` was told of each member, undefined where that was nothing. */
  readonly members: (Data | undefined)[];
  /** Whether these are all: false where a store or an engine was not there, and where nobody can know. */
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
