/** The engine `"deno"`: the runtime's own TLS, which says less of a connection and takes fewer options. */

import { typeError } from "../base/argument_errors.ts";
import { TcpError } from "../base/errors.ts";
import { codeOf } from "../transport/error_codes.ts";
import { bind, type ListenTarget } from "../transport/listen.ts";
import { type Listener, SystemListener } from "../transport/listener.ts";
import { type Authorities, readAuthorities, readKeyPair } from "./tls_material.ts";
import type { ClientTlsOptions, TlsOptions } from "./tls_options.ts";
import type { Transport, TransportSecurity } from "../transport/transport.ts";

/** A server's side. The listener's connections are not secured before {@link DenoTlsServer.secure}. */
export class DenoTlsServer {
  readonly #pair: { readonly cert: string; readonly key: string };
  readonly #alpnProtocols: string[] | undefined;

  /** Throws a TypeError for bad key material. The options have been checked. */
  constructor(options: TlsOptions, name = "tls") {
    this.#pair = readKeyPair(name, options);
    readAuthorities(`${name}.ca`, options.ca, true); // of no use without requestCert, but no reason to let it be wrong
    this.#alpnProtocols = options.alpnProtocols === undefined ? undefined : [...options.alpnProtocols];
  }

  /** Binds at once, as `listen()` for plain TCP does. */
  listen(target: Exclude<ListenTarget, { path: string }>): Listener {
    const { hostname, port, backlog, reusePort } = target;
    const options = {
      hostname,
      port,
      tcpBacklog: backlog,
      ...this.#pair,
      ...(reusePort ? { reusePort } : {}),
      ...(this.#alpnProtocols === undefined ? {} : { alpnProtocols: this.#alpnProtocols }),
    };
    return bind({ transport: "tcp", hostname, port }, () => new SystemListener(Deno.listenTls(options)));
  }

  /** Does the handshake of a connection that the listener gave. */
  async secure(transport: Transport): Promise<Transport> {
    if (!isTlsConn(transport)) throw typeError("ERR_INVALID_ARG_TYPE", "A connection of Deno.listenTls is needed");
    try {
      const { alpnProtocol } = await transport.handshake();
      return new DenoTlsTransport(transport, { authorized: false, alpnProtocol: alpnProtocol ?? undefined });
    } catch (error) {
      throw tlsError("secure the connection", error);
    }
  }
}

/** A client's side. */
export class DenoTlsClient {
  readonly #options: ClientTlsOptions;
  readonly #authorities: Authorities | undefined;

  /** Throws a TypeError for bad key material. The options have been checked. */
  constructor(options: ClientTlsOptions, name = "tls") {
    this.#options = options;
    this.#authorities = readAuthorities(`${name}.ca`, options.ca, false);
  }

  /** Does the handshake with a server that must be `host`. Deno.startTls keeps the TCP_NODELAY of the transport. */
  async secure(transport: Transport, host: string, signal?: AbortSignal): Promise<Transport> {
    const { servername = host, alpnProtocols } = this.#options;
    try {
      const secured = await Deno.startTls(transport as Deno.TcpConn, {
        hostname: servername,
        ...(this.#authorities === undefined ? {} : { caCerts: [...this.#authorities.pem] }),
        ...(alpnProtocols === undefined ? {} : { alpnProtocols: [...alpnProtocols] }),
      });
      const { alpnProtocol } = await handshakeOf(secured, signal);
      return new DenoTlsTransport(secured, {
        authorized: true,
        alpnProtocol: alpnProtocol ?? undefined,
        servername: /^[\d.]+$|:/.test(servername) ? undefined : servername,
      });
    } catch (error) {
      throw tlsError("secure the connection", error);
    }
  }
}

/** The connection was made of the transport, which is not there any more: who gives up has to close this one. */
async function handshakeOf(connection: Deno.TlsConn, signal?: AbortSignal): Promise<Deno.TlsHandshakeInfo> {
  const close = () => connection.close();
  if (signal?.aborted === true) close(); // it came while the connection changed hands
  else signal?.addEventListener("abort", close, { once: true });
  try {
    return await connection.handshake();
  } catch (error) {
    if (signal?.aborted !== true) close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", close);
  }
}

interface Facts {
  readonly authorized: boolean;
  readonly alpnProtocol: string | undefined;
  readonly servername?: string | undefined;
}

/** A `Deno.TlsConn` that tells a stream that was cut off as an end, and remembers that it was. */
class DenoTlsTransport implements Transport {
  readonly full = false; // it does not say: each write takes 64 KiB at most
  readonly security: TransportSecurity;
  readonly #connection: Deno.TlsConn;
  readonly #ended: () => void;

