/** Keys and certificates: parsed and verified where they are given, so that a bad one fails there and not at every handshake. */

import { typeError } from "../base/argument_errors.ts";
import { Buffer } from "node:buffer";
import type { KeyObject, X509Certificate } from "node:crypto";
import type { Pem, TlsCertificate } from "./tls_options.ts";

/** A certificate chain and its key, whole and matching, as both engines take them. */
export interface KeyPair {
  /** The chain as PEM, the leaf first. */
  readonly cert: string;
  /** The key as PKCS#8 PEM, not encrypted. */
  readonly key: string;
}

/** The authorities to trust. */
export interface Authorities {
  /** Each as PEM. */
  readonly pem: readonly string[];
  /** Their SHA-256 fingerprints, as `X509Certificate` tells them. */
  readonly fingerprints: ReadonlySet<string>;
}

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;
const KEY = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[^]+?-----END \1-----/g;

// Loaded when first asked for: programs without TLS do without its start-up time and memory.
const crypto = () => process.getBuiltinModule("node:crypto");

/** Reads a certificate and its key. Throws a TypeError that names the option and never shows what it holds. */
export function readKeyPair(name: string, { cert, key, passphrase }: TlsCertificate): KeyPair {
  const chain = readCertificates(`${name}.cert`, cert);
  const privateKey = readKey(name, key, passphrase);
  const leaf = chain[0]!; // readCertificates gives at least one
  if (!leaf.checkPrivateKey(privateKey)) {
    throw typeError(
      "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
      `Option "${name}.key" must be the key of the first certificate in "${name}.cert"; it belongs to another certificate`,
    );
  }
  return {
    cert: chain.map((certificate) => certificate.toString()).join(""),
    key: String(privateKey.export({ format: "pem", type: "pkcs8" })),
  };
}

/**
 * Reads the authorities to trust; undefined if none are given. `strict` refuses what is none of an authority, and
 * `version3` what is older than that: the engine `"node"` asks nobody who shows such a one for a proof of its key.
 */
export function readAuthorities(
  name: string,
  ca: Pem | undefined,
  strict: boolean,
  version3: boolean = strict,
): Authorities | undefined {
  if (ca === undefined) return undefined;
  const certificates = readCertificates(name, ca);
  for (const certificate of certificates) {
    if (version3) checkVersion(name, certificate);
    if (strict) checkAuthority(name, certificate);
  }
  return {
    pem: certificates.map((certificate) => certificate.toString()),
    fingerprints: new Set(certificates.map((certificate) => certificate.fingerprint256)),
  };
}

function checkVersion(name: string, certificate: X509Certificate): void {
  if (isVersion3(certificate.raw)) return;
  throw typeError(
    "ERR_INVALID_ARG_VALUE",
    `Option "${name}" must hold X.509 version 3 certificates; that of "${subjectOf(certificate)}" is of an older ` +
      "version, for which the engine does not verify that a peer has the key",
  );
}

function checkAuthority(name: string, certificate: X509Certificate): void {
  if (certificate.ca) return;
  throw typeError(
    "ERR_INVALID_ARG_VALUE",
    `Option "${name}" must hold certificates of authorities (CA:TRUE); that of "${subjectOf(certificate)}" is none`,
  );
}

function subjectOf(certificate: X509Certificate): string {
  return certificate.subject.replaceAll("\n", ", ");
}

function readCertificates(name: string, pem: Pem): X509Certificate[] {
  const blocks = textOf(pem).match(CERTIFICATE) ?? [];
  if (blocks.length === 0) {
    throw typeError(
      "ERR_OSSL_PEM_NO_START_LINE",
      `Option "${name}" must hold a certificate as PEM; there is none in it`,
    );
  }
  const { X509Certificate } = crypto();
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      const message = `Option "${name}" must hold certificates; number ${index + 1} cannot be read`;
      throw typeError("ERR_INVALID_ARG_VALUE", message, cause);
    }
  });
}

function readKey(name: string, pem: Pem, passphrase: string | undefined): KeyObject {
  const blocks = textOf(pem).match(KEY) ?? [];
  const [block] = blocks;
  if (block === undefined || blocks.length > 1) {
    const code = block === undefined ? "ERR_OSSL_PEM_NO_START_LINE" : "ERR_INVALID_ARG_VALUE";
    throw typeError(code, `Option "${name}.key" must hold one private key as PEM; there are ${blocks.length} in it`);
  }
  const encrypted = /ENCRYPTED/.test(block);
  if (encrypted && passphrase === undefined) {
    throw typeError("ERR_MISSING_PASSPHRASE", `Option "${name}.key" is encrypted; "${name}.passphrase" is missing`);
  }
  try {
    return crypto().createPrivateKey(
      encrypted && passphrase !== undefined ? { key: block, passphrase } : { key: block },
    );
  } catch (cause) {
    const rule = encrypted ? `be a key that "${name}.passphrase" opens` : "be a key that can be read";
    throw typeError(
      encrypted ? "ERR_OSSL_BAD_DECRYPT" : "ERR_INVALID_ARG_VALUE",
      `Option "${name}.key" must ${rule}`,
      cause,
    );
  }
}

function textOf(pem: Pem): string {
  const pieces = typeof pem === "string" || pem instanceof Uint8Array ? [pem] : pem;
  return pieces.map((piece) => typeof piece === "string" ? piece : new TextDecoder().decode(piece)).join("\n");
}

/** Whether a DER certificate says that it is of X.509 version 3; version 1 says nothing (RFC 5280, 4.1). */
export function isVersion3(der: Uint8Array): boolean {
  const body = contentAt(der, contentAt(der, 0)); // Certificate ::= SEQUENCE { TBSCertificate ::= SEQUENCE { ...
  // [0] EXPLICIT INTEGER 2
  return [0xa0, 0x03, 0x02, 0x01, 0x02].every((byte, offset) => der[body + offset] === byte);
}

// The extension's identifier, and of the uses that it may name those that let a client use the certificate.
const EXTENDED_KEY_USAGE = Uint8Array.of(0x06, 0x03, 0x55, 0x1d, 0x25);
const CLIENT_AUTH = Uint8Array.of(0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02);
const ANY_USE = Uint8Array.of(0x06, 0x04, 0x55, 0x1d, 0x25, 0x00);

/**
 * Whether a certificate names clients among its uses, or names none. A guess by its bytes, good enough to say what the
 * engine has found wrong, and for nothing else.
 */
export function isForClients(der: Uint8Array): boolean {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.length);
  const at = bytes.indexOf(EXTENDED_KEY_USAGE);
  if (at < 0) return true;
  const behind = at + EXTENDED_KEY_USAGE.length;
  const octets = bytes[behind] === 0x01 ? behind + 3 : behind; // behind "critical"
  const uses = bytes.subarray(octets, octets + 2 + (bytes[octets + 1] ?? 0));
  return uses.indexOf(CLIENT_AUTH) >= 0 || uses.indexOf(ANY_USE) >= 0;
}

/** Where the content of the element at `at` begins, behind its tag and length. */
function contentAt(der: Uint8Array, at: number): number {
  const length = der[at + 1] ?? 0;
  return at + 2 + (length < 0x80 ? 0 : length & 0x7f);
}
