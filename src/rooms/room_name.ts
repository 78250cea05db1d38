/** What a room may be called. */

import { invalid, invalidValue } from "../base/check.ts";

/** The longest name, in bytes of UTF-8: it becomes a part of channel names, which engines bound. */
export const MAX_ROOM_NAME_BYTES = 256;

const encoder = new TextEncoder();
const scratch = new Uint8Array(MAX_ROOM_NAME_BYTES);

/** Any text of 1 to 256 bytes of UTF-8; nothing in it has a meaning. Gives the name. */
export function checkRoomName(name: unknown): string {
  if (typeof name !== "string") throw invalid("name", "a string of 1 to 256 bytes", name);
  // Half a character would become another one on the way to other processes.
  if (name === "" || !name.isWellFormed() || encoder.encodeInto(name, scratch).read < name.length) {
    throw invalidValue("name", "a well-formed string of 1 to 256 bytes of UTF-8", name);
  }
  return name;
}
