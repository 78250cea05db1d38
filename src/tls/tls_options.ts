/** What users say of TLS: the option types, and the checks that need no key material. */

import { rangeError, typeError } from "../base/argument_errors.ts";
import { checkBoolean, checkFunction, checkKeys, checkString, invalid, invalidValue, show } from "../base/check.ts";
import type { PeerCertificate } from "../transport/transport.ts";

/** PEM text, as a string or as the bytes of a file, or several such pieces. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[];

/** A version of TLS. Neither engine supports older ones. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/**
 * Which implementation of TLS is used: `"deno"` is `Deno.listenTls` and `Deno.startTls`, `"node"` is the runtime's
 * `node:tls`, and `"auto"` is the first of the two that supports all given options.
 */
export type TlsEngine = "auto" | "deno" | "node";

/** A certificate and its key. */
export interface TlsCertificate {
  /** The certificate, followed by the intermediate ones that lead to its root. */
  cert: Pem;
  /** Its private key: PKCS#8, PKCS#1 (RSA) or SEC 1 (EC). */
  key: Pem;
  /** Opens a key that is encrypted. */
  passphrase?: string;
}

/** Finds the certificate for the name that a client asked for; `undefined` selects the server's own certificate. */
export type SelectCertificate = (
  servername: string,
) => TlsCertificate | undefined | Promise<TlsCertificate | undefined>;

/** TLS options of a server, and of `upgradeTls` on a server's socket. */
export interface TlsOptions extends TlsCertificate {
  /**
   * The certificates of the authorities (CA) whose client certificates are accepted. Each must be of X.509 version 3
   * and marked as that of an authority.
   */
  ca?: Pem;
  /**
   * Asks clients for a certificate.
   *
   * @default {false}
   */
  requestCert?: boolean;
  /**
   * Disconnects clients without an accepted certificate before any of their bytes reaches the application. With `false`
   * check `socket.authorized` yourself.
   *
   * @default {true} where `requestCert` is on
   */
  rejectUnauthorized?: boolean;
  /**
   * The application protocols (ALPN, RFC 7301), best first. A client that offers only other ones is refused. Left out,
   * none is negotiated.
   */
  alpnProtocols?: readonly string[];
  /**
   * Certificates by the name that the client asks for (RFC 6066): `{ "a.example": {...}, "*.b.example": {...} }`, or a
   * function, which may be async. A name that is not found gets the server's own certificate. A function that throws
   * ends that connection only; one that does not answer ends it at the handshake's deadline.
   */
  sni?: Readonly<Record<string, TlsCertificate>> | SelectCertificate;
  /**
   * The oldest version accepted.
   *
   * @default {"TLSv1.2"}
   */
  minVersion?: TlsVersion;
  /**
   * The newest version accepted.
   *
   * @default {"TLSv1.3"}
   */
  maxVersion?: TlsVersion;
  /**
   * Which implementation of TLS is used.
   *
   * @default {"auto"}
   */
  engine?: TlsEngine;
}

/** TLS options of a client, and of `upgradeTls` on a client's socket. */
export interface ClientTlsOptions {
  /**
   * The certificates of the authorities (CA) that are trusted: with the engine `"node"` instead of the built-in ones,
   * with `"deno"` in addition to them. Left out, only the built-in ones are. With `"node"` a certificate of X.509
   * version 1 is refused, because the engine does not verify that its owner has the key.
   */
  ca?: Pem;
  /**
   * The name that is sent to the server (SNI), and that its certificate must be for.
   *
   * @default the host that is connected to
   */
  servername?: string;
  /**
   * Replaces the check of the name: returns an error for a certificate that is not the right one. Left out, the
   * certificate must be for `servername`.
   */
  checkServerIdentity?: (servername: string, certificate: PeerCertificate) => Error | undefined;
  /**
   * Ends the connection if the server's certificate is not accepted. With `false` check `socket.authorized` yourself.
   *
   * @default {true}
   */
  rejectUnauthorized?: boolean;
  /** The client's own certificate, for servers that ask for one. */
  cert?: Pem;
  /** Its private key. */
  key?: Pem;
  /** Opens a key that is encrypted. */
  passphrase?: string;
  /** The application protocols to offer (ALPN, RFC 7301), best first. Left out, none is offered. */
  alpnProtocols?: readonly string[];
  /**
   * The oldest version accepted.
   *
   * @default {"TLSv1.2"}
   */
  minVersion?: TlsVersion;
  /**
   * The newest version accepted.
   *
   * @default {"TLSv1.3"}
   */
  maxVersion?: TlsVersion;
  /**
   * Which implementation of TLS is used.
   *
   * @default {"auto"}
   */
  engine?: TlsEngine;
}

const CERTIFICATE_KEYS = ["cert", "key", "passphrase"];
const SHARED_KEYS = [...CERTIFICATE_KEYS, "ca", "rejectUnauthorized", "alpnProtocols", "minVersion", "maxVersion"];
/** The names that {@link TlsOptions} knows. */
export const TLS_KEYS: readonly string[] = [...SHARED_KEYS, "requestCert", "sni", "engine"];
const CLIENT_KEYS = [...SHARED_KEYS, "servername", "checkServerIdentity", "engine"];

