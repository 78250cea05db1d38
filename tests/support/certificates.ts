/** Throw-away authorities and certificates, made in the test: nothing lies on the disk, nothing expires. */

import { createPrivateKey, sign as signBytes, X509Certificate } from "node:crypto";
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
  /** What it may be used for; both where left out. With `"any"` it does not say. */
  readonly use?: "server" | "client" | "any";
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
  /** Makes an authority below this one; its `cert` does not hold this one's. `options` make it a bad one. */
  delegate(name: string, options?: LeafOptions): Promise<Authority>;
}

interface Signer {
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

/** Makes an authority with a certificate signed by itself. */
export function makeAuthority(name: string): Promise<Authority> {
  return authorityOf(name);
}

/** Makes a certificate that signs itself and is no authority's. */
export async function makeSelfSigned(name: string, options: LeafOptions = {}): Promise<Pair> {
  const keys = await generateKeys();
  return await toPair(await sign(name, keys, undefined, options), keys);
}

/** Makes a certificate of X.509 version 1, signed by itself: it says neither whose it is nor what for. */
export async function makeVersion1(name: string): Promise<Pair> {
  const { cert, key } = await makeSelfSigned(name);
  const [signed = [], algorithm = []] = elements(contentOf(derOf(cert)));
  // Without the version in front and the extensions behind it is of version 1 (RFC 5280, 4.1).
  const body = Uint8Array.from(element(0x30, ...elements(contentOf(signed)).slice(1, -1)));
  const signature = signBytes("sha256", body, createPrivateKey(key));
  const der = element(0x30, body, algorithm, element(0x03, [0], signature));
  return pairOf(`${x509.PemConverter.encode(Uint8Array.from(der).buffer, "CERTIFICATE")}\n`, key);
}

/**
 * What an attacker makes who has a certificate without its key: a key file whose public half is the certificate's and
 * whose private half is his own. OpenSSL compares the public halves only, and signs with the private one.
 */
export function withoutKey({ cert }: Pair, { key }: Pair): Pair {
  const der = derOf(key);
  // The public half stands last in both (RFC 5915, RFC 5480): an uncompressed point of P-256.
  const point = new X509Certificate(cert).publicKey.export({ type: "spki", format: "der" }).subarray(-65);
  const forged = Uint8Array.of(...der.subarray(0, -point.length), ...point);
  return pairOf(cert, `${x509.PemConverter.encode(forged.buffer, "PRIVATE KEY")}\n`);
}

async function authorityOf(name: string, above?: Signer, options: LeafOptions = { authority: true }) {
  const keys = await generateKeys();
  const certificate = await sign(name, keys, above, options);
  const signer = { certificate, keys };
  const authority: Authority = {
    ...await toPair(certificate, keys),
    async issue(leaf, how = {}) {
      const leafKeys = await generateKeys();
      return await toPair(await sign(leaf, leafKeys, signer, how), leafKeys);
    },
    delegate: (below, how = {}) => authorityOf(below, signer, { authority: true, ...how }),
  };
  return authority;
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

async function sign(name: string, keys: CryptoKeyPair, above: Signer | undefined, options: LeafOptions) {
  const { names = ["localhost", "127.0.0.1", "::1"], use, expired = false, early = false, authority = false } = options;
  const shiftMs = expired ? -10 * DAY_MS : early ? 10 * DAY_MS : 0;
  const uses = [...(use === "client" ? [] : [SERVER_AUTH]), ...(use === "server" ? [] : [CLIENT_AUTH])];
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
      ...(use === "any" ? [] : [new x509.ExtendedKeyUsageExtension(uses)]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isAddress(value) ? "ip" as const : "dns" as const, value })),
      ),
    ],
  });
}

async function toPair(certificate: x509.X509Certificate, keys: CryptoKeyPair): Promise<Pair> {
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return pairOf(`${certificate.toString("pem")}\n`, `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n`);
}

function pairOf(cert: string, key: string): Pair {
  return { cert, key, fingerprint256: new X509Certificate(cert).fingerprint256 };
}

function derOf(pem: string): Uint8Array {
  return new Uint8Array(x509.PemConverter.decodeFirst(pem));
}

type Bytes = Uint8Array | readonly number[];

/** One DER element of that tag. */
function element(tag: number, ...parts: readonly Bytes[]): number[] {
  const content = parts.flatMap((part) => [...part]);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return [tag, ...size, ...content];
}

/** What is inside of a DER element. */
function contentOf(der: Bytes): number[] {
  const size = der[1] ?? 0;
  return [...der].slice(size < 0x80 ? 2 : 2 + (size & 0x7f));
}

/** The DER elements that stand one behind the other. */
function elements(der: readonly number[]): number[][] {
  const found: number[][] = [];
  for (let rest = der; rest.length > 0;) {
    const size = rest[1] ?? 0;
    const octets = size < 0x80 ? [] : rest.slice(2, 2 + (size & 0x7f));
    const length = size < 0x80 ? size : octets.reduce((sum, octet) => sum * 256 + octet, 0);
    const end = 2 + octets.length + length;
    found.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return found;
}

function isAddress(name: string): boolean {
  return /^[\d.]+$|:/.test(name);
}
