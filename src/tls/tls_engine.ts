/**
 * Which of the runtime's two TLS implementations does what was asked. Each lacks what the other has:
 *
 * | asked for                                                  | `"deno"`               | `"node"`               |
 * | ---------------------------------------------------------- | ---------------------- | ---------------------- |
 * | `deadlines.handshakeMs`                                    | ends it, keeps the fd¹ | yes                    |
 * | certificate, key, chain, passphrase; ALPN                  | yes (server)           | yes                    |
 * | server: `tcp.noDelay`                                      | no                     | yes                    |
 * | server: `requestCert`, `sni`, min/maxVersion, `reloadTls`  | no                     | yes                    |
 * | client: `ca`                                               | beside those built in  | instead of those       |
 * | client: certificate, min/maxVersion                        | no                     | yes                    |
 * | client: `checkServerIdentity`, `rejectUnauthorized: false` | no                     | yes                    |
 * | client: code of an expired certificate                     | `CERT_HAS_EXPIRED`     | `UNABLE_TO_VERIFY_...` |
 * | `getCipher()`, `getProtocol()`, `getPeerCertificate()`     | undefined              | yes                    |
 * | a unix socket; `proxyProtocol`                             | no                     | yes                    |
 * | `setNoDelay()`, `setKeepAlive()` once it is secured        | no                     | yes                    |
 * | server: `unref()`                                          | no²                    | yes                    |
 * | `upgradeTls`                                               | no                     | yes                    |
 *
 * ¹ The runtime frees the descriptor of an unfinished handshake when the peer goes, not when it is closed.
 * ² The runtime's listener ignores it: the process stays while the server listens. Its connections do not.
 *
 * `"auto"` takes `"deno"` only where it can do all of it: so with the defaults, a handshake deadline among them, `"node"`.
 */

import { typeError } from "../base/argument_errors.ts";
import type { ClientTlsOptions, TlsEngine, TlsOptions } from "./tls_options.ts";

/** What decides, besides the TLS options. */
interface Surroundings {
  /** Whether the connection is a unix socket. */
  readonly unix: boolean;
  /** Whether the handshake has a deadline. */
  readonly deadline: boolean;
}

/** What decides. */
export type TlsNeeds =
  | ({
    readonly side: "server";
    readonly tls: TlsOptions;
    readonly noDelay: boolean;
    /** Whether a PROXY header comes first. */
    readonly proxyProtocol?: boolean;
  } & Surroundings)
  | ({ readonly side: "client"; readonly tls: ClientTlsOptions } & Surroundings)
  | { readonly side: "upgrade"; readonly tls: TlsOptions | ClientTlsOptions };

/** Chooses the engine; throws a TypeError if the one that was forced cannot do what else was asked. */
export function chooseTlsEngine(needs: TlsNeeds): Exclude<TlsEngine, "auto"> {
  const { engine = "auto" } = needs.tls;
  const obstacle = obstacleToDeno(needs);
  if (engine === "deno" && obstacle !== undefined) {
    throw typeError(
      "ERR_INCOMPATIBLE_OPTION_PAIR",
      `Option "tls.engine" must not be "deno" with ${obstacle}: only "node" can do that`,
    );
  }
  if (engine !== "auto") return engine;
  if (obstacle !== undefined || needs.side === "upgrade" || needs.deadline) return "node";
  if (needs.side === "client" && needs.tls.ca !== undefined) return "node"; // else it would not keep the others out
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
    if (needs.proxyProtocol === true) return '"proxyProtocol"';
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
