/** Who may look at the live page: asked for by the right name, from this machine or with the token. */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { checkString, invalid, invalidValue, show } from "../base/check.ts";
import { parseIpv4 } from "../base/ip_address.ts";

/** Why somebody may not look, for the answer. */
export interface Refusal {
  readonly status: 400 | 401 | 403;
  readonly text: string;
}

/** The connection that a request came on, as `Deno.serve` tells it. */
export interface InspectRequestInfo {
  /** The peer of the HTTP connection. */
  readonly remoteAddr: Deno.Addr;
}

const COOKIE = "verb_tcp_inspect";

/** See the module's comment. */
export class InspectAccess {
  readonly #hosts: ReadonlySet<string>;
  // Of the token only its hash is kept: two hashes are of one length, which a comparison in constant time needs.
  readonly #token: Buffer | undefined;

  constructor(hosts: readonly string[] | undefined, token: string | undefined) {
    this.#hosts = new Set(checkHosts(hosts));
    if (checkString("token", token) !== undefined) this.#token = hashOf(token!); // it is a string
    else if (this.#hosts.size > 0) {
      throw invalid("token", "a non-empty string, because there are hosts", token);
    }
  }

  /** Why this request is not answered; undefined where it is. */
  refuses(request: Request, info: InspectRequestInfo | undefined): Refusal | undefined {
    const host = hostOf(request);
    if (host === undefined) return { status: 400, text: "The request names no host" };
    // A name that somebody else may point at this machine lets his pages read ours (DNS rebinding).
    if (!isLoopbackName(host) && !this.#hosts.has(host)) {
      return {
        status: 403,
        text: `This page is not served as ${show(host)}: list it in hosts, or use a loopback name`,
      };
    }
    // No page of another site has business here, not even to take a viewer's seat.
    const site = request.headers.get("sec-fetch-site") ?? "none";
    if (site !== "none" && site !== "same-origin" && request.headers.get("sec-fetch-mode") !== "navigate") {
      return { status: 403, text: "This page is not served to other sites" };
    }
    if (this.#token === undefined) {
      if (info === undefined || isLocal(info.remoteAddr)) return undefined;
      return { status: 403, text: "This page is for this machine only: others need a token, and there is none" };
    }
    const given = tokensOf(request);
    if (given.some((hash) => hash.length === this.#token?.length && timingSafeEqual(hash, this.#token))) {
      return undefined;
    }
    return { status: 401, text: given.length === 0 ? "This page needs a token" : "This token is not the one" };
  }

  /** For one that came with the token in its address: then the address need not keep it. */
  cookieFor(request: Request): string | undefined {
    const { searchParams, protocol } = new URL(request.url);
    if (this.#token === undefined || !searchParams.has("token")) return undefined;
    const secure = protocol === "https:" ? "; Secure" : "";
    return `${COOKIE}=${this.#token.toString("hex")}; HttpOnly; SameSite=Strict${secure}`;
  }
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Hashes of the tokens that a request brings: in its address, as a bearer, or in the cookie that answered the former. */
function tokensOf(request: Request): Buffer[] {
  const found: Buffer[] = [];
  const inAddress = new URL(request.url).searchParams.get("token");
  if (inAddress !== null) found.push(hashOf(inAddress));
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (bearer !== undefined) found.push(hashOf(bearer));
  for (const cookie of (request.headers.get("cookie") ?? "").split(";")) {
    const [name, value] = cookie.trim().split("=");
    if (name === COOKIE && value !== undefined) found.push(Buffer.from(value, "hex"));
  }
  return found;
}

/** The name without the port, in small letters. */
function hostOf(request: Request): string | undefined {
  return nameOf(request.headers.get("host") ?? new URL(request.url).host);
}

/** `localhost` for `localhost:8000`, `[::1]` for `[::1]:8000`; undefined for what is no host. */
function nameOf(host: string): string | undefined {
  return /^(\[[\da-f:.]+\]|[^\s:/@?#[\]\\]+?)\.?(?::\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase();
}

/** Names that lead to this machine whoever is asked: no resolver gives `localhost` or a name below it away (RFC 6761). */
function isLoopbackName(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || isLoopbackIpv4(host);
}

function isLoopbackIpv4(text: string): boolean {
  return (parseIpv4(text) ?? 0) >>> 24 === 127;
}

function isLocal(addr: Deno.Addr): boolean {
  if (!("hostname" in addr)) return true; // a unix socket
  const address = addr.hostname.toLowerCase().replace(/^::ffff:/, "");
  return address === "::1" || isLoopbackIpv4(address);
}

function checkHosts(hosts: unknown): string[] {
  if (hosts === undefined) return [];
  if (!Array.isArray(hosts)) throw invalid("hosts", "an array of host names", hosts);
  return hosts.map((host, index) => {
    const name = typeof host === "string"
      ? nameOf(host.includes("::") && !host.startsWith("[") ? `[${host}]` : host)
      : undefined;
    if (name === undefined || /:\d+$/.test(host) && !host.includes("::")) {
      throw invalidValue(`hosts[${index}]`, "a host name or address without a port", host);
    }
    return name;
  });
}
