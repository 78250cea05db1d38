/** What every socket is set up with: checked once, frozen, shared by all sockets of a server. */

import { checkBoolean, checkBound, checkKeys, checkMs } from "../base/check.ts";
import { DEADLINE_KEYS, type DeadlineLimits, resolveDeadlines, type SocketDeadlines } from "./deadline_options.ts";
import type { ClientTlsOptions } from "../tls/tls_options.ts";

/** How the connection itself behaves. */
export interface TcpOptions {
  /**
   * Sends small segments at once (TCP_NODELAY). The socket joins the writes of one turn itself, so that this costs no
   * extra packets.
   *
   * @default {true}
   */
  noDelay?: boolean;
  /**
   * Lets the kernel probe a silent peer (SO_KEEPALIVE).
   *
   * @default {true}
   */
  keepAlive?: boolean;
  /**
   * Milliseconds of silence before the first probe. Deno cannot set it: it is accepted, `capabilities` says so, and the
   * kernel's own delay holds.
   *
   * @default {0}
   */
  keepAliveInitialDelay?: number;
  /**
   * Milliseconds of silence in both directions before `timeout` is emitted; a socket without a `timeout` listener is
   * then destroyed with `ETIMEDOUT`. `0` is off.
   *
   * @default {0}
   */
  timeout?: number;
  /**
   * Goes on writing after the peer has ended; then `end()` is yours to call.
   *
   * @default {false}
   */
  allowHalfOpen?: boolean;
}

/** How much one socket may hold. */
export interface SocketLimits {
  /**
   * Bound of the write queue in bytes: a write to a queue that already holds this much destroys the socket with
   * `EOVERFLOW`. `Infinity` is no bound.
   *
   * @default {16_777_216}
   */
  maxWriteQueueBytes?: number;
  /**
   * Queued bytes from which on `write()` gives false; `drain` follows when the queue is empty.
   *
   * @default {65_536}
   */
  highWaterMarkBytes?: number;
  /**
   * Whether bytes are read, and messages delivered, while the write queue is over its high-water mark. With `false` nothing
   * more is taken from the peer until `drain`: whoever does not read answers may not ask on. Two ends that both write
   * without reading would then wait for each other.
   *
   * @default {true}
   */
  readWhileBlocked?: boolean;
  /**
   * Most bytes a second that are read of the connection, after a silence as many at once: the peer has to wait, and is
   * not blamed for it. Plaintext counts.
   *
   * @default {Infinity}
   */
  readBytesPerSecond?: number;
  /**
   * Most bytes a second that are written to the connection; what is beyond waits in the write queue, within its bound.
   * Plaintext counts.
   *
   * @default {Infinity}
   */
  writeBytesPerSecond?: number;
}

/** How a client socket behaves; a server's sockets take the same from `withOptions`. */
export interface TCPSocketOptions {
  /** The connection itself. */
  tcp?: TcpOptions;
  /** How much the socket may hold. */
  limits?: SocketLimits;
  /** The waits that have an end. */
  deadlines?: SocketDeadlines;
  /**
   * Speaks TLS on every connect; `true` with the defaults.
   *
   * @default {false}
   */
  tls?: ClientTlsOptions | boolean;
}

/** The names that {@link TCPSocketOptions} knows. */
export const SOCKET_OPTION_KEYS: readonly string[] = ["tcp", "limits", "deadlines", "tls"];

/** Everything resolved. */
export interface SocketSettings {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelay: number;
  readonly timeoutMs: number;
  readonly allowHalfOpen: boolean;
  readonly maxWriteQueueBytes: number;
  readonly highWaterMarkBytes: number;
  readonly readWhileBlocked: boolean;
  readonly readBytesPerSecond: number;
  readonly writeBytesPerSecond: number;
  readonly connectMs: number;
  readonly handshakeMs: number;
  readonly flushMs: number;
  readonly endMs: number;
  /** Those that a timer of the socket looks after; undefined while all of them are off. */
  readonly deadlines: DeadlineLimits | undefined;
  /** Whether the process may end although the socket lives: `unref()`. */
  readonly background?: boolean;
}

/** The names that {@link TcpOptions} knows. */
export const TCP_KEYS: readonly string[] = [
  "noDelay",
  "keepAlive",
  "keepAliveInitialDelay",
  "timeout",
  "allowHalfOpen",
];
/** The names that {@link SocketLimits} knows. */
export const SOCKET_LIMIT_KEYS: readonly string[] = [
  "maxWriteQueueBytes",
  "highWaterMarkBytes",
  "readWhileBlocked",
  "readBytesPerSecond",
  "writeBytesPerSecond",
];

/** Checks the three groups and fills in the defaults. */
export function resolveSocketSettings(
  tcp: TcpOptions | undefined,
  limits: SocketLimits | undefined,
  deadlines: SocketDeadlines | undefined,
  limitKeys: readonly string[] = SOCKET_LIMIT_KEYS,
  deadlineKeys: readonly string[] = DEADLINE_KEYS,
): SocketSettings {
  checkKeys("tcp", tcp, TCP_KEYS);
  checkKeys("limits", limits, limitKeys);
  const { watched, ...waits } = resolveDeadlines(deadlines, deadlineKeys);
  return Object.freeze({
    noDelay: checkBoolean("tcp.noDelay", tcp?.noDelay, true),
    keepAlive: checkBoolean("tcp.keepAlive", tcp?.keepAlive, true),
    keepAliveInitialDelay: checkMs("tcp.keepAliveInitialDelay", tcp?.keepAliveInitialDelay, 0),
    timeoutMs: checkMs("tcp.timeout", tcp?.timeout, 0),
    allowHalfOpen: checkBoolean("tcp.allowHalfOpen", tcp?.allowHalfOpen, false),
    maxWriteQueueBytes: checkBound("limits.maxWriteQueueBytes", limits?.maxWriteQueueBytes, 16_777_216, 1),
    highWaterMarkBytes: checkBound("limits.highWaterMarkBytes", limits?.highWaterMarkBytes, 65_536, 1),
    readWhileBlocked: checkBoolean("limits.readWhileBlocked", limits?.readWhileBlocked, true),
    readBytesPerSecond: checkBound("limits.readBytesPerSecond", limits?.readBytesPerSecond, Infinity, 1),
    writeBytesPerSecond: checkBound("limits.writeBytesPerSecond", limits?.writeBytesPerSecond, Infinity, 1),
    ...waits,
    deadlines: watched,
  });
}
