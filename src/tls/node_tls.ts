/**
 * The engine `"node"`: TLS by the runtime's `node:tls`, over transports of ours. Its server never listens; it is handed one
 * connection at a time, because a listener of node:net does not survive a lack of descriptors. This is the only file that
 * knows node:tls.
 */

import { wallTime } from "../base/clock.ts";
import { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import type { SecureContext, Server, TLSSocket } from "node:tls";
import { asError, TcpError } from "../base/errors.ts";
import { faultOf, judgeClient, type Leaf, SESSION_UNVERIFIED, VerifiedLeaves } from "./client_verdict.ts";
import { codeOf } from "../transport/error_codes.ts";
import { type CarrierOwner, TlsCarrier } from "./tls_carrier.ts";
import {
  type Authorities,
  isForClients,
  isVersion3,
  type KeyPair,
  readAuthorities,
  readKeyPair,
} from "./tls_material.ts";
import { checkCertificate, type ClientTlsOptions, type TlsCertificate, type TlsOptions } from "./tls_options.ts";
import { findCertificate } from "./tls_servername.ts";
import { TlsTransport } from "./tls_transport.ts";
import type { CipherInfo, PeerCertificate, Transport, TransportSecurity } from "../transport/transport.ts";

// Loaded when first asked for: programs without TLS do without its start-up time and memory.
const nodeTls = () => process.getBuiltinModule("node:tls");
const nodeNet = () => process.getBuiltinModule("node:net");

type ContextFound = (error: Error | null, context?: SecureContext) => void;

/** What a TLS socket of a server has besides what the types of node:tls say. */
interface AcceptedSocket extends TLSSocket {
  readonly servername?: string | false | null;
}

/** A `Server` of one connection. */
interface Seat extends Server {
  handshake: ServerHandshake | undefined;
}

/** A server's keys, certificates and rules, and what it has verified under them. A reload makes a new one. */
export class NodeTlsContext {
  readonly #options: TlsOptions;
  readonly #name: string;
  readonly #authorities: Authorities | undefined;
  // What the seats of the connections have in common; see `#makeSeats`.
  readonly #seats: Server;
  readonly #verified = new VerifiedLeaves();
  // Contexts of the certificates that `sni` gave, made once each.
  readonly #contexts = new WeakMap<TlsCertificate, SecureContext>();

  /** Throws a TypeError for bad key material. The options have been checked. */
  constructor(options: TlsOptions, name = "tls") {
    this.#options = options;
    this.#name = name;
    this.#authorities = readAuthorities(`${name}.ca`, options.ca, true);
    const { alpnProtocols, sni, requestCert = false } = options;
    const server = nodeTls().createServer({
      ...this.#contextOptions(readKeyPair(name, options)),
      requestCert,
      rejectUnauthorized: this.#rejects,
      ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
    });
    this.#seats = this.#makeSeats(server);
    if (typeof sni === "object") Object.values(sni).forEach((certificate) => this.#contextOf(certificate));
  }

  /**
   * Does the handshake. Rejects with a `TcpError` when it fails or the transport is closed meanwhile. Closing the transport
   * is the caller's then.
   */
  secure(transport: Transport): Promise<Transport> {
    const handshake = new ServerHandshake(transport, (stream) => this.#judge(stream), this.#rejects);
    const seat: Seat = Object.create(this.#seats);
    seat.handshake = handshake;
    EventEmitter.prototype.emit.call(seat, "connection", handshake.carrier);
    handshake.carrier.release();
    return handshake.outcome.finally(() => seat.handshake = undefined);
  }

  /**
   * The listener of "connection" makes a TLS socket that tells its `this` of its fate. So each connection has a seat of its
   * own, which is the server but for these, and nobody has to find out whose event it was. It needs no deadline either: that
   * would be a timer each.
   */
  #makeSeats(server: Server): Server {
    const select = (name: string, done: ContextFound, handshake: Handshake) => void this.#select(name, done, handshake);
    return Object.create(server, {
      emit: {
        value(this: Seat, event: string, ...args: unknown[]) {
          return this.handshake?.hear(event, args) ?? false;
        },
      },
      _handshakeTimeout: { value: 0 },
      _SNICallback: this.#options.sni === undefined ? {} : {
        get(this: Seat) {
          const { handshake } = this;
          return handshake && ((name: string, done: ContextFound) => select(name, done, handshake));
        },
      },
    });
  }

  get #rejects(): boolean {
    const { requestCert = false, rejectUnauthorized = requestCert } = this.#options;
    return rejectUnauthorized;
  }

  #contextOptions({ cert, key }: KeyPair) {
    const { minVersion, maxVersion, requestCert } = this.#options;
    // Without requestCert the authorities would serve for nothing but to be sent along with the chain.
    const ca = requestCert ? this.#authorities?.pem : undefined;
    return {
      cert,
      key,
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(minVersion === undefined ? {} : { minVersion }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
    };
  }

  /** Undefined if nobody was asked. */
  #judge(stream: TLSSocket): { authorized: boolean; error: string | undefined } {
    if (this.#options.requestCert !== true) return { authorized: false, error: undefined };
    const { authorized, authorizationError } = stream;
    const error = judgeClient(
      {
        leaf: leafOf(stream),
        resumed: stream.isSessionReused(),
        verified: authorized,
        error: authorizationError ? String(authorizationError) : undefined,
      },
      this.#verified,
      this.#authorities?.fingerprints ?? new Set(),
      wallTime(),
    );
    return { authorized: error === undefined, error };
  }

  // Never rejects: what the user's function throws costs its connection.
  async #select(servername: string, done: ContextFound, handshake: Handshake): Promise<void> {
    let context: SecureContext | undefined;
    try {
      const certificate = await findCertificate(this.#options.sni, servername);
      if (certificate !== undefined) context = this.#contextOf(certificate);
    } catch (thrown) {
      return handshake.failed(asError(thrown));
    }
    if (handshake.over) return;
    done(null, context);
    handshake.carrier.poke(); // the answer would wait for the client's next bytes
  }

  #contextOf(certificate: TlsCertificate): SecureContext {
    let context = this.#contexts.get(certificate);
    if (context === undefined) {
      checkCertificate(`${this.#name}.sni`, certificate);
      context = nodeTls().createSecureContext(this.#contextOptions(readKeyPair(`${this.#name}.sni`, certificate)));
      this.#contexts.set(certificate, context);
    }
    return context;
  }
}

/** A client's side of the handshake, checked and with its key material read. */
export class NodeTlsClient {
  readonly #options: ClientTlsOptions;
  readonly #authorities: Authorities | undefined;
  readonly #pair: KeyPair | undefined;

  /** Throws a TypeError for bad key material. The options have been checked. */
  constructor(options: ClientTlsOptions, name = "tls") {
    this.#options = options;
    this.#authorities = readAuthorities(`${name}.ca`, options.ca, false, true);
    const { cert, key, passphrase } = options;
    if (cert !== undefined && key !== undefined) {
      this.#pair = readKeyPair(name, { cert, key, ...(passphrase === undefined ? {} : { passphrase }) });
    }
  }

  /** As {@link NodeTlsContext.secure}, to a server that must be `host`. */
  secure(transport: Transport, host: string): Promise<Transport> {
    const { alpnProtocols, checkServerIdentity, minVersion, maxVersion, rejectUnauthorized = true } = this.#options;
    const { connect, checkServerIdentity: checkNames } = nodeTls();
    const name = this.#options.servername ?? host;
    const isAddress = nodeNet().isIP(name) !== 0;
    const handshake = new ClientHandshake(transport, isAddress ? undefined : name, rejectUnauthorized);
    const stream = connect({
      socket: asDuplex(handshake.carrier),
      host: name,
      // An address is no name to ask for (RFC 6066), but the certificate must have it.
      ...(isAddress ? {} : { servername: name }),
      rejectUnauthorized,
      checkServerIdentity: (servername, certificate) => {
        if (checkServerIdentity === undefined) return checkNames(servername, certificate);
        try {
          return checkServerIdentity(servername, certificate);
        } catch (thrown) {
          return asError(thrown);
        }
      },
      ...(this.#authorities === undefined ? {} : { ca: [...this.#authorities.pem] }),
      ...(this.#pair === undefined ? {} : this.#pair),
      ...(alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }),
      ...(minVersion === undefined ? {} : { minVersion }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
    });
    handshake.watch(stream);
    handshake.carrier.release();
    return handshake.outcome;
  }
}

/** One handshake that is under way. */
abstract class Handshake implements CarrierOwner {
  readonly carrier: TlsCarrier;
  readonly #outcome = Promise.withResolvers<Transport>();
  #over = false;

  constructor(transport: Transport) {
    this.carrier = new TlsCarrier(transport, this);
  }

  get over(): boolean {
    return this.#over;
  }

  get outcome(): Promise<Transport> {
    return this.#outcome.promise;
  }

  failed(error: unknown): void {
    this.fail(error);
  }

  ended(): void {
    this.fail(new TcpError("Cannot secure the connection: the peer ended it", { code: "ECONNRESET" }));
  }

  protected succeed(stream: TLSSocket, security: NodeSecurity): void {
    if (this.#over) return;
    this.#over = true;
    this.#outcome.resolve(new TlsTransport(stream, this.carrier, security));
  }

  /** Rejects once the alert that says why has gone out. */
  protected fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const failure = handshakeError(error);
    // The alert reaches the carrier in a microtask.
    queueMicrotask(async () => {
      await this.carrier.flushed();
      this.carrier.close();
      this.#outcome.reject(failure);
    });
  }
}

class ServerHandshake extends Handshake {
  readonly #judge: (stream: TLSSocket) => { authorized: boolean; error: string | undefined };
  readonly #rejects: boolean;

  constructor(
    transport: Transport,
    judge: (stream: TLSSocket) => { authorized: boolean; error: string | undefined },
    rejects: boolean,
  ) {
    super(transport);
    this.#judge = judge;
    this.#rejects = rejects;
  }

  /** What the server of this one connection is told. */
  hear(event: string, [first, second]: readonly unknown[]): boolean {
    // The arguments are those that node:tls documents.
    if (event === "secureConnection") this.#secured(first as AcceptedSocket);
    else if (event === "tlsClientError") {
      // Why the engine has refused a certificate is told by the socket only.
      const { authorizationError } = second as AcceptedSocket;
      this.fail(authorizationError ? refusal(String(authorizationError)) : first);
    }
    return true;
  }

  #secured(stream: AcceptedSocket): void {
    const { authorized, error } = this.#judge(stream);
    if (this.#rejects && !authorized) {
      this.fail(refusal(error ?? "ERR_TLS_UNAUTHORIZED"));
      stream.on("error", () => {/* told already */});
      stream.destroy();
    } else this.succeed(stream, new NodeSecurity(stream, authorized, error, stream.servername));
  }
}

class ClientHandshake extends Handshake {
  readonly #servername: string | undefined;
  readonly #rejects: boolean;

  constructor(transport: Transport, servername: string | undefined, rejects: boolean) {
    super(transport);
    this.#servername = servername;
    this.#rejects = rejects;
  }

  watch(stream: TLSSocket): void {
    const fail = (error: unknown) => this.fail(error);
    stream.on("error", fail);
    stream.once("secureConnect", () => {
      stream.off("error", fail);
      const { authorizationError } = stream;
      let error = authorizationError ? preciseCode(String(authorizationError), stream) : undefined;
      // What was tolerated once comes back without a complaint.
      if (!this.#rejects && stream.isSessionReused()) error ??= SESSION_UNVERIFIED;
      this.succeed(stream, new NodeSecurity(stream, error === undefined, error, this.#servername));
    });
  }
}

/** What a TLS socket tells. */
class NodeSecurity implements TransportSecurity {
  readonly encrypted = true;
  readonly authorized: boolean;
  readonly authorizationError: string | undefined;
  readonly alpnProtocol: string | undefined;
  readonly servername: string | undefined;
  truncated = false;
  readonly #stream: TLSSocket;

  /** `error` is the code of what is wrong with the peer's certificate. */
  constructor(stream: TLSSocket, authorized: boolean, error: string | undefined, servername?: string | false | null) {
    this.#stream = stream;
    this.authorized = authorized;
    this.authorizationError = error;
    this.alpnProtocol = stream.alpnProtocol || undefined;
    this.servername = servername || undefined;
  }

  getCipher(): CipherInfo | undefined {
    return this.#stream.getCipher() ?? undefined;
  }

  getProtocol(): string | undefined {
    return this.#stream.getProtocol() ?? undefined;
  }

  getPeerCertificate(): PeerCertificate | undefined {
    const certificate: PeerCertificate | Record<string, never> | null = this.#stream.getPeerCertificate();
    if (certificate === null || !("raw" in certificate)) return undefined;
    // Of older ones the engine has asked for no proof of the key: whoever compares fingerprints must not be shown them.
    return isVersion3(certificate.raw) ? certificate : undefined;
  }
}

function leafOf(stream: TLSSocket): Leaf | undefined {
  const certificate = stream.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  return {
    fingerprint256: certificate.fingerprint256,
    isAuthority: certificate.ca,
    isForClients: isForClients(certificate.raw),
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
  };
}

/** The engine calls most of what is wrong with a certificate by one name; its dates say more. */
function preciseCode(code: string, stream: TLSSocket): string {
  const leaf = code === "UNABLE_TO_VERIFY_LEAF_SIGNATURE" ? leafOf(stream) : undefined;
  return leaf === undefined ? code : faultOf(leaf, wallTime()) ?? code;
}

function refusal(code: string): TcpError {
  return new TcpError(`Cannot accept the peer's certificate (${code})`, { code });
}

function handshakeError(error: unknown): TcpError {
  if (error instanceof TcpError) return error;
  const code = codeOf(error);
  const why = error instanceof Error ? error.message : String(error);
  return new TcpError(`Cannot secure the connection: ${why} (${code})`, { code, cause: error });
}

/** It has what a TLS socket uses of a stream; see there. */
function asDuplex(carrier: TlsCarrier): Duplex {
  return carrier as unknown as Duplex;
}