/** Checks a server's options, all but the key material. */
export function checkTlsOptions(options: TlsOptions, name = "tls"): void {
  checkKeys(name, options, TLS_KEYS);
  checkCertificate(name, options);
  checkShared(name, options);
  checkBoolean(`${name}.requestCert`, options.requestCert, false);
  if (options.rejectUnauthorized === true && options.requestCert !== true) {
    throw typeError(
      "ERR_MISSING_OPTION",
      `Option "${name}.rejectUnauthorized" needs "${name}.requestCert": without it no client is asked for a certificate`,
    );
  }
  const { sni } = options;
  if (sni === undefined || typeof sni === "function") return;
  if (sni === null || typeof sni !== "object") throw invalid(`${name}.sni`, "an object of names or a function", sni);
  for (const [servername, certificate] of Object.entries(sni)) {
    checkServername(`${name}.sni`, servername);
    checkKeys(`${name}.sni.${servername}`, certificate, CERTIFICATE_KEYS);
    checkCertificate(`${name}.sni.${servername}`, certificate);
  }
}

/** Checks a client's options, all but the key material. */
export function checkClientTlsOptions(options: ClientTlsOptions, name = "tls"): void {
  checkKeys(name, options, CLIENT_KEYS);
  checkShared(name, options);
  checkString(`${name}.servername`, options.servername);
  if (options.checkServerIdentity !== undefined) {
    checkFunction(`${name}.checkServerIdentity`, options.checkServerIdentity);
  }
  if (options.cert !== undefined || options.key !== undefined) checkCertificate(name, options);
  else if (options.passphrase !== undefined) {
    throw typeError("ERR_MISSING_OPTION", `Option "${name}.passphrase" opens "${name}.key", which is missing`);
  }
}

/** Checks that there are a certificate and a key, as PEM. What they hold is never shown. */
export function checkCertificate(name: string, given: Partial<TlsCertificate>): void {
  checkPem(`${name}.cert`, given.cert);
  checkPem(`${name}.key`, given.key);
  checkString(`${name}.passphrase`, given.passphrase);
}

function checkShared(name: string, options: TlsOptions | ClientTlsOptions): void {
  if (options.ca !== undefined) checkPem(`${name}.ca`, options.ca);
  checkBoolean(`${name}.rejectUnauthorized`, options.rejectUnauthorized, true);
  checkAlpn(`${name}.alpnProtocols`, options.alpnProtocols);
  checkOneOf(`${name}.engine`, options.engine, ["auto", "deno", "node"]);
  checkOneOf(`${name}.minVersion`, options.minVersion, ["TLSv1.2", "TLSv1.3"]);
  checkOneOf(`${name}.maxVersion`, options.maxVersion, ["TLSv1.2", "TLSv1.3"]);
  if (options.minVersion === "TLSv1.3" && options.maxVersion === "TLSv1.2") {
    throw rangeError(`Option "${name}.minVersion" must not be above "${name}.maxVersion"; it is "TLSv1.3"`);
  }
}

// What people give who mean the file: a name with a suffix of such files, or a text that begins as paths do.
const PATH = /^(?:[^\n]*\.(?:pem|crt|cer|cert|key|der|p12|pfx)|(?:\.{0,2}|~|[a-z]:|file:)[\\/][^\n]*)$/i;
const PKCS12 = /\.(?:p12|pfx)$/i;

/** By shape only: the text may be a secret, so no message shows it. */
function checkPem(name: string, value: unknown): void {
  const pieces: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (pieces.length === 0 || !pieces.every((piece) => typeof piece === "string" || piece instanceof Uint8Array)) {
    throw typeError(
      "ERR_INVALID_ARG_TYPE",
      `Option "${name}" must be PEM: a string, a Uint8Array, or an array of them`,
    );
  }
  const path = pieces.find((piece) => typeof piece === "string" && PATH.test(piece));
  if (path === undefined) return;
  const hint = PKCS12.test(String(path))
    ? 'the path of a PKCS#12 file, which is not read: convert it to PEM with "openssl pkcs12"'
    : "a path: give what the file holds, Deno.readTextFileSync(path)";
  throw typeError("ERR_INVALID_ARG_VALUE", `Option "${name}" must be PEM; it looks like ${hint}`);
}

function checkAlpn(name: string, value: unknown): void {
  if (value === undefined) return;
  const rule = "an array of protocol names of 1 to 255 ASCII characters";
  if (!Array.isArray(value)) throw invalid(name, rule, value);
  if (value.length === 0) throw invalidValue(name, rule, value);
  for (const protocol of value) {
    if (typeof protocol !== "string" || !/^[\x21-\x7e]{1,255}$/.test(protocol)) {
      throw invalidValue(name, rule, protocol);
    }
  }
}

function checkOneOf(name: string, value: unknown, known: readonly string[]): void {
  if (value === undefined || (typeof value === "string" && known.includes(value))) return;
  const rule = known.map((word) => `"${word}"`).join(" or ");
  if (!name.endsWith("Version")) throw invalidValue(name, rule, value);
  throw typeError("ERR_TLS_INVALID_PROTOCOL_VERSION", `Option "${name}" must be ${rule}; it is ${show(value)}`);
}

function checkServername(name: string, servername: string): void {
  if (/^(\*\.)?[^*\s]+$/.test(servername)) return;
  throw typeError(
    "ERR_INVALID_ARG_VALUE",
    `Option "${name}" takes host names, which may begin with "*."; "${servername}" is not one`,
  );
}
