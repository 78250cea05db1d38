/** Servers whose certificates a client must refuse, and by which code each engine tells it. */

import { type Authority, makeAuthority, makeSelfSigned, type Pair } from "../support/certificates.ts";
import { authority } from "./support.ts";

/** One such server. */
export interface BadServer {
  readonly what: string;
  readonly pair: Pair;
  /** What our clients say of it, and what Node does. */
  readonly codes: { readonly node: string; readonly deno: string; readonly nodeItself: string };
  /** `authorizationError` of our client (engine node) where that tolerates it, if it says more than the refusal. */
  readonly tolerated?: string;
}

const same = (code: string) => ({ node: code, deno: code, nodeItself: code });

/** A certificate with that of its authority behind it. */
async function issueChain(issuer: Authority): Promise<Pair> {
  const leaf = await issuer.issue("localhost");
  return { ...leaf, cert: leaf.cert + issuer.cert };
}

const unknown = await makeAuthority("Unknown CA");

/** All of them, for a client that trusts the tests' authority and looks for localhost. */
export const BAD_SERVERS: readonly BadServer[] = [
  {
    what: "a certificate of an unknown authority",
    pair: await unknown.issue("localhost"),
    codes: same("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
  },
  {
    what: "a certificate without the one between it and the known authority",
    pair: await (await authority.delegate("Below CA")).issue("localhost"),
    codes: same("UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
  },
  {
    what: "a chain that ends below an unknown authority",
    pair: await issueChain(await unknown.delegate("Below Unknown CA")),
    codes: { ...same("UNABLE_TO_GET_ISSUER_CERT_LOCALLY"), deno: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
  },
  {
    what: "a chain that ends with an unknown authority",
    pair: await issueChain(unknown),
    codes: { ...same("SELF_SIGNED_CERT_IN_CHAIN"), deno: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
  },
  {
    what: "a certificate for another name",
    pair: await authority.issue("elsewhere", { names: ["elsewhere.test"] }),
    codes: same("ERR_TLS_CERT_ALTNAME_INVALID"),
  },
  {
    what: "a certificate that signs itself",
    pair: await makeSelfSigned("localhost"),
    codes: { ...same("DEPTH_ZERO_SELF_SIGNED_CERT"), deno: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
  },
  {
    what: "a certificate whose time is over",
    pair: await authority.issue("localhost", { expired: true }),
    codes: { ...same("CERT_HAS_EXPIRED"), node: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    tolerated: "CERT_HAS_EXPIRED",
  },
  {
    what: "a certificate whose time has not come",
    pair: await authority.issue("localhost", { early: true }),
    codes: { ...same("CERT_NOT_YET_VALID"), node: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    tolerated: "CERT_NOT_YET_VALID",
  },
  {
    what: "a certificate for clients",
    pair: await authority.issue("localhost", { use: "client" }),
    codes: { ...same("INVALID_PURPOSE"), node: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
  },
];
