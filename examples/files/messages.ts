/**
 * The protocol of the file server: its messages, and the check that what came is one of them. A message is JSON behind its
 * length in 4 bytes, big-endian; behind a `data` message follow as many raw bytes as it says. Every message carries the
 * number of its transfer, and those of many transfers follow each other in any order: so many files share one connection.
 * One transfer:
 *
 *     client     put { name, size } or get { name }
 *     receiver   resume { offset, sha256 }   it has that many bytes of the file already, and this is their hash
 *     sender     start { offset, size }      from there if its own bytes have the same hash, else from 0
 *     receiver   ack { offset }              that much is in the file; the first one says that it is ready
 *     sender     data { bytes } ...          never more than WINDOW_BYTES ahead of the last ack
 *     sender     done { sha256 }             the hash of the whole file
 *     receiver   stored                      the hash is right, and the file has its name
 *
 * `list { name }` is answered by `entries`, as many as it takes, and `end`. An `error` ends its transfer and no other.
 *
 * Nothing to run here; `server.ts` and `client.ts` speak this protocol.
 *
 * @module
 */

import { json, lengthPrefixed, type StandardSchema } from "@verb/tcp/framing";

/** Most bytes behind one `data`. */
export const CHUNK_BYTES = 262_144;
/** Most bytes of one file that may wait for the receiver's disk. */
export const WINDOW_BYTES = 2_097_152;
/** Most transfers of one connection at a time. */
export const MAX_TRANSFERS = 16;
/** Most files in one `entries`: with the longest names they fit into one message. */
export const MAX_ENTRIES = 25;

/** A file that the server has. */
export interface Entry {
  readonly name: string;
  readonly size: number;
}

/** What the ends say to each other. */
export type Content =
  | { type: "put"; name: string; size: number }
  | { type: "get"; name: string }
  | { type: "list"; name: string }
  | { type: "resume"; offset: number; sha256: string }
  | { type: "start"; offset: number; size: number }
  | { type: "data"; bytes: number }
  | { type: "ack"; offset: number }
  | { type: "done"; sha256: string }
  | { type: "stored" }
  | { type: "entries"; files: Entry[] }
  | { type: "end" }
  | { type: "error"; code: string; message: string }
  /** Shows that the connection is alive; it belongs to no transfer. */
  | { type: "ping" };

/** The same with the number of its transfer. */
export type Message = Content & { transfer: number };

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === "string";
const isSize: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isHash: Check = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

const FILE = { name: isText, size: isSize };
const FIELDS: { [Type in Content["type"]]: Record<string, Check> } = {
  put: FILE,
  get: { name: isText },
  list: { name: isText },
  resume: { offset: isSize, sha256: isHash },
  start: { offset: isSize, size: isSize },
  data: { bytes: (value) => isSize(value) && Number(value) > 0 && Number(value) <= CHUNK_BYTES },
  ack: { offset: isSize },
  done: { sha256: isHash },
  stored: {},
  entries: { files: (value) => Array.isArray(value) && value.every((entry) => has(FILE, entry)) },
  end: {},
  error: { code: isText, message: isText },
  ping: {},
};

function isMessage(value: unknown): value is Message {
  if (!has({ type: isText, transfer: isSize }, value)) return false;
  const type = value.type as string;
  return Object.hasOwn(FIELDS, type) && has(FIELDS[type as Content["type"]], value);
}

function has(fields: Record<string, Check>, value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const record = value as Record<string, unknown>;
  return Object.entries(fields).every(([name, check]) => Object.hasOwn(record, name) && check(record[name]));
}

// Any validator library's schema would do; this one is by hand.
const schema: StandardSchema<Message> = {
  "~standard": {
    version: 1,
    vendor: "files",
    validate: (value) => isMessage(value) ? { value } : { issues: [{ message: "no message of this protocol" }] },
  },
};

/** The messages, without the raw bytes. A peer that announces a longer one is cut off before it can make us store it. */
export const codec = json({ framing: lengthPrefixed({ maxFrameBytes: 65_536 }), schema });
