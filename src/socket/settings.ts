/** What every socket is set up with: checked once, frozen, shared by all sockets of a server. */

import { checkBoolean, checkBound, checkKeys, checkMs } from "../base/check.ts";
import { DEADLINE_KEYS, type DeadlineLimits, resolveDeadlines, type SocketDeadlines } from "./deadline_options.ts";
import type { ClientTlsOptions } from "../tls/tls_options.ts";

/** TCP options of a connection. */
export interface TcpOptions {
  /**
   * Sends small segments at once (TCP_NODELAY). The socket joins the writes of one turn itself, so this costs no extra
   * packets.
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
   * Milliseconds of silence before the first probe. Deno cannot set it: the option is accepted without effect, and
   * `capabilities` says so.
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
   * Keeps our side open after the peer has ended. Then you have to call `end()`.
   *
   * @default {false}
   */
  allowHalfOpen?: boolean;
}

/** Limits of one socket. */
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
   * Whether bytes are read, and messages delivered, while the write queue is over its high-water mark. With `false`
   * nothing more is read from the peer until `drain`, so that a peer that does not read its answers cannot send more
   * requests. Two ends that both write without reading would then wait for each other.
   *
   * @default {true}
   */
  readWhileBlocked?: boolean;
  /**
   * Most bytes per second that are read from the connection; as many may come at once after a silence. The peer has to
   * wait, and its deadlines stand still meanwhile. With TLS, plaintext bytes count.
   *
   * @default {Infinity}
   */
  readBytesPerSecond?: number;
  /**
   * Most bytes per second that are written to the connection. Further bytes wait in the write queue, within its bound.
   * With TLS, plaintext bytes count.
   *
   * @default {Infinity}
   */
  writeBytesPerSecond?: number;
}

/** Options of a client socket. A server's sockets take the same from `withOptions`. */
export interface TCPSocketOptions {
  /** TCP options of the connection. */
  tcp?: TcpOptions;
  /** Limits of the socket. */
  limits?: SocketLimits;
  /** Time limits, in milliseconds. */
  deadlines?: SocketDeadlines;
  /**
   * Uses TLS on every connect; `true` is for the defaults.
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
