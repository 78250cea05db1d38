/** The server's options: defaults, checks, one frozen record handed inward. */

import { checkBoolean, checkInteger, checkKeys, checkMs, checkPort, checkString, invalid } from "../base/check.ts";
import { TcpError } from "../base/errors.ts";
import { DEADLINE_KEYS, type SocketDeadlines } from "../socket/deadline_options.ts";
import { resolveSocketSettings, type SocketSettings, TCP_KEYS, type TcpOptions } from "../socket/settings.ts";
import { LIMIT_KEYS, type ResolvedServerLimits, resolveServerLimits, type ServerLimits } from "./limit_options.ts";
import { type ProxyProtocolOptions, type ProxyRule, resolveProxyRule } from "./proxy_rule.ts";
import { canReusePort } from "../transport/listen.ts";
import { doorsOf, type NetworkDoors, type VirtualNetwork } from "../transport/virtual_network.ts";
import { chooseTlsEngine } from "../tls/tls_engine.ts";
import { checkTlsOptions, TLS_KEYS, type TlsOptions } from "../tls/tls_options.ts";

/** Time limits of a server and of each of its sockets. */
export interface ServerDeadlines extends SocketDeadlines {
  /**
   * Longest wait for the whole PROXY header where `proxyProtocol` requires one; it ends in a `proxyError`, before there is a
   * socket. Reason `deadline:proxy`.
   *
   * @default {5_000}
   */
  proxyMs?: number;
}

/** What `withOptions` takes. */
export interface ServerOptions {
  /**
   * The port; 0 lets the kernel choose. `listen(port)` takes precedence.
   *
   * @default {0}
   */
  port?: number;
  /**
   * The address to listen on. `"::"` takes IPv4 too.
   *
   * @default {"0.0.0.0"}
   */
  hostname?: string;
  /**
   * How many connections may wait in the kernel.
   *
   * @default {511}
   */
  backlog?: number;
  /** A unix socket instead of a port. Needs `--allow-read` and `--allow-write` for it. */
  path?: string;
  /**
   * Shares the port with other processes. Throws where the runtime lacks its flag (`--unstable-net`).
   *
   * @default {false}
   */
  reusePort?: boolean;
  /** Listens in a network in memory, made by `createNetwork` of `@verb/tcp/testing`, instead of the system's. */
  network?: VirtualNetwork;
  /** TCP options of each connection. */
  tcp?: TcpOptions;
  /** How much the server and each socket may hold. */
  limits?: ServerLimits;
  /** Time limits, in milliseconds. */
  deadlines?: ServerDeadlines;
  /**
   * With `"required"` every connection has to begin with a header of the PROXY protocol, version 1 or 2, in the clear
   * and in front of TLS. The client that it names is then the socket's `remoteAddress`, `remotePort` and
   * `remoteFamily`, and `connections.byAddress` finds it by that address; for a client on a unix socket they are
   * undefined. The local address stays that of the server. A header that names no client (`UNKNOWN`, or `LOCAL` for a
   * health check) leaves the balancer's address. A connection without a valid header of at most 4,096 bytes is closed
   * with the reason `protocol`, and a `proxyError` is emitted.
   *
   * Any peer that can connect can claim any address: require it only behind a balancer, on an address that no client
   * reaches directly. With `{ trusted, others }` only the peers that are listed there must send a header.
   *
   * `allow`, `deny` and the limits per address apply to the client that the header names, not to the balancer's own
   * address, and not to connections whose header names no client.
   *
   * @default {"off"}
   */
  proxyProtocol?: "off" | "required" | ProxyProtocolOptions;
  /**
   * TLS: the certificate, its key, and the rules. They are read and verified at `listen`. Left out, the server uses
   * plain TCP.
   */
  tls?: TlsOptions;
}

