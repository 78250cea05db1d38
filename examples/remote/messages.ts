/**
 * What operators, the controller and devices say to each other: JSON behind its length in 4 bytes. A run is known by a
 * number, which an operator chooses on its connection and the controller on a device's:
 *
 *     operator     run { device, command, args }
 *     device       output { stream, data } ...     never more than WINDOW_BYTES ahead of what was read
 *     operator     read { bytes } ...
 *     operator     cancel                          may come at any time
 *     device       exit { code }, or failed { reason }, by the controller or the device
 *
 * Nothing to run here; `controller.ts`, `agent.ts` and `run.ts` speak this protocol.
 *
 * @module
 */

import type { FramedSocket } from "@verb/tcp";
import { json, lengthPrefixed, type StandardSchema } from "@verb/tcp/framing";

/** Most bytes of output in one message. */
export const OUTPUT_BYTES = 16_384;
/** Most bytes of output of one run that nobody has read yet. */
export const WINDOW_BYTES = 65_536;

/** Everything that is said. */
export type Message =
  | { type: "run"; run: number; device: string; command: string; args: string[] }
  | { type: "output"; run: number; stream: "stdout" | "stderr"; data: string } // the bytes in base64
  | { type: "read"; run: number; bytes: number }
  | { type: "cancel"; run: number }
  | { type: "exit"; run: number; code: number }
  | { type: "failed"; run: number; reason: string }
  | { type: "ping" }
  | { type: "pong" };

/** Who it is said to. */
export type Peer = FramedSocket<Message>;

type Check = (value: unknown) => boolean;
const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;

const FIELDS: { [Type in Message["type"]]: Record<string, Check> } = {
  run: {
    run: isNumber,
    device: isText,
    command: isText,
    args: (value) => Array.isArray(value) && value.every(isText),
  },
  output: { run: isNumber, stream: (value) => value === "stdout" || value === "stderr", data: isText },
  read: { run: isNumber, bytes: isNumber },
  cancel: { run: isNumber },
  exit: { run: isNumber, code: isNumber },
  failed: { run: isNumber, reason: isText },
  ping: {},
  pong: {},
};

const schema: StandardSchema<Message> = {
  "~standard": {
    version: 1,
    vendor: "remote",
    validate: (value) => isMessage(value) ? { value } : { issues: [{ message: "It is no message of this protocol" }] },
  },
};

function isMessage(value: unknown): value is Message {
  if (typeof value !== "object" || value === null) return false;
  const fields = Object.entries(value);
  const type = "type" in value ? String(value.type) : "";
  if (!Object.hasOwn(FIELDS, type)) return false;
  const checks = FIELDS[type as Message["type"]]; // it is one of its keys
  return Object.keys(checks).every((name) => fields.some(([key, field]) => key === name && checks[name]?.(field)));
}

/** What the messages look like, and the longest that is taken. */
export const codec = json({ framing: lengthPrefixed({ maxFrameBytes: 65_536 }), schema });

/** Finds out that the other end is gone though nothing says so, and shows it that we are not. */
export function keepAlive(peer: Peer, intervalMs: number): void {
  peer.startHeartbeat({
    ping: () => ({ type: "ping" }),
    isPong: ({ type }) => type === "pong",
    isPing: ({ type }) => type === "ping",
    pong: () => ({ type: "pong" }),
    intervalMs,
    misses: 2,
  });
}
