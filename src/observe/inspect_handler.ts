/** The live page of one server, as a handler of HTTP requests. */

import { createHash } from "node:crypto";
import { checkKeys, checkString, invalid, show } from "../base/check.ts";
import { TcpServer } from "../server/server.ts";
import { InspectAccess, type InspectRequestInfo } from "./inspect_access.ts";
import { InspectFeed, MAX_VIEWERS } from "./inspect_feed.ts";
import { INSPECT_PAGE, PAGE_SCRIPT, TOKEN_PAGE } from "./inspect_page.ts";
import { type InspectedRooms, Inspection } from "./inspect_snapshot.ts";
import { INSPECT_STYLE } from "./inspect_style.ts";

/** Options of {@link inspectHandler}. */
export interface InspectOptions {
  /**
   * Host names and addresses, without ports, under which the page is served besides loopback names. They require a
   * `token`. Left out, only loopback names are served.
   */
  hosts?: readonly string[];
  /**
   * The secret that every viewer needs, also on this machine: in the address (`?token=...`), from which the page
   * removes it, or as `Authorization: Bearer ...`. Serve the page with TLS, or others on the network can read it. Left
   * out, no secret is needed.
   */
  token?: string;
  /**
   * What the page calls the server.
   *
   * @default {"TCP server"}
   */
  name?: string;
  /** The rooms to show: one `Rooms`, or several by the names that the page shows. Left out, none are shown. */
  rooms?: InspectedRooms | Readonly<Record<string, InspectedRooms>>;
}

/** What {@link inspectHandler} returns: a handler for `Deno.serve`. */
export interface InspectHandler {
  /** Answers a request with the page, or with the messages that keep it up to date. */
  (request: Request, info?: InspectRequestInfo): Response;
  /** How many viewers are connected. */
  readonly viewers: number;
  /** Disconnects all viewers. Call it before `shutdown()` of the HTTP server, which waits for them. */
  close(): void;
}

const COMMON_HEADERS = {
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "vary": "accept",
  "x-content-type-options": "nosniff",
};

// One style and one script, known by their hashes; and no text ever becomes markup, even by mistake of ours.
const POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(PAGE_SCRIPT)}'`,
  `style-src '${hashOf(INSPECT_STYLE)}'`,
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

/**
 * Makes a handler for `Deno.serve` that shows a live page of a server, on a loopback address: connections with their
 * rates and queues, how they ended, what was refused, and rooms, plotted over the last five minutes. The page only
 * reads and loads nothing from elsewhere. It costs nothing without viewers; with them (16 at most) the server is read
 * once per second.
 *
 * A request for any path gets the page, or its messages if it accepts `text/event-stream`. Requests for a `Host` that
 * is neither a loopback name nor in `hosts` are refused, and without a `token` those from other machines, too.
 *
 * @throws {TypeError} For invalid options, such as `hosts` without a `token`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createServer } from "@verb/tcp";
 * import { inspectHandler } from "@verb/tcp/observe";
 *
 * await using app = createServer().listen(0, "127.0.0.1");
 * const inspect = inspectHandler(app, { name: "echo" });
 * const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, inspect);
 *
 * const page = await fetch(`http://127.0.0.1:${http.addr.port}/`);
 * assertEquals(page.headers.get("content-type"), "text/html; charset=utf-8");
 * await page.body?.cancel();
 *
 * inspect.close();
 * await http.shutdown();
 * ```
 */
export function inspectHandler<State>(app: TcpServer<State>, options: InspectOptions = {}): InspectHandler {
  if (!(app instanceof TcpServer)) throw invalid("app", "a server such as createServer() gives", app);
  checkKeys("options", options, ["hosts", "token", "name", "rooms"]);
  const access = new InspectAccess(options.hosts, options.token);
  const name = checkString("name", options.name) ?? "TCP server";
  const feed = new InspectFeed(new Inspection(app, name, readRooms(options.rooms)));

  const handle = (request: Request, info?: InspectRequestInfo): Response => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return textOf(405, `This page only answers GET and HEAD, not ${show(request.method)}`, { allow: "GET, HEAD" });
    }
    const wantsFeed = request.headers.get("accept")?.includes("text/event-stream") === true;
    const refusal = access.refuses(request, info);
    if (refusal !== undefined) {
      if (refusal.status !== 401) return textOf(refusal.status, refusal.text);
      const challenge = { "www-authenticate": 'Bearer realm="verb-tcp-inspect"' };
      return wantsFeed ? textOf(401, refusal.text, challenge) : pageOf(request, 401, TOKEN_PAGE, challenge);
    }
    if (wantsFeed) return request.method === "HEAD" ? feedOf(null) : openFeed(feed);
    const cookie = access.cookieFor(request);
    return pageOf(request, 200, INSPECT_PAGE, cookie === undefined ? {} : { "set-cookie": cookie });
  };
  const handler = Object.assign(handle, { viewers: 0, close: () => feed.close() });
  return Object.defineProperty(handler, "viewers", { get: () => feed.viewers });
}

function openFeed(feed: InspectFeed): Response {
  if (!feed.full) return feedOf(feed.open());
  return textOf(503, `All ${MAX_VIEWERS} viewers' seats are taken: close the page somewhere else`, {
    "retry-after": "5",
  });
}

function feedOf(body: ReadableStream<Uint8Array> | null): Response {
  return new Response(body, { headers: { ...COMMON_HEADERS, "content-type": "text/event-stream" } });
}

function pageOf({ method }: Request, status: number, page: string, headers: Record<string, string>): Response {
  return new Response(method === "HEAD" ? null : page, {
    status,
    headers: {
      ...COMMON_HEADERS,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": POLICY,
      ...headers,
    },
  });
}

function textOf(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, {
    status,
    headers: {
      ...COMMON_HEADERS,
      "content-type": "text/plain; charset=utf-8",
      "content-security-policy": "default-src 'none'",
      ...headers,
    },
  });
}

function readRooms(rooms: InspectOptions["rooms"]): (readonly [label: string, rooms: InspectedRooms])[] {
  if (rooms === undefined) return [];
  if (isRooms(rooms)) return [["Rooms", rooms]];
  if (rooms === null || typeof rooms !== "object") {
    throw invalid("rooms", "Rooms, or an object of Rooms by label", rooms);
  }
  return Object.entries(rooms).map(([label, one]) => {
    if (!isRooms(one)) throw invalid(`rooms.${label}`, "Rooms", one);
    return [label, one];
  });
}

function isRooms(rooms: unknown): rooms is InspectedRooms {
  const { names, size, metrics } = Object(rooms);
  return [names, size, metrics].every((method) => typeof method === "function");
}