/** Everything resolved. */
export interface ResolvedServerOptions {
  readonly port: number;
  readonly hostname: string;
  readonly backlog: number;
  readonly path: string | undefined;
  readonly reusePort: boolean;
  /** Undefined: the system's. */
  readonly network: NetworkDoors | undefined;
  readonly limits: ResolvedServerLimits;
  readonly proxyProtocol: ProxyRule | undefined;
  /** Infinity is off. */
  readonly proxyMs: number;
  readonly socket: SocketSettings;
  readonly tls: TlsOptions | undefined;
}

const KEYS = [
  "port",
  "hostname",
  "backlog",
  "path",
  "reusePort",
  "network",
  "tcp",
  "limits",
  "deadlines",
  "proxyProtocol",
  "tls",
];
const SERVER_DEADLINE_KEYS = [...DEADLINE_KEYS, "proxyMs"];
const GROUP_KEYS = { tcp: TCP_KEYS, limits: LIMIT_KEYS, deadlines: SERVER_DEADLINE_KEYS, tls: TLS_KEYS };

const GROUPS = ["tcp", "limits", "deadlines", "tls"] as const;

/** Lays `more` over `base`, group by group; what is undefined in `more` says nothing. Copies, so that later changes of the caller's objects change nothing. */
export function mergeServerOptions(base: ServerOptions, more: ServerOptions): ServerOptions {
  if (more === undefined) throw invalid("options", "an object", more);
  checkKeys("options", more, KEYS);
  const merged = overlay(base, more);
  for (const group of GROUPS) {
    checkKeys(group, more[group], GROUP_KEYS[group]);
    if (merged[group] !== undefined) Object.assign(merged, { [group]: overlay(base[group] ?? {}, more[group] ?? {}) });
  }
  return merged;
}

/** The same for TLS alone. */
export function mergeTlsOptions(base: TlsOptions, more: Partial<TlsOptions>): TlsOptions {
  if (more === undefined) throw invalid("tls", "an object", more);
  checkKeys("tls", more, TLS_KEYS);
  return overlay(base, more);
}

function overlay<T extends object>(base: T, more: Partial<T>): T {
  const said = Object.entries(more).filter(([, value]) => value !== undefined);
  return { ...base, ...Object.fromEntries(said) };
}

/** Checks everything and fills in the defaults. */
export function resolveServerOptions(options: ServerOptions): ResolvedServerOptions {
  checkKeys("options", options, KEYS);
  const { tcp, limits, deadlines } = options;
  const socket = resolveSocketSettings(tcp, limits, deadlines, LIMIT_KEYS, SERVER_DEADLINE_KEYS);
  const reusePort = checkBoolean("reusePort", options.reusePort, false);
  if (reusePort && !canReusePort()) {
    throw new TcpError('Option "reusePort" needs Deno to run with --unstable-net', { code: "ERR_FEATURE_UNAVAILABLE" });
  }
  return Object.freeze({
    port: options.port === undefined ? 0 : checkPort(options.port),
    hostname: checkString("hostname", options.hostname) ?? "0.0.0.0",
    backlog: checkInteger("backlog", options.backlog, 511, 1, 65_535),
    path: checkString("path", options.path),
    reusePort,
    network: options.network === undefined ? undefined : doorsOf(options.network),
    limits: resolveServerLimits(limits),
    proxyProtocol: resolveProxyRule(options.proxyProtocol),
    proxyMs: checkMs("deadlines.proxyMs", deadlines?.proxyMs, 5_000) || Infinity,
    socket,
    tls: resolveTls(options, socket.noDelay),
  });
}

/** The key material is read at `listen` only. */
function resolveTls(options: ServerOptions, noDelay: boolean): TlsOptions | undefined {
  const { tls, path } = options;
  if (tls === undefined) return undefined;
  checkTlsOptions(tls);
  const proxyProtocol = resolveProxyRule(options.proxyProtocol) !== undefined;
  chooseTlsEngine({ side: "server", tls, noDelay, unix: path !== undefined, deadline: false, proxyProtocol });
  return tls;
}
