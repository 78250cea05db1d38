/** Which certificate belongs to the name that a client asked for (RFC 6066). */

import { typeError } from "../base/argument_errors.ts";
import type { TlsCertificate, TlsOptions } from "./tls_options.ts";

/** The certificate for that name, undefined for the server's own one. Rejects with what the user's function throws. */
export async function findCertificate(sni: TlsOptions["sni"], servername: string): Promise<TlsCertificate | undefined> {
  if (sni === undefined || servername === "") return undefined;
  if (typeof sni !== "function") return lookUp(sni, servername.toLowerCase());
  const certificate = await sni(servername);
  if (certificate === undefined || certificate === null) return undefined;
  // What it gave is not shown: it may be a key.
  if (typeof certificate !== "object") {
    throw typeError("ERR_INVALID_RETURN_VALUE", 'Option "tls.sni" must be a function that gives { cert, key }');
  }
  return certificate;
}

/** The exact name first, then the one with a `*` for its first label. */
function lookUp(sni: Readonly<Record<string, TlsCertificate>>, servername: string): TlsCertificate | undefined {
  const wildcard = servername.replace(/^[^.]+/, "*");
  let found: TlsCertificate | undefined;
  for (const [pattern, certificate] of Object.entries(sni)) {
    const name = pattern.toLowerCase();
    if (name === servername) return certificate;
    if (name === wildcard) found = certificate;
  }
  return found;
}
