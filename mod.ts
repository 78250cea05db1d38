/**
 * The TCP toolkit for Deno: servers and clients whose sockets have the events of node:net, and are also async iterators
 * and web streams; and messages over them.
 *
 * ```ts
 * import { createServer, ServerProtocol } from "@verb/tcp";
 *
 * const app = createServer(ServerProtocol.TCP);
 * app.onConnection((socket) => {
 *   socket.on("data", (data) => socket.write(`Echo: ${data}`));
 * });
 * app.listen(0);
 * await app.close();
 * ```
 *
 * The other entry points:
 *
 * - `@verb/tcp/tcp`: clients; `connect()`, `reconnect()`, pools;
 * - `@verb/tcp/framing`: codecs, for sockets, streams and files;
 * - `@verb/tcp/rooms`: groups of connections, also over Redis and NATS;
 * - `@verb/tcp/workers`: one server on all cores;
 * - `@verb/tcp/observe`: metrics, logs, OpenTelemetry, a live page;
 * - `@verb/tcp/testing`: a network in memory, and checks for codecs;
 * - `@verb/tcp/cli`: a command line.
 *
 * @module
 */

// The server.
export { createServer, ServerProtocol } from "./src/server/create_server.ts";
export { hardened } from "./src/server/hardened.ts";
export { TcpServer } from "./src/server/server.ts";
export type { Capabilities, ServerAddress, TcpServerEvents } from "./src/server/server_types.ts";
export type { CloseOptions } from "./src/server/drain.ts";
export type { CloseOnSignalsOptions } from "./src/server/signals.ts";
export type { Connections } from "./src/server/connections.ts";
export type { ListenOptions } from "./src/server/listen_arguments.ts";
export type { ServerDeadlines, ServerOptions } from "./src/server/options.ts";
export type { LimitsUpdate, ServerLimits } from "./src/server/limit_options.ts";
export type { ProxyProtocolOptions } from "./src/server/proxy_rule.ts";
export type { DropReason } from "./src/telemetry/drop_reason.ts";
export { addMetrics, type ServerMetrics } from "./src/telemetry/metrics.ts";
export type { DrainReport } from "./src/telemetry/drain_report.ts";
export type {
  AcceptErrorVerdict,
  Observer,
  TelemetryEvent,
  TelemetryEvents,
  TelemetryPeer,
} from "./src/telemetry/events.ts";
export type { TimeHistogram } from "./src/telemetry/histogram.ts";

// Messages and counting.
export { MessageProtocol, type MessageProtocolOptions } from "./src/protocol/message_protocol.ts";
export { framed, type FramedEvents, type FramedOptions, FramedSocket } from "./src/protocol/framed.ts";
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
export type { MessageRate } from "./src/protocol/message_pace.ts";
export { Heartbeat, type HeartbeatOptions, type HeartbeatPort } from "./src/protocol/heartbeat.ts";
export type { MessageHeartbeatOptions } from "./src/protocol/message_heartbeat.ts";
export { ConnectionPool } from "./src/protocol/connection_pool.ts";

// TLS.
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

// The socket and its client, as in ./tcp.
export { connect } from "./src/client/connect.ts";
export type { ClientOptions } from "./src/client/connector.ts";
export type { CloseReason, CloseReceipt } from "./src/telemetry/close_receipt.ts";
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

// Errors, and the codecs that the messages stand on; the whole family is in ./framing.
export {
  FrameError,
  type FrameErrorInit,
  MessageError,
  type SocketError,
  TcpError,
  type TcpErrorInit,
} from "./src/base/errors.ts";
export {
  type ByteSink,
  type Codec,
  type FrameDecoder,
  FrameDecoderStream,
  type FrameDecoderStreamOptions,
  FrameEncoderStream,
  json,
  type JsonOptions,
  type JsonValueOptions,
  lengthPrefixed,
  type LengthPrefixedOptions,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
} from "./src/framing/mod.ts";