  constructor(connection: Deno.TlsConn, { authorized, alpnProtocol, servername }: Facts) {
    this.#connection = connection;
    const security = {
      encrypted: true as const,
      authorized,
      authorizationError: undefined,
      alpnProtocol,
      servername,
      truncated: false,
      getCipher: () => undefined,
      getProtocol: () => undefined,
      getPeerCertificate: () => undefined,
    };
    this.security = security;
    this.#ended = () => security.truncated = true;
  }

  get localAddr(): Deno.Addr {
    return this.#connection.localAddr;
  }

  get remoteAddr(): Deno.Addr {
    return this.#connection.remoteAddr;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    try {
      return await this.#connection.read(buffer);
    } catch (error) {
      if (error instanceof Deno.errors.InvalidData) throw tlsError("read", error);
      if (!(error instanceof Deno.errors.UnexpectedEof)) throw error;
      this.#ended();
      return null;
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#connection.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  close(): void {
    this.#connection.close();
  }

  ref(): void {
    this.#connection.ref();
  }

  unref(): void {
    this.#connection.unref();
  }
}

function isTlsConn(transport: Transport): transport is Deno.TlsConn {
  return "handshake" in transport;
}

// rustls names what is wrong in words only.
const COMPLAINTS: readonly (readonly [RegExp, string])[] = [
  [/not valid for name|NotValidForName/, "ERR_TLS_CERT_ALTNAME_INVALID"],
  [/not valid yet|NotValidYet/, "CERT_NOT_YET_VALID"],
  [/certificate expired|: Expired/, "CERT_HAS_EXPIRED"],
  [/certificate: Revoked/, "CERT_REVOKED"],
  [/extended key usage|InvalidPurpose/, "INVALID_PURPOSE"],
  [/CaUsedAsEndEntity|SelfSigned/, "DEPTH_ZERO_SELF_SIGNED_CERT"],
  [/UnknownIssuer|invalid peer certificate/, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  [/support any known protocol/, "ERR_SSL_NO_APPLICATION_PROTOCOL"],
  [/no application protocol|NoApplicationProtocol/i, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"],
  [/CertificateRequired/, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"],
  [/ProtocolVersion|SupportedVersions/, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"],
  [/UnknownCA/, "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"],
  [/corrupt message|InvalidMessage/, "ERR_SSL_WRONG_VERSION_NUMBER"],
  [/fatal alert/, "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE"],
  [/handshake eof|unexpected eof/i, "ECONNRESET"],
];

function tlsError(attempt: string, error: unknown): TcpError {
  const why = error instanceof Error ? error.message : String(error);
  const code = COMPLAINTS.find(([words]) => words.test(why))?.[1] ?? otherCode(error);
  return new TcpError(`Cannot ${attempt}: ${why} (${code})`, { code, cause: error });
}

function otherCode(error: unknown): string {
  if (error instanceof Deno.errors.UnexpectedEof) return "ECONNRESET";
  // Whatever else the peer has got wrong: the engine "node" calls it that, too.
  if (error instanceof Deno.errors.InvalidData) return "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE";
  return codeOf(error);
}
