/**
 * Makes an authority and certificates signed by it, in memory, for a day: enough for demos, tests and a network of your
 * own programs. An authority is nothing but a key whose certificate says that it may sign others.
 *
 * For longer use keep the authority's key away from the servers, and give every program its own certificate.
 *
 * @module
 */

import * as x509 from "npm:@peculiar/x509@1.14.3";

const DAY_MS = 24 * 60 * 60 * 1_000;
const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING_ALGORITHM = { name: "ECDSA", hash: "SHA-256" } as const;
// Who may show a certificate (extended key usage): a client must not pass for a server.
const USES = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" } as const;

/** A certificate and its private key, as PEM: what the options `cert` and `key` take. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Somebody who signs certificates. */
export interface Authority {
  /** Its own certificate, as PEM: what the option `ca` takes. Everybody may have it. */
  readonly cert: string;
  /** Signs a certificate for a server; `hosts` are the names and addresses that clients connect to. */
  issueServer(name: string, hosts: readonly string[]): Promise<Certificate>;
  /** Signs a certificate for a client; `name` is what the server learns of it. */
  issueClient(name: string): Promise<Certificate>;
}

/** Makes an authority. */
export async function makeAuthority(name: string): Promise<Authority> {
  const keys = await makeKeys();
  const subject = `CN=${name}`;

  async function sign(holder: string, publicKey: CryptoKey, extensions: x509.Extension[]): Promise<string> {
    const certificate = await x509.X509CertificateGenerator.create({
      subject: holder,
      issuer: subject,
      notBefore: new Date(Date.now() - DAY_MS), // clocks differ
      notAfter: new Date(Date.now() + DAY_MS),
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions,
    });
    return `${certificate.toString("pem")}\n`;
  }

  async function issue(holder: string, use: keyof typeof USES, hosts: readonly string[]): Promise<Certificate> {
    const own = await makeKeys();
    const cert = await sign(`CN=${holder}`, own.publicKey, [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([USES[use]]),
      ...(hosts.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(hosts.map(toName))]),
    ]);
    const der = await crypto.subtle.exportKey("pkcs8", own.privateKey);
    return { cert, key: `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n` };
  }

  return {
    cert: await sign(subject, keys.publicKey, [
      new x509.BasicConstraintsExtension(true, 0, true), // it signs, but no further authorities
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ]),
    issueServer: (name, hosts) => issue(name, "server", hosts),
    issueClient: (name) => issue(name, "client", []),
  };
}

function makeKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
}

/** Clients look for an address among the addresses of a certificate, for a name among its names. */
function toName(host: string): { type: "ip" | "dns"; value: string } {
  return { type: /^[\d.]+$|:/.test(host) ? "ip" : "dns", value: host };
}
