/** The forms of `connect`: read, checked, turned into one record. */

import { typeError } from "../base/argument_errors.ts";
import { checkKeys, checkMs, checkPort, checkString, invalid } from "../base/check.ts";
import { dial, type Target } from "../transport/dial.ts";
import { doorsOf, type NetworkDoors, type VirtualNetwork } from "../transport/virtual_network.ts";
import { encodeProxyHeader, type ProxyHeaderOptions } from "../transport/encode_proxy_header.ts";
import { type ClientTls, openClientTls } from "../tls/tls_choice.ts";
import type { ClientTlsOptions } from "../tls/tls_options.ts";

/** Where and how to connect: `port` (and `host`), or `path` of a unix socket. */
export interface ConnectOptions {
  /** The port. */
  port?: number;
  /**
   * Name or address of the host; a name with several addresses is tried on all of them.
   *
   * @default {"localhost"}
   */
  host?: string;
  /** The same as `host`, as Deno calls it. */
  hostname?: string;
  /** Path of a unix socket, instead of `port`. Needs `--allow-read` and `--allow-write` for it. */
  path?: string;
  /**
   * Longest wait for the connection in milliseconds, then `ETIMEDOUT`; `deadlines.connectMs` where left out. `0` waits
   * as long as the kernel does.
   */
  timeoutMs?: number;
  /**
   * Uses TLS; `true` is for the defaults. Takes precedence over the socket's own `tls`.
   *
   * @default {false}
   */
  tls?: ClientTlsOptions | boolean;
  /**
   * Sends a header of the PROXY protocol first, in front of TLS: for balancers and proxies that pass on the address of
   * their client. Its bytes are not counted.
   */
  proxyHeader?: ProxyHeaderOptions;
  /** Ends the connect; the error is the signal's own reason. Once connected it has no effect. */
  signal?: AbortSignal;
  /** Connects in a network in memory, made by `createNetwork` of `@verb/tcp/testing`, instead of the system's. */
  network?: VirtualNetwork;
}

/** A connect request, checked. */
export interface ConnectRequest {
  readonly target: Target;
  /** Undefined: as the socket's `deadlines.connectMs` says. */
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly tls: ClientTls | undefined;
  /** Opens the connection. */
  readonly dial: NetworkDoors["dial"];
  /** The bytes to send first. */
  readonly proxyHeader: Uint8Array | undefined;
}

/** What a socket says of TLS itself. */
export interface SocketTls {
  readonly tls?: ClientTlsOptions | boolean | undefined;
  /** Whether its handshakes have a deadline. */
  readonly deadline: boolean;
}

/** The names that {@link ConnectOptions} knows. */
export const CONNECT_KEYS: readonly string[] = [
  "port",
  "host",
  "hostname",
  "path",
  "timeoutMs",
  "signal",
  "tls",
  "proxyHeader",
  "network",
];

/** Checks one options object. `socket` is what the socket says itself. */
export function resolveConnect(
  options: ConnectOptions,
  known: readonly string[] = CONNECT_KEYS,
  socket: SocketTls = { deadline: true },
): ConnectRequest {
  if (typeof options !== "object") throw invalid("options", "an object such as { port: 3000 }", options);
  checkKeys("options", options, known);
  const { port, signal } = options;
  const path = checkString("path", options.path);
  const host = checkString("host", options.host) ?? checkString("hostname", options.hostname);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid("signal", "an AbortSignal", signal);
  const open = options.network === undefined ? dial : doorsOf(options.network).dial;
  const proxyHeader = options.proxyHeader === undefined ? undefined : encodeProxyHeader(options.proxyHeader);
  const timeoutMs = options.timeoutMs === undefined ? undefined : checkMs("timeoutMs", options.timeoutMs, 0);
  if (path !== undefined) {
    if (port !== undefined || host !== undefined) {
      throw typeError("ERR_INCOMPATIBLE_OPTION_PAIR", 'Option "path" excludes "port" and "host"');
    }
    return {
      target: { path },
      timeoutMs,
      signal,
      dial: open,
      proxyHeader,
      tls: resolveTls(options.tls ?? socket.tls, { unix: true, deadline: socket.deadline }),
    };
  }
  if (port === undefined) {
    throw typeError("ERR_MISSING_ARGS", 'Option "port" or "path" must say where to connect; both are missing');
  }
  const tls = resolveTls(options.tls ?? socket.tls, { unix: false, deadline: socket.deadline });
  const to = { host: host ?? "localhost", port: checkPort(port) };
  return { target: to, timeoutMs, signal, tls, dial: open, proxyHeader };
}

function resolveTls(
  tls: ClientTlsOptions | boolean | undefined,
  surroundings: { unix: boolean; deadline: boolean },
): ClientTls | undefined {
  return tls === undefined || tls === false ? undefined : openClientTls(tls, surroundings);
}

/** Reads `connect(port, host?, callback?)`, `connect(path, callback?)` and `connect(options, callback?)`. */
export function readConnectArguments(
  args: readonly unknown[],
  socket?: SocketTls,
): { request: ConnectRequest; callback?: () => void } {
  const callback = args.findLast((arg) => typeof arg === "function") as (() => void) | undefined;
  const [first, second] = args.filter((arg) => typeof arg !== "function");
  let options: ConnectOptions;
  if (typeof first === "object" && first !== null) options = first;
  else if (typeof first === "string" && !/^\d+$/.test(first)) options = { path: first };
  else if (first === undefined) options = {};
  else options = { port: checkPort(first), ...(second === undefined ? {} : { host: second as string }) };
  return { request: resolveConnect(options, CONNECT_KEYS, socket), ...(callback === undefined ? {} : { callback }) };
}
