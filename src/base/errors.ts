/**
 * The error classes. Wrong arguments are a `TypeError` or `RangeError` thrown at the call; whatever can go wrong at run
 * time is a {@link TcpError} (or a subclass). All of them have a string `code` to switch on.
 *
 * @module
 */

import { unhandledError } from "./argument_errors.ts";

/** What a {@link TcpError} is made of besides its message. */
export interface TcpErrorInit {
  /**
   * The name of the failure: an errno name such as `ECONNRESET`, or one of this library such as `ERR_FRAME_TOO_LARGE`.
   */
  code: string;
  /** The system call that failed: `"connect"`, `"listen"`, `"read"`, `"write"`, ... */
  syscall?: string | undefined;
  /** The address or unix path that was meant. */
  address?: string | undefined;
  /** The port that was meant. */
  port?: number | undefined;
  /** The name that could not be resolved. */
  hostname?: string | undefined;
  /** The error of the runtime below, untouched. */
  cause?: unknown;
}

/**
 * A failure of the network, a limit or a protocol. Use `code` to tell failures apart.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { TcpError } from "@verb/tcp";
 *
 * const error = new TcpError("Cannot connect to 127.0.0.1:9: refused", { code: "ECONNREFUSED", port: 9 });
 * assertEquals(error.code, "ECONNREFUSED");
 * ```
 */
export class TcpError extends Error {
  /** The name of the failure. Always a string. */
  readonly code: string;
  // Declared only: as in Node an error has no `port` where there was none.
  /** The system call that failed, where there was one. */
  declare readonly syscall: string | undefined;
  /** The address or unix path that was meant, where there was one. */
  declare readonly address: string | undefined;
  /** The port that was meant, where there was one. */
  declare readonly port: number | undefined;
  /** The name that could not be resolved (`ENOTFOUND`, `EAI_AGAIN`); then there is no address and no port. */
  declare readonly hostname: string | undefined;

  /** Makes an error; the library makes them for you, so this is for tests and for your own protocols. */
  constructor(message: string, init: TcpErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = new.target.name;
    this.code = init.code;
    if (init.syscall !== undefined) this.syscall = init.syscall;
    if (init.address !== undefined) this.address = init.address;
    if (init.port !== undefined) this.port = init.port;
    if (init.hostname !== undefined) this.hostname = init.hostname;
  }
}

/** What error listeners are called with: a {@link TcpError}, or what a handler threw or passed to `destroy`. */
export type SocketError = Error & Partial<Pick<TcpError, "code" | "syscall" | "address" | "port" | "hostname">>;

/** What a {@link FrameError} or {@link MessageError} carries: the numbers that explain it. */
export interface FrameErrorInit {
  /** `ERR_FRAME_TOO_LARGE`, `ERR_FRAME_TRUNCATED`, `ERR_FRAME_MALFORMED` or `ERR_MESSAGE_INVALID`. */
  code: string;
  /** Size of the offending frame in bytes, as far as it is known. */
  frameBytes?: number | undefined;
  /** The limit in force. */
  maxFrameBytes?: number | undefined;
  /** What was wrong below, for example the `SyntaxError` of `JSON.parse`. */
  cause?: unknown;
}

/**
 * The byte stream can no longer be decoded: a frame was too large, truncated or malformed. The decoder that threw it
 * throws the same error at every later call.
 */
export class FrameError extends TcpError {
  /** `false`: nothing after this point of the stream can be trusted. */
  readonly recoverable: false = false;
  /** Size of the offending frame in bytes, as far as it is known. */
  readonly frameBytes: number | undefined;
  /** The limit in force. */
  readonly maxFrameBytes: number | undefined;

  /** Makes an error for a decoder of your own. */
  constructor(message: string, init: FrameErrorInit) {
    super(message, init);
    this.frameBytes = init.frameBytes;
    this.maxFrameBytes = init.maxFrameBytes;
  }
}

/** One frame was complete but not valid (not JSON, for example). It was consumed; the next call goes on after it. */
export class MessageError extends TcpError {
  /** `true`: call `next()` again for the frame after the bad one. */
  readonly recoverable: true = true;
  /** Size of the offending frame in bytes, as far as it is known. */
  readonly frameBytes: number | undefined;
  /** The limit in force, where a limit was broken. */
  readonly maxFrameBytes: number | undefined;

  /** Makes an error for a decoder of your own. */
  constructor(message: string, init: FrameErrorInit) {
    super(message, init);
    this.frameBytes = init.frameBytes;
    this.maxFrameBytes = init.maxFrameBytes;
  }
}

/** Turns whatever was thrown or passed by a caller into an `Error`, keeping it as `cause` where it was none. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  let text: string;
  try {
    text = String(thrown);
  } catch {
    text = typeof thrown; // it cannot be made a string
  }
  return unhandledError(`Not an Error was thrown: ${text}`, thrown);
}
