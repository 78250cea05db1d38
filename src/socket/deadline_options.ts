/** The waits of a socket that have an end: what users say, checked. */

import { checkInteger, checkKeys, checkMs, invalid } from "../base/check.ts";

/** The lowest rate at which a peer may send a frame, or read what is sent to it. */
export interface RateDeadline {
  /**
   * Bytes per second that a peer must send while a frame is unfinished, or read while data waits for it, on average
   * since that began.
   */
  bytesPerSecond: number;
  /**
   * Milliseconds before the average counts. The kernel takes some hundred KiB ahead of the peer, in large portions:
   * choose a long time where you send much.
   *
   * @default {10_000}
   */
  graceMs?: number;
}

/**
 * Time limits of a socket. Each destroys the socket with a `TcpError`, code `ETIMEDOUT`, whose message names the
 * option; the reason in the receipt begins with `deadline:`. All are in milliseconds, and `0` is off.
 *
 * While we do not read (the socket is paused, or its reader is busy), the times for the peer stand still: `idleReadMs`,
 * `frameMs` and `rate`.
 */
export interface SocketDeadlines {
  /**
   * Longest wait for a connection (clients only). `timeoutMs` of `connect` is the same and takes precedence. Reason
   * `deadline:connect`.
   *
   * @default {0}
   */
  connectMs?: number;
  /**
   * Longest TLS handshake; on a server it ends in a `tlsClientError`, before there is a socket. Reason
   * `deadline:handshake`.
   *
   * @default {10_000}
   */
  handshakeMs?: number;
  /**
   * Longest time from the start of the connection to the peer's first byte. Reason `deadline:firstByte`.
   *
   * @default {0}
   */
  firstByteMs?: number;
  /**
   * Longest time from the first byte of a frame to its last, for sockets read by a `MessageProtocol` or `framed`: stops
   * peers that send a byte a minute. Reason `deadline:frame`.
   *
   * @default {0}
   */
  frameMs?: number;
  /**
   * Longest silence in both directions. Reason `deadline:idle`.
   *
   * @default {0}
   */
  idleMs?: number;
  /**
   * Longest silence of the peer, whatever we write. Reason `deadline:idle`.
   *
   * @default {0}
   */
  idleReadMs?: number;
  /**
   * Longest time without a byte that we send. Reason `deadline:idle`.
   *
   * @default {0}
   */
  idleWriteMs?: number;
  /**
   * The lowest rate at which a peer may send a frame or read what we send. Off where left out. Reason `deadline:rate`.
   */
  rate?: RateDeadline;
  /**
   * Longest time in which the peer takes none of the written bytes. Reason `deadline:flush`.
   *
   * @default {60_000}
   */
  flushMs?: number;
  /**
   * Longest silence after our own end, while the peer does not end: no byte comes, and none of ours is taken. A peer
   * that keeps sending stays connected. It stands still, too, while we do not read, except on a server's socket without
   * a reader. Reason `deadline:end`.
   *
   * @default {60_000}
   */
  endMs?: number;
  /**
   * Longest life of the connection. Then it is destroyed, even in the middle of a transfer: for an orderly end call
   * `end()` before that. Reason `deadline:lifetime`.
   *
   * @default {0}
   */
  lifetimeMs?: number;
}

/** The names that {@link SocketDeadlines} knows. */
export const DEADLINE_KEYS: readonly string[] = [
  "connectMs",
  "handshakeMs",
  "firstByteMs",
  "frameMs",
  "idleMs",
  "idleReadMs",
  "idleWriteMs",
  "rate",
  "flushMs",
  "endMs",
  "lifetimeMs",
];

/** The deadlines that one timer per socket looks after; Infinity is off. */
export interface DeadlineLimits {
  readonly firstByteMs: number;
  readonly frameMs: number;
  readonly idleMs: number;
  readonly idleReadMs: number;
  readonly idleWriteMs: number;
  readonly lifetimeMs: number;
  /** 0 is off. */
  readonly bytesPerSecond: number;
  readonly graceMs: number;
}

/** Everything resolved; 0 is off unless said otherwise. */
export interface ResolvedDeadlines {
  readonly connectMs: number;
  /** Infinity is off. */
  readonly handshakeMs: number;
  /** Infinity is off. */
  readonly flushMs: number;
  /** Infinity is off. */
  readonly endMs: number;
  /** Undefined while all of them are off: then a socket needs no timer. */
  readonly watched: DeadlineLimits | undefined;
}

/** Checks the group and fills in the defaults. */
export function resolveDeadlines(given: SocketDeadlines | undefined, known = DEADLINE_KEYS): ResolvedDeadlines {
  checkKeys("deadlines", given, known);
  const ms = (name: Exclude<keyof SocketDeadlines, "rate">, fallback = 0) =>
    checkMs(`deadlines.${name}`, given?.[name], fallback);
  const limits: DeadlineLimits = Object.freeze({
    firstByteMs: ms("firstByteMs") || Infinity,
    frameMs: ms("frameMs") || Infinity,
    idleMs: ms("idleMs") || Infinity,
    idleReadMs: ms("idleReadMs") || Infinity,
    idleWriteMs: ms("idleWriteMs") || Infinity,
    lifetimeMs: ms("lifetimeMs") || Infinity,
    ...resolveRate(given?.rate),
  });
  const { graceMs: _, bytesPerSecond, ...waits } = limits;
  const watches = bytesPerSecond > 0 || Object.values(waits).some((wait) => wait < Infinity);
  return {
    connectMs: ms("connectMs"),
    handshakeMs: ms("handshakeMs", 10_000) || Infinity,
    flushMs: ms("flushMs", 60_000) || Infinity,
    endMs: ms("endMs", 60_000) || Infinity,
    watched: watches ? limits : undefined,
  };
}

function resolveRate(rate: RateDeadline | undefined): { bytesPerSecond: number; graceMs: number } {
  checkKeys("deadlines.rate", rate, ["bytesPerSecond", "graceMs"]);
  const most = Number.MAX_SAFE_INTEGER;
  if (rate !== undefined && rate.bytesPerSecond === undefined) {
    throw invalid("deadlines.rate.bytesPerSecond", `an integer from 0 to ${most}`, undefined);
  }
  return {
    bytesPerSecond: checkInteger("deadlines.rate.bytesPerSecond", rate?.bytesPerSecond, 0, 0, most),
    graceMs: checkMs("deadlines.rate.graceMs", rate?.graceMs, 10_000),
  };
}
