/**
 * The chat's protocol: what clients ask, what the server says, and the check that what came is one of the former. On the
 * wire each message is JSON behind its length in 4 bytes, big-endian.
 *
 * Nothing to run here; `server.ts` speaks this protocol, `join.ts` and `demo.ts` are its clients.
 *
 * @module
 */

/** What a client sends. `who`, `ping`, `pong` and `heartbeat` are additions; everybody gets along without them. */
export type Request =
  /** With `heartbeat` the client promises to answer pings, and wants to be given up if it does not. */
  | { type: "login"; nickname: string; heartbeat?: boolean | undefined }
  | { type: "join_room"; room: string }
  | { type: "leave_room"; room?: string | undefined }
  | { type: "chat_message"; message: string; room?: string | undefined }
  | { type: "private_message"; to: string; message: string }
  /** Asks who is in a room, in one's own where none is named. */
  | { type: "who"; room?: string | undefined }
  /** Shows that the client is alive, so that the idle clean-up spares it. */
  | { type: "ping" }
  /** Answers a ping of the server. */
  | { type: "pong" };

/** What the server sends; `timestamp` is by `Date.now()`. */
export type Answer =
  | { type: "login_success"; clientId: string; message: string }
  | { type: "room_joined"; room: string; users: string[] }
  | { type: "user_joined"; nickname: string; message: string }
  | { type: "user_left"; nickname: string; message: string }
  | { type: "chat_message"; from: string; message: string; timestamp: number }
  | { type: "private_message"; from: string; message: string; timestamp: number }
  | { type: "users"; room: string; users: string[] }
  | { type: "pong"; timestamp: number }
  /** Asks for a pong; sent only to those who promised it. */
  | { type: "ping" }
  /** `code` is to switch on, `message` to show, `request` the type of the request that failed. */
  | { type: "error"; code: ErrorCode; message: string; request?: Request["type"] };

/** Why a request failed, or the client is being disconnected. */
export type ErrorCode =
  | "invalid_json"
  | "malformed_message" // no object, or a field that is missing, of the wrong type or too long
  | "unknown_type"
  | "not_logged_in"
  | "already_logged_in"
  | "nickname_taken"
  | "unknown_room"
  | "not_in_room"
  | "room_full"
  | "unknown_recipient"
  | "unavailable" // other processes have to be asked, and do not answer
  | "idle_timeout"; // the server disconnects

/** Longest nickname, in UTF-16 units as `length` counts. */
export const MAX_NICKNAME_LENGTH = 32;
/** Longest name of a room. */
export const MAX_ROOM_LENGTH = 64;
/** Longest text of a chat message or private message. */
export const MAX_TEXT_LENGTH = 4_000;
/** Longest request in bytes: a text of nothing but `\u0000` escapes fits. A client that announces more is cut off. */
export const MAX_REQUEST_BYTES = 32_768;

/** A request that cannot be granted; the client is told. */
export class ChatError extends Error {
  /** What the client may switch on. */
  readonly code: ErrorCode;

  /** `message` is shown to the client's user. */
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Makes a request of whatever a client sent; further fields are ignored. Throws a {@link ChatError} for what is none. */
export function parseRequest(message: unknown): Request {
  if (!isRecord(message) || typeof message.type !== "string") {
    throw new ChatError("malformed_message", 'A message must be an object with a "type"');
  }
  switch (message.type) {
    case "login":
      return {
        type: "login",
        nickname: readName("nickname", message.nickname, MAX_NICKNAME_LENGTH),
        heartbeat: message.heartbeat === true,
      };
    case "join_room":
      return { type: "join_room", room: readName("room", message.room, MAX_ROOM_LENGTH) };
    case "leave_room":
      return { type: "leave_room", room: readRoom(message.room) };
    case "chat_message":
      return { type: "chat_message", message: readText(message.message), room: readRoom(message.room) };
    case "private_message": {
      const to = readName("to", message.to, MAX_NICKNAME_LENGTH);
      return { type: "private_message", to, message: readText(message.message) };
    }
    case "who":
      return { type: "who", room: readRoom(message.room) };
    case "ping":
      return { type: "ping" };
    case "pong":
      return { type: "pong" };
    default:
      throw new ChatError("unknown_type", `A message must be one of ${REQUEST_TYPES.join(", ")}`);
  }
}

/** The type of a request that may be malformed otherwise; undefined where it is none that we know. */
export function requestType(message: unknown): Request["type"] | undefined {
  return isRecord(message) ? REQUEST_TYPES.find((type) => type === message.type) : undefined;
}

const REQUEST_TYPES: Request["type"][] = [
  "login",
  "join_room",
  "leave_room",
  "chat_message",
  "private_message",
  "who",
  "ping",
  "pong",
];

// Words of visible characters with single spaces between them. Invisible ones would let "Ann" sit beside "Ann", and
// < > " stand around names where they are shown or typed.
const NAME =
  /^[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}<>"]+(?: [^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}<>"]+)*$/u;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function readName(field: string, value: unknown, maxLength: number): string {
  if (typeof value === "string" && value.length <= maxLength && NAME.test(value)) return value;
  throw new ChatError(
    "malformed_message",
    `"${field}" must be 1 to ${maxLength} visible characters with single spaces between words, without < > or "`,
  );
}

function readRoom(value: unknown): string | undefined {
  return value === undefined ? undefined : readName("room", value, MAX_ROOM_LENGTH);
}

function readText(value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= MAX_TEXT_LENGTH) return value;
  throw new ChatError("malformed_message", `"message" must be a text of 1 to ${MAX_TEXT_LENGTH} characters`);
}
