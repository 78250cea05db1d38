/** How connections end, in the words that receipts, metrics and logs share. */

/** Every reason there is, in the order of {@link CloseReason}. */
export const CLOSE_REASONS = [
  "local",
  "peer",
  "reset",
  "truncated",
  "destroyed",
  "error",
  "protocol",
  "overflow",
  "shed",
  "shutdown",
  "refused",
  "tls",
  "deadline:connect",
  "deadline:proxy",
  "deadline:handshake",
  "deadline:firstByte",
  "deadline:frame",
  "deadline:idle",
  "deadline:rate",
  "deadline:flush",
  "deadline:end",
  "deadline:lifetime",
  "heartbeat",
] as const satisfies readonly CloseReason[];

/**
 * Why a connection ended; the same words in receipts, metrics and logs:
 *
 * - `local`: our side ended first, then the peer's;
 * - `peer`: the peer's side ended first, then ours;
 * - `reset`: the peer reset the connection, or a write found it gone;
 * - `truncated`: a TLS connection ended without close_notify;
 * - `destroyed`: `destroy()` was called without an error;
 * - `error`: `destroy(error)` was called, or a handler threw;
 * - `protocol`: the peer broke the protocol (a `FrameError`, or a wrong PROXY header);
 * - `overflow`: the write queue or the memory budget was full;
 * - `shed`: it had never sent a byte and made room for another connection (`limits.shedSilent`);
 * - `shutdown`: the server closed and `drainMs` was over;
 * - `refused`: the connect failed;
 * - `tls`: the TLS handshake failed;
 * - `heartbeat`: the peer did not answer pings;
 * - `deadline:...`: the deadline of that name was over.
 */
export type CloseReason =
  | "local"
  | "peer"
  | "reset"
  | "truncated"
  | "destroyed"
  | "error"
  | "protocol"
  | "overflow"
  | "shed"
  | "shutdown"
  | "refused"
  | "tls"
  | "deadline:connect"
  | "deadline:proxy"
  | "deadline:handshake"
  | "deadline:firstByte"
  | "deadline:frame"
  | "deadline:idle"
  | "deadline:rate"
  | "deadline:flush"
  | "deadline:end"
  | "deadline:lifetime"
  | "heartbeat";

/** What {@link TCPSocket.closed} resolves with: how the connection ended and what went through it. */
export interface CloseReceipt {
  /** Why it ended. */
  readonly reason: CloseReason;
  /** Bytes that came from the peer. */
  readonly bytesRead: number;
  /** Bytes that the kernel took; the socket's property of this name counts what was queued, as in Node. */
  readonly bytesWritten: number;
  /** Bytes that were queued and never reached the kernel. */
  readonly unsentBytes: number;
  /** The error that ended it, where there was one. */
  readonly error?: Error;
}

/** Makes one, for good. */
export function receiptOf(
  reason: CloseReason,
  bytesRead: number,
  bytesWritten: number,
  unsentBytes: number,
  error: Error | undefined,
): CloseReceipt {
  return Object.freeze({ reason, bytesRead, bytesWritten, unsentBytes, ...(error === undefined ? {} : { error }) });
}
