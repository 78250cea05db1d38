/** Throw-away authorities and certificates, made in the test: nothing lies on the disk, nothing expires. */

import { X509Certificate } from "node:crypto";
import * as x509 from "npm:@peculiar/x509@1.14.3";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const DAY_MS = 86_400_000;

/** A certificate and its key, as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
  /** As `X509Certificate` and `getPeerCertificate()` tell it. */
  readonly fingerprint256: string;
}

/** How a certificate differs from a good one. */
export interface LeafOptions {
  /** Names and addresses; `localhost`, `127.0.0.1` and `::1` where left out. */
  readonly names?: readonly string[];
  /** What it may be used for; both where left out. */
  readonly use?: "server" | "client";
  /** Whether its time is over. */
  readonly expired?: boolean;
  /** Whether its time has not come. */
  readonly early?: boolean;
  /** Whether it says that it is an authority's. */
  readonly authority?: boolean;
}

/** Somebody who signs certificates. */
export interface Authority extends Pair {
  /** Makes a certificate signed by this authority. */
  issue(name: string, options?: LeafOptions): Promise<Pair>;
  /** Makes an authority below this one; its `cert` does not hold this one's. */
  delegate(name: string): Promise<Authority>;
}

interface Signer {
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

/** Makes an authority with a certificate signed by itself. */
export function makeAuthority(name: string): Promise<Authority> {
  return authorityOf(name, undefined);
}

/** Makes a certificate that signs itself and is no authority's. */
export async function makeSelfSigned(name: string, options: LeafOptions = {}): Promise<Pair> {
  const keys = await generateKeys();
  return await toPair(await sign(name, keys, undefined, options), keys);
}

async function authorityOf(name: string, above: Signer | undefined): Promise<Authority> {
  const keys = await generateKeys();
  const certificate = await sign(name, keys, above, { authority: true });
  const signer = { certificate, keys };
  return {
    ...await toPair(certificate, keys),
    async issue(leaf, options = {}) {
      const leafKeys = await generateKeys();
      return await toPair(await sign(leaf, leafKeys, signer, options), leafKeys);
    },
    delegate: (below) => authorityOf(below, signer),
  };
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

async function sign(name: string, keys: CryptoKeyPair, above: Signer | undefined, options: LeafOptions) {
  const { names = ["localhost", "127.0.0.1", "::1"], use, expired = false, early = false, authority = false } = options;
  const shiftMs = expired ? -10 * DAY_MS : early ? 10 * DAY_MS : 0;
  const uses = use === undefined ? [SERVER_AUTH, CLIENT_AUTH] : [use === "server" ? SERVER_AUTH : CLIENT_AUTH];
  return await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: above?.certificate.subject ?? `CN=${name}`,
    notBefore: new Date(Date.now() - DAY_MS + shiftMs),
    notAfter: new Date(Date.now() + DAY_MS + shiftMs),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: above?.keys.privateKey ?? keys.privateKey,
    extensions: authority ? [new x509.BasicConstraintsExtension(true, undefined, true)] : [
      new x509.BasicConstraintsExtension(false),
      new x509.ExtendedKeyUsageExtension(uses),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isAddress(value) ? "ip" as const : "dns" as const, value })),
      ),
    ],
  });
}

async function toPair(certificate: x509.X509Certificate, keys: CryptoKeyPair): Promise<Pair> {
  const cert = `${certificate.toString("pem")}\n`;
  const der = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  return {
    cert,
    key: `${x509.PemConverter.encode(der.buffer, "PRIVATE KEY")}\n`,
    fingerprint256: new X509Certificate(cert).fingerprint256,
  };
}

function isAddress(name: string): boolean {
  return /^[\d.]+$|:/.test(name);
}
