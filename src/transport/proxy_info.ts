/** What the header of a PROXY protocol says, in the words of users. */

/** One end of the connection that a PROXY header describes: an address and a port, or the path of a unix socket. */
export type ProxyEndpoint = {
  /** The IPv4 or IPv6 address. */
  readonly address: string;
  /** The port. */
  readonly port: number;
} | {
  /** The path; empty for a client's socket without one. */
  readonly path: string;
};

/** What the balancer reports about TLS between it and the client. */
export interface ProxyTls {
  /** The version of TLS, `"TLSv1.3"` for example. */
  readonly version: string | undefined;
  /** OpenSSL's name of the cipher. */
  readonly cipher: string | undefined;
  /** Whether the client has shown a certificate, in this connection or in the session that it resumed. */
  readonly clientCertificate: boolean;
  /** Whether the balancer has verified it. */
  readonly verified: boolean;
  /** The common name in the certificate. */
  readonly commonName: string | undefined;
  /** The algorithm that the certificate is signed with, `"SHA256"` for example. */
  readonly signatureAlgorithm: string | undefined;
  /** The algorithm of its key, `"RSA2048"` for example. */
  readonly keyAlgorithm: string | undefined;
}

/** The contents of a PROXY header. */
export interface ProxyInfo {
  /** The version of the protocol. */
  readonly version: 1 | 2;
  /**
   * `"PROXY"`: the balancer passes on a client's connection. `"LOCAL"`: it is the balancer's own, a health check for
   * example. `"UNKNOWN"`: it does not say whose it is. Only the first names addresses.
   */
  readonly command: "PROXY" | "LOCAL" | "UNKNOWN";
  /** The client. */
  readonly source: ProxyEndpoint | undefined;
  /** Where the client has connected to. */
  readonly destination: ProxyEndpoint | undefined;
  /**
   * The TLV fields of version 2 by their type, unknown types included. Of several fields of one type it has the first.
   */
  readonly tlvs: ReadonlyMap<number, Uint8Array>;
  /** TLS between the client and the balancer; undefined where the client did not use it, or the header does not say. */
  readonly tls: ProxyTls | undefined;
  /** The balancer's unique id of this connection, for logs. */
  readonly uniqueId: Uint8Array | undefined;
}
