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

/** Why a connection ended; the same words in receipts, metrics and logs. */
export type CloseReason =
  | "local" // we ended first, the peer followed
  | "peer" // the peer ended first, we followed
  | "reset" // the peer reset the connection, or was found gone by a write
  | "truncated" // TLS only: the stream ended without close_notify
  | "destroyed" // `destroy()` without an error
  | "error" // `destroy(error)`, or a handler threw
  | "protocol" // the peer broke the protocol (a `FrameError`)
  | "overflow" // the write queue's bound
  | "shed" // it had never sent a byte and made room for another (`limits.shedSilent`)
  | "shutdown" // the server's drain ran out of time
  | "refused" // a connect that failed
  | "tls" // the handshake failed
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
