/**
 * Clients: `connect()` with a promise, `new TCPSocket()` with events, `reconnect()` for connections that are made again
 * after each end, and `createPool()` for connections that are lent to one user at a time.
 *
 * ```ts
 * import { createServer } from "@verb/tcp";
 * import { connect } from "@verb/tcp/tcp";
 *
 * await using app = createServer().onConnection((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
 *
 * const socket = await connect({ port: app.address()!.port, host: "127.0.0.1", timeoutMs: 5_000 });
 * socket.end("hello");
 * for await (const chunk of socket) console.log(String(chunk)); // hello
 * ```
 *
 * @module
 */

export {
  FrameError,
  type FrameErrorInit,
  MessageError,
  type SocketError,
  TcpError,
  type TcpErrorInit,
} from "./src/base/errors.ts";
export { backoff, type BackoffOptions } from "./src/client/backoff.ts";
export { connect } from "./src/client/connect.ts";
export type { ClientOptions } from "./src/client/connector.ts";
export type { Lease } from "./src/client/lease.ts";
export {
  type AcquireOptions,
  createPool,
  Pool,
  type PoolCloseOptions,
  type PoolEvents,
  type PoolLeak,
} from "./src/client/pool.ts";
export type { PoolDestroyCause, PoolMetrics, PoolOptions } from "./src/client/pool_options.ts";
export { Reconnect, reconnect, type ReconnectCloseOptions, type ReconnectState } from "./src/client/reconnect.ts";
export type { ReconnectOptions, Retry } from "./src/client/reconnect_options.ts";
export type { Target } from "./src/client/targets.ts";
export type { CloseReason, CloseReceipt } from "./src/telemetry/close_receipt.ts";
export { type AnswerOptions, answerRequests, type RequestHandler } from "./src/protocol/answer_requests.ts";
export type { MessagePeer } from "./src/protocol/message_peer.ts";
export { RequestError, type RequestErrorInit } from "./src/protocol/request_error.ts";
export { createRequester, Requester } from "./src/protocol/requester.ts";
export type {
  IdentifiedRequests,
  OrderedRequests,
  RequesterLimits,
  RequesterOptions,
  RequestId,
  RequestOptions,
} from "./src/protocol/requester_options.ts";
export { framed, type FramedEvents, type FramedOptions, FramedSocket } from "./src/protocol/framed.ts";
export { MessageProtocol, type MessageProtocolOptions } from "./src/protocol/message_protocol.ts";
export type { MessageHeartbeatOptions } from "./src/protocol/message_heartbeat.ts";
export type { MessageRate } from "./src/protocol/message_pace.ts";
export { Heartbeat, type HeartbeatOptions, type HeartbeatPort } from "./src/protocol/heartbeat.ts";
export type { ConnectOptions } from "./src/socket/connect_target.ts";
export type { VirtualNetwork } from "./src/transport/virtual_network.ts";
export type { ProxyEndpoint, ProxyInfo, ProxyTls } from "./src/transport/proxy_info.ts";
export type { ProxyHeaderOptions, ProxyTlv } from "./src/transport/encode_proxy_header.ts";
export type { PipeTarget } from "./src/socket/pipe.ts";
export type { RateDeadline, SocketDeadlines } from "./src/socket/deadline_options.ts";
export type { SocketLimits, TcpOptions, TCPSocketOptions } from "./src/socket/settings.ts";
export { type Listener, SocketEmitter, type TCPSocketEvents } from "./src/socket/socket_emitter.ts";
export { SocketFacts } from "./src/socket/socket_facts.ts";
export { SocketSwitches } from "./src/socket/socket_switches.ts";
export { TCPSocket } from "./src/socket/tcp_socket.ts";
export type { WriteCallback } from "./src/socket/write_queue.ts";
export type {
  ClientTlsOptions,
  Pem,
  SelectCertificate,
  TlsCertificate,
  TlsEngine,
  TlsOptions,
  TlsVersion,
} from "./src/tls/tls_options.ts";
export type { CertificateName, CipherInfo, PeerCertificate } from "./src/transport/transport.ts";
export type { UpgradeOptions, UpgradeState } from "./src/socket/upgrade.ts";
export {
  type ByteSink,
  type Codec,
  type FrameDecoder,
  json,
  type JsonOptions,
  type JsonValueOptions,
  lengthPrefixed,
  type LengthPrefixedOptions,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
} from "./src/framing/mod.ts";
