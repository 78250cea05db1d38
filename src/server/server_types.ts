/** What a server tells and takes, besides its options. */

import type { SocketError } from "../base/errors.ts";
import type { DropReason } from "../telemetry/drop_reason.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";

/** What the listeners of a `TcpServer` are called with. */
export interface TcpServerEvents<State = unknown> {
  /** A connection was accepted; `onConnection` registers here. */
  connection: [socket: TCPSocket<State>];
  /** Something failed; `onError` registers here. */
  error: [error: SocketError, socket?: TCPSocket<State>];
  /** The server listens; `onListening` registers here. */
  listening: [];
  /** A connection was refused and closed at once, before a TLS handshake: by one of the `limits`, or by `proxyProtocol`. */
  drop: [dropped: { remoteAddress: string | undefined; remotePort: number | undefined; reason: DropReason }];
  /**
   * With `proxyProtocol`: a connection did not begin with a valid PROXY header, or not in time; `error.code` says why:
   * `ERR_PROXY_HEADER_MALFORMED`, `_TOO_LARGE` or `_TRUNCATED`, `ETIMEDOUT`, `ECONNRESET`. `peer` has the address that
   * really connected. No other event is emitted for it.
   */
  proxyError: [error: SocketError, peer: { remoteAddress: string | undefined; remotePort: number | undefined }];
  /** A TLS handshake failed, or took too long; `error.code` says why. No other event is emitted for it. */
  tlsClientError: [error: SocketError, peer: { remoteAddress: string | undefined; remotePort: number | undefined }];
  /** The server listens no more and its last connection is over. */
  close: [];
}

/** What this runtime can do; `false` means that an option or method of that name has no full effect. */
export interface Capabilities {
  /** Whether `tcp.keepAliveInitialDelay` has an effect. */
  readonly keepAliveInitialDelay: boolean;
  /** Whether `reusePort` may be asked for. */
  readonly reusePort: boolean;
  /** Whether `resetAndDestroy` can send a reset. A `Deno.TcpConn` cannot send a reset; `node:net` in Deno can. */
  readonly reset: boolean;
}

/** Where a server listens. */
export interface ServerAddress {
  /** The address, `"0.0.0.0"` for all of IPv4. */
  readonly address: string;
  /** The port, chosen by the kernel where 0 was asked for. */
  readonly port: number;
  /** `"IPv4"` or `"IPv6"`. */
  readonly family: "IPv4" | "IPv6";
}
