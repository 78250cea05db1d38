/**
 * Which of the runtime's two TLS implementations does what was asked. Each lacks what the other has:
 *
 * | asked for                                        | `"deno"`                   | `"node"` |
 * | ------------------------------------------------ | -------------------------- | -------- |
 * | server: certificate, key, chain, ALPN            | yes                        | yes      |
 * | server: `tcp.noDelay`                            | no                         | yes      |
 * | server: `requestCert`, `sni`, min/maxVersion     | no                         | yes      |
 * | server: `reloadTls`                              | no                         | yes      |
 * | both: over a unix socket                         | no                         | yes      |
 * | server: `getCipher()`, `getProtocol()`           | undefined                  | yes      |
 * | client: `ca`                                     | beside those built in      | yes      |
 * | client: certificate, min/maxVersion              | no                         | yes      |
 * | client: `checkServerIdentity`, `rejectUnauthorized: false` | no               | yes      |
 * | client: `getCipher()`, `getPeerCertificate()`    | undefined                  | yes      |
 * | `upgradeTls`, both ends                          | no                         | yes      |
 *
 * `"auto"` takes `"deno"` where it can do all of it, so a server has `"node"` unless `tcp.noDelay` is off.
 */

import type { ClientTlsOptions, TlsEngine, TlsOptions } from "./tls_options.ts";

/** What decides. */
export type TlsNeeds =
  | { readonly side: "server"; readonly tls: TlsOptions; readonly noDelay: boolean; readonly unix: boolean }
  | { readonly side: "client"; readonly tls: ClientTlsOptions; readonly unix: boolean }
  | { readonly side: "upgrade"; readonly tls: TlsOptions | ClientTlsOptions };

/** Chooses the engine; throws a TypeError if the one that was forced cannot do what else was asked. */
export function chooseTlsEngine(needs: TlsNeeds): Exclude<TlsEngine, "auto"> {
  const { engine = "auto" } = needs.tls;
  const obstacle = obstacleToDeno(needs);
  if (engine === "deno" && obstacle !== undefined) {
    throw new TypeError(`Option "tls.engine" must not be "deno" with ${obstacle}: only "node" can do that`);
  }
  if (engine !== "auto") return engine;
  // `ca` means the same with both words only here: one engine trusts nothing else, the other trusts it, too.
  if (obstacle !== undefined || (needs.side === "client" && needs.tls.ca !== undefined)) return "node";
  return "deno";
}

/** The first thing asked for that Deno's own TLS cannot do. */
function obstacleToDeno(needs: TlsNeeds): string | undefined {
  if (needs.side === "upgrade") return "upgradeTls()";
  const { tls, unix } = needs;
  if (unix) return '"path"';
  if (tls.minVersion !== undefined) return '"tls.minVersion"';
  if (tls.maxVersion !== undefined) return '"tls.maxVersion"';
  if (needs.side === "server") {
    if (needs.noDelay) return '"tcp.noDelay", which is on by default';
    if (needs.tls.requestCert === true) return '"tls.requestCert"';
    if (needs.tls.sni !== undefined) return '"tls.sni"';
    return undefined;
  }
  if (needs.tls.cert !== undefined) return '"tls.cert"';
  if (needs.tls.checkServerIdentity !== undefined) return '"tls.checkServerIdentity"';
  if (needs.tls.rejectUnauthorized === false) return '"tls.rejectUnauthorized": false';
  return undefined;
}
