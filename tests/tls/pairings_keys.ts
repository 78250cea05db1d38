/** Keys of every kind that the options take, and what the pairings of engines share. */

import { createPrivateKey, X509Certificate } from "node:crypto";
import * as x509 from "npm:@peculiar/x509@1.14.3";
import type { ServerOptions, TlsOptions } from "../../mod.ts";
import type { Pair } from "../support/certificates.ts";
import { authority, server } from "./support.ts";

/** The engines of a client and of the server it talks to. */
export const PAIRINGS = [
  { client: "node", server: "node" },
  { client: "node", server: "deno" },
  { client: "deno", server: "node" },
  { client: "deno", server: "deno" },
] as const;

/** Options of a server with that engine. */
export function serving(engine: "node" | "deno", tls: TlsOptions): ServerOptions {
  return { tls: { ...tls, engine }, ...(engine === "deno" ? { tcp: { noDelay: false } } : {}) };
}

const DAY_MS = 86_400_000;

/** A certificate with an RSA key for localhost, signed by the tests' authority. */
async function issueRsa(): Promise<Pair> {
  const keys = await crypto.subtle.generateKey(
    { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
    true,
    ["sign", "verify"],
  );
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=localhost",
    issuer: new x509.X509Certificate(authority.cert).subject,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    publicKey: keys.publicKey,
    signingKey: await crypto.subtle.importKey(
      "pkcs8",
      x509.PemConverter.decodeFirst(authority.key),
      { name: "ECDSA", namedCurve: "P-256" },
      false,
      ["sign"],
    ),
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }]),
    ],
  });
  const cert = `${certificate.toString("pem")}\n`;
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert,
    key: `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n`,
    fingerprint256: new X509Certificate(cert).fingerprint256,
  };
}

/** What opens the keys that are encrypted. */
export const PASSPHRASE = "open, sesame";

const rsa = await issueRsa();

/** The same key in another wrapping. */
function rewrap(pair: Pair, type: "pkcs1" | "pkcs8" | "sec1", passphrase?: string): string {
  const encryption = passphrase === undefined ? {} : { cipher: "aes-256-cbc", passphrase };
  return String(createPrivateKey(pair.key).export({ type, format: "pem", ...encryption }));
}

/** A key in one of the wrappings, and its certificate. */
export interface KeyKind {
  readonly kind: string;
  /** The first line of its PEM, without the dashes. */
  readonly label: string;
  readonly pair: Pair;
  readonly key: string;
  readonly passphrase?: string;
}

/** Each kind of key. */
export const KEY_KINDS: readonly KeyKind[] = [
  { kind: "an RSA key as PKCS#8", label: "PRIVATE KEY", pair: rsa, key: rewrap(rsa, "pkcs8") },
  { kind: "an RSA key as PKCS#1", label: "RSA PRIVATE KEY", pair: rsa, key: rewrap(rsa, "pkcs1") },
  { kind: "an EC key as PKCS#8", label: "PRIVATE KEY", pair: server, key: rewrap(server, "pkcs8") },
  { kind: "an EC key as SEC 1", label: "EC PRIVATE KEY", pair: server, key: rewrap(server, "sec1") },
  {
    kind: "an encrypted RSA key as PKCS#8",
    label: "ENCRYPTED PRIVATE KEY",
    pair: rsa,
    key: rewrap(rsa, "pkcs8", PASSPHRASE),
    passphrase: PASSPHRASE,
  },
  {
    kind: "an encrypted RSA key as PKCS#1",
    label: "RSA PRIVATE KEY",
    pair: rsa,
    key: rewrap(rsa, "pkcs1", PASSPHRASE),
    passphrase: PASSPHRASE,
  },
  {
    kind: "an encrypted EC key as SEC 1",
    label: "EC PRIVATE KEY",
    pair: server,
    key: rewrap(server, "sec1", PASSPHRASE),
    passphrase: PASSPHRASE,
  },
];

/** The options for a certificate with that key. */
export function materialOf({ pair, key, passphrase }: KeyKind): { cert: string; key: string; passphrase?: string } {
  return { cert: pair.cert, key, ...(passphrase === undefined ? {} : { passphrase }) };
}
