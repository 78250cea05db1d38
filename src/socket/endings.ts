/** The errors that end a connection or refuse a write, and the reasons that go with them. */

import { typeError } from "../base/argument_errors.ts";
import { FrameError, TcpError } from "../base/errors.ts";
import type { CloseReason } from "../telemetry/close_receipt.ts";
import type { LifecycleState } from "./lifecycle.ts";

/** The reason of `destroy(error)` where nobody gives a better one. */
export function reasonOf(error: Error | undefined): CloseReason {
  if (error === undefined) return "destroyed";
  return error instanceof FrameError ? "protocol" : "error";
}

/** The reason of a failed read or write: the peer is gone, or something else. */
export function reasonOfFailure(code: string): CloseReason {
  return ["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT"].includes(code) ? "reset" : "error";
}

/** The reason of an orderly end. */
export function reasonOfEnd(peerEndedFirst: boolean, truncated: boolean): CloseReason {
  if (truncated) return "truncated";
  return peerEndedFirst ? "peer" : "local";
}

/**
 * How long the last write of a socket that is destroyed may take. The kernel answers at once where it has room, but the
 * runtime may not have looked yet: whether a connection that was just accepted can be written to, above all. A busy process
 * has looked by then, because the watch waits until everything has been read.
 */
export const LAST_WRITE_MS = 100;

/** Whether the last write may take its time: not where the peer is gone, or is being got rid of. */
export function waitsForLastWrite(reason: CloseReason): boolean {
  return !["reset", "overflow", "shed", "heartbeat"].includes(reason) && !reason.startsWith("deadline:");
}

/** Whatever was still waiting when the socket closed gets this. */
export function destroyedError(syscall: string): TcpError {
  return new TcpError(`Cannot ${syscall}: the socket is closed`, { code: "ERR_STREAM_DESTROYED", syscall });
}

/** Bytes that were written by reference were transferred, by `postMessage` perhaps, before the kernel had them. */
export function transferredError(): TcpError {
  return new TcpError("Cannot write: the bytes were transferred to somebody else before they were sent", {
    code: "ERR_INVALID_STATE",
    syscall: "write",
  });
}

/** A chunk that was handed over was transferred, and with it the memory that further bytes were read into. */
export function chunkTransferredError(): TcpError {
  return new TcpError("Cannot read: the memory of a chunk was transferred to somebody else; transfer a copy instead", {
    code: "ERR_INVALID_STATE",
    syscall: "read",
  });
}

/** There is no connection, and none is being made. */
export function unconnectedError(syscall: string): TcpError {
  return new TcpError(`Cannot ${syscall}: the socket is not connected`, { code: "ERR_SOCKET_CLOSED", syscall });
}

/** For whoever waited for a connection that never was: Node's code for that. */
export function neverConnectedError(): TcpError {
  return new TcpError("Cannot write: the socket was closed before it was connected", {
    code: "ERR_SOCKET_CLOSED_BEFORE_CONNECTION",
    syscall: "write",
  });
}

/** For the callback of an `end()` that comes after `finish`. */
export function finishedError(): TcpError {
  return new TcpError("Cannot end: the socket has finished already", {
    code: "ERR_STREAM_ALREADY_FINISHED",
    syscall: "end",
  });
}

/** What else there is to say of a write that was not taken. */
export interface RefusedWrite {
  /** Whether the socket is destroyed. */
  readonly destroyed: boolean;
  /** Whether both ends have ended their side. */
  readonly bothEnded: boolean;
  /** Whether it is that of `end(data)`. */
  readonly ends: boolean;
}

/** Why a write was not taken in that state. */
export function refusedWrite(state: LifecycleState, { destroyed, bothEnded, ends }: RefusedWrite): TcpError {
  if (bothEnded && !ends) {
    return new TcpError("Cannot write: the peer has ended the connection", { code: "EPIPE", syscall: "write" });
  }
  if (destroyed && !bothEnded) return destroyedError("write");
  if (state === "idle") return unconnectedError("write");
  return new TcpError("Cannot write after end()", { code: "ERR_STREAM_WRITE_AFTER_END", syscall: "write" });
}

/** A write to a queue that was full before it. */
export function overflowError(queuedBytes: number, maxWriteQueueBytes: number): TcpError {
  return new TcpError(
    `Cannot write: ${queuedBytes} bytes are queued already, at most ${maxWriteQueueBytes} are allowed ` +
      `(limits.maxWriteQueueBytes)`,
    { code: "EOVERFLOW", syscall: "write" },
  );
}

/** The peer takes nothing. */
export function stalledError(queuedBytes: number, flushMs: number): TcpError {
  return new TcpError(`The peer took none of ${queuedBytes} queued bytes for ${flushMs} ms (deadlines.flushMs)`, {
    code: "ETIMEDOUT",
    syscall: "write",
  });
}

/** The peer says nothing after our end, and does not end. */
export function forsakenError(endMs: number): TcpError {
  return new TcpError(
    `The peer sent nothing for ${endMs} ms after our end and did not end its side (deadlines.endMs)`,
    {
      code: "ETIMEDOUT",
      syscall: "read",
    },
  );
}

/** The TLS handshake took too long. */
export function handshakeTimeout(handshakeMs: number): TcpError {
  return new TcpError(`No TLS handshake within ${handshakeMs} ms (deadlines.handshakeMs)`, { code: "ETIMEDOUT" });
}

/** Bytes that are lent for a call went into a function that goes on behind it. */
export function asyncReadError(): TypeError {
  return typeError(
    "ERR_INVALID_RETURN_VALUE",
    "onRead: the callback must not be async; its bytes are lent for the call only",
  );
}

/** A second face wants to read. */
export function claimedError(wanted: string, taken: string): TcpError {
  return new TcpError(`Cannot read by ${wanted}: ${taken} already reads this socket`, { code: "ERR_READ_CLAIMED" });
}
