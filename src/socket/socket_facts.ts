/** What a socket tells of itself: addresses, counts, states. */

import { now, wallTime, wallTimeOf } from "../base/clock.ts";
import { invalid } from "../base/check.ts";
import {
  type CipherInfo,
  type Endpoint,
  endpointOf,
  type PeerCertificate,
  type TransportSecurity,
} from "../transport/transport.ts";
import type { ProxyInfo } from "../transport/proxy_info.ts";
import { Connection } from "./connection.ts";
import type { SocketHost } from "./connection_ports.ts";
import { readyStateOf } from "./lifecycle.ts";
import type { SocketSettings } from "./settings.ts";
import { SocketEmitter } from "./socket_emitter.ts";

let ids = 0;

/** For the layers above: the engine behind a socket. A client that connects again has a fresh one. */
export let connectionOf: (socket: SocketFacts) => Connection;

/** For `connect` on a socket whose connection is over: a fresh engine, with the settings of the one before. */
export let renewConnection: (socket: SocketFacts) => Connection;

/** The readable properties of a `TCPSocket`. */
export abstract class SocketFacts extends SocketEmitter {
  #id = ++ids;
  #connection: Connection;

  static {
    connectionOf = (socket) => socket.#connection;
    renewConnection = (socket) => {
      const { settings, allowHalfOpen } = socket.#connection;
      socket.#id = ++ids;
      socket.#connection = new Connection(socket, settings, undefined);
      socket.#connection.allowHalfOpen = allowHalfOpen;
      return socket.#connection;
    };
  }

  /** For `TCPSocket`. */
  constructor(settings: SocketSettings, host: SocketHost | undefined) {
    super(host !== undefined);
    this.#connection = new Connection(this, settings, host);
  }

  /** Number of this connection, unique in the process. A client that connects again gets another. */
  get id(): number {
    return this.#id;
  }

  /** The local address of the connection; empty while there is none. */
  address(): { address?: string; port?: number; family?: string } {
    const { address, port, family } = this.#local;
    return address === undefined ? {} : { address, port: port!, family: family! }; // they come together
  }

  /** The peer's address, IPv4 where it is IPv4 mapped into IPv6; kept after the close. Undefined on unix sockets. */
  get remoteAddress(): string | undefined {
    return this.#connection.remote().address;
  }

  /** The peer's port. */
  get remotePort(): number | undefined {
    return this.#connection.remote().port;
  }

  /** `"IPv4"` or `"IPv6"`. */
  get remoteFamily(): "IPv4" | "IPv6" | undefined {
    return this.#connection.remote().family;
  }

  /**
   * The contents of the PROXY header of the connection: the client's address, and what else the balancer sent.
   * Undefined where there was none.
   */
  get proxy(): ProxyInfo | undefined {
    return this.#connection.transport?.proxy;
  }

  /** The local address. */
  get localAddress(): string | undefined {
    return this.#local.address;
  }

  /** The local port. */
  get localPort(): number | undefined {
    return this.#local.port;
  }

  /** `"IPv4"` or `"IPv6"`. */
  get localFamily(): "IPv4" | "IPv6" | undefined {
    return this.#local.family;
  }

  /** When the connection was made (a server's socket: when it was accepted), by `Date.now()`. */
  get connectedAt(): number {
    return Math.round(wallTimeOf(this.#connection.openedAt));
  }

  /** When bytes, or the end of either side, last came or were sent, by `Date.now()`. */
  get lastActivity(): number {
    return Math.round(wallTime() - now() + this.#connection.movedAt);
  }

  /** Bytes that were received. */
  get bytesRead(): number {
    return this.#connection.bytesRead;
  }

  /** Bytes written, those still queued included. */
  get bytesWritten(): number {
    const { sentBytes, length, lostBytes } = this.#connection.queue;
    return sentBytes + length + lostBytes;
  }

  /** Whether a connect is under way. */
  get connecting(): boolean {
    return this.#connection.stopDialing !== undefined;
  }

  /** Whether there is no connection yet, or none any more. */
  get pending(): boolean {
    return this.#connection.transport === undefined || this.destroyed;
  }

  /** Whether the connection is over. */
  get destroyed(): boolean {
    return this.#connection.receipt !== undefined;
  }

  /** `"opening"`, `"open"`, `"readOnly"` after `end()`, `"writeOnly"` after the peer's end, `"closed"`. */
  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    return readyStateOf(this.#connection.state);
  }

  /** Milliseconds of `setTimeout` or `tcp.timeout`; 0 is off. Always 0 on a closed socket. */
  get timeout(): number {
    return this.destroyed ? 0 : this.#connection.timeoutMs;
  }

  /** Bytes written that the kernel has not taken yet. */
  get writableLength(): number {
    return this.#connection.queue.length;
  }

  /** Queued bytes from which on `write()` gives false. */
  get writableHighWaterMark(): number {
    return this.#connection.settings.highWaterMarkBytes;
  }

  /** Whether `write()` gave false and `drain` has not come yet. */
  get writableNeedDrain(): boolean {
    return this.#connection.needDrain;
  }

  /** Whether our side has been ended, by `end()` or after the peer's end. */
  get writableEnded(): boolean {
    return this.#connection.writeEnded;
  }

  /** Whether `finish` was emitted. */
  get writableFinished(): boolean {
    return this.#connection.writeFinished;
  }

  /** Whether `end` was emitted. */
  get readableEnded(): boolean {
    return this.#connection.readEnded;
  }

  /** Whether our side stays open after the peer's end. */
  get allowHalfOpen(): boolean {
    return this.#connection.allowHalfOpen;
  }

  set allowHalfOpen(on: boolean) {
    if (typeof on !== "boolean") throw invalid("allowHalfOpen", "true or false", on);
    this.#connection.allowHalfOpen = on;
  }

  /** Whether the bytes travel encrypted. */
  get encrypted(): boolean {
    return this.#security?.encrypted ?? false;
  }

  /**
   * Whether the peer's certificate was verified: on a client it is the server's, on a server with `requestCert` the
   * client's. False on plain TCP, and where no certificate was asked for.
   */
  get authorized(): boolean {
    return this.#security?.authorized ?? false;
  }

  /** The code of what is wrong with the peer's certificate, `CERT_HAS_EXPIRED` for example. */
  get authorizationError(): string | undefined {
    return this.#security?.authorizationError;
  }

  /** The application protocol that was agreed on (RFC 7301). */
  get alpnProtocol(): string | undefined {
    return this.#security?.alpnProtocol;
  }

  /** The name that the client asked for (RFC 6066). Undefined on a server whose engine is `"deno"`. */
  get servername(): string | undefined {
    return this.#security?.servername;
  }

  /** The cipher. Undefined on plain TCP, and where the engine is `"deno"`, which does not say. */
  getCipher(): CipherInfo | undefined {
    return this.#security?.getCipher();
  }

  /** `"TLSv1.2"` or `"TLSv1.3"`. Undefined on plain TCP, and where the engine is `"deno"`, which does not say. */
  getProtocol(): string | undefined {
    return this.#security?.getProtocol();
  }

  /** The peer's certificate, if it has shown one. Undefined where the engine is `"deno"`, which does not say. */
  getPeerCertificate(): PeerCertificate | undefined {
    return this.#security?.getPeerCertificate();
  }

  /** For {@link SocketEmitter}. */
  protected override drainListenerCame(): void {
    this.#connection.keepDrainContext();
  }

  get #security(): TransportSecurity | undefined {
    return this.#connection.transport?.security;
  }

  get #local(): Endpoint {
    return endpointOf(this.#connection.transport?.localAddr);
  }
}
