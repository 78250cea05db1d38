import type { Buffer } from "node:buffer";
import type { ProxyInfo } from "./proxy_info.ts";

/**
 * What a socket needs of whatever carries its bytes: the shape of `Deno.Conn`, so that a `Deno.TcpConn` is one as it
 * stands and nothing lies between the socket and the runtime.
 */
export interface Transport {
  /** Reads into `buffer`; gives the number of bytes, or null at the peer's FIN. One read at a time. */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Where what comes stands in memory of its own already: gives a piece of it, the caller's for good, instead of filling a
   * buffer.
   */
  take?(): Promise<Buffer | null>;
  /** Hands bytes to the kernel; gives how many it took, which may be fewer. One write at a time. */
  write(bytes: Uint8Array): Promise<number>;
  /** Where a write costs much, because it becomes a record of its own: takes all of several pieces, and gives their bytes. */
  writeAll?(pieces: readonly Uint8Array[]): Promise<number>;
  /** Sends FIN; reading goes on. */
  closeWrite(): Promise<void>;
  /** Frees the descriptor; a pending read or write rejects. */
  close(): void;
  readonly localAddr: Deno.Addr;
  readonly remoteAddr: Deno.Addr;
  ref?(): void;
  unref?(): void;
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean): void;
  /**
   * Whether there is no room for bytes, as far as is known. Where it is left out, a write that takes a part of its bytes
   * means that.
   */
  readonly full?: boolean | undefined;
  /** What was read last had been read before by somebody else, who wanted less than that: more may have come with it. */
  readonly resumed?: boolean;
  /** What TLS says of the connection; absent on plain TCP. */
  readonly security?: TransportSecurity | undefined;
  /** What a PROXY header in front of it said; absent where there was none. */
  readonly proxy?: ProxyInfo | undefined;
}

/** The cipher of a TLS connection. */
export interface CipherInfo {
  /** OpenSSL's name. */
  readonly name: string;
  /** The name in the IANA registry. */
  readonly standardName: string;
  /** The oldest version of TLS that has it. */
  readonly version: string;
}

/** A name in a certificate; a part that comes more than once is an array. */
export interface CertificateName {
  /** Common name. */
  readonly CN?: string | string[] | undefined;
  /** Organization. */
  readonly O?: string | string[] | undefined;
  /** Organizational unit. */
  readonly OU?: string | string[] | undefined;
}

/** The peer's certificate, as `node:tls` tells it. */
export interface PeerCertificate {
  /** The name of its owner. */
  readonly subject: CertificateName;
  /** The name of the authority that signed it. */
  readonly issuer: CertificateName;
  /** Host names and addresses that it is for: `DNS:a.example, IP Address:127.0.0.1`. */
  readonly subjectaltname?: string | undefined;
  /** When it begins to be valid. */
  readonly valid_from: string;
  /** Until when it is valid. */
  readonly valid_to: string;
  /** SHA-256 of the certificate, in hexadecimal with colons. */
  readonly fingerprint256: string;
  /** Its number, in hexadecimal. */
  readonly serialNumber: string;
  /** The certificate itself (DER). */
  readonly raw: Uint8Array;
}

/** What a TLS engine tells of a connection; filled by the engines. */
export interface TransportSecurity {
  readonly encrypted: true;
  /** Whether the peer's certificate was verified. */
  readonly authorized: boolean;
  /** The code of what is wrong with it. */
  readonly authorizationError: string | undefined;
  readonly alpnProtocol: string | undefined;
  /** The name that the client asked for. */
  readonly servername: string | undefined;
  /** Whether the peer's bytes ended without its close_notify: somebody may have cut them off. */
  readonly truncated: boolean;
  /** Undefined where the engine does not say, as the next two. */
  getCipher(): CipherInfo | undefined;
  getProtocol(): string | undefined;
  getPeerCertificate(): PeerCertificate | undefined;
}

/** Closes a transport that may be closed below us already. */
export function closeQuietly(transport: Transport): void {
  try {
    transport.close();
  } catch {
    // It was.
  }
}

/** An address as sockets tell it. */
export interface Endpoint {
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly family: "IPv4" | "IPv6" | undefined;
}

const NOWHERE: Endpoint = { address: undefined, port: undefined, family: undefined };
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** An IPv4 address that came in over an IPv6 socket, told as the IPv4 address it is. */
export function normalizeAddress(hostname: string): string {
  // Most are not, and every connection asks several times.
  return hostname.startsWith("::") ? MAPPED_IPV4.exec(hostname)?.[1] ?? hostname : hostname;
}

/** The runtime's address in the words of node:net; a unix socket has none of the three. */
export function endpointOf(addr: Deno.Addr | undefined): Endpoint {
  if (addr === undefined || !("hostname" in addr)) return NOWHERE;
  const address = normalizeAddress(addr.hostname);
  return { address, port: addr.port, family: address.includes(":") ? "IPv6" : "IPv4" };
}
