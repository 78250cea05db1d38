/** The forms of `listen`: read, checked, turned into server options. */

import { typeError } from "../base/argument_errors.ts";
import { checkFunction, checkKeys, checkPort, invalid } from "../base/check.ts";
import type { VirtualNetwork } from "../transport/virtual_network.ts";
import { mergeServerOptions, type ServerOptions } from "./options.ts";

/** Where to listen. What is left out comes from `withOptions`. */
export interface ListenOptions {
  /** The port; 0 lets the kernel choose. */
  port?: number;
  /** The address to listen on. */
  hostname?: string;
  /** The same as `hostname`, as node:net calls it. */
  host?: string;
  /** How many connections may wait in the kernel. */
  backlog?: number;
  /** A unix socket instead of a port. */
  path?: string;
  /** Listens in a network in memory, made by `createNetwork` of `@verb/tcp/testing`, instead of the system's. */
  network?: VirtualNetwork;
}

/** Reads `listen(port?, hostname?, backlog?, callback?)`, `listen(path, callback?)` and `listen(options, callback?)`. */
export function readListenArguments(args: readonly unknown[]): { options: ServerOptions; callback?: () => void } {
  const given = [...args];
  while (given.length > 0 && isLeftOut(given.at(-1))) given.pop();
  const callback = typeof given.at(-1) === "function" ? given.pop() as () => void : undefined;
  return { options: readTarget(given), ...(callback === undefined ? {} : { callback }) };
}

function isLeftOut(arg: unknown): boolean {
  return arg === undefined || arg === null;
}

function readTarget([first, ...more]: unknown[]): ServerOptions {
  if (typeof first === "object" && first !== null) {
    const [callback] = more;
    if (!isLeftOut(callback)) checkFunction("callback", callback);
    return readObject(first);
  }
  const rest = more.filter((arg) => !isLeftOut(arg));
  const options: ServerOptions = {};
  // A path in front, as in Node; a name behind a port is the hostname.
  if (typeof first === "string" && !/^\d+$/.test(first)) options.path = first;
  else if (!isLeftOut(first)) options.port = checkPort(first);
  if (typeof rest[0] === "string" && options.path === undefined) options.hostname = rest.shift() as string;
  if (typeof rest[0] === "number") options.backlog = rest.shift() as number;
  if (rest.length > 0) {
    throw invalid("listen", "(port?, hostname?, backlog?, callback?) or (options, callback?)", rest[0]);
  }
  return options;
}

function readObject(given: ListenOptions): ServerOptions {
  checkKeys("options", given, ["port", "hostname", "host", "backlog", "path", "network"]);
  const { host, hostname, path, port, backlog, network } = given;
  if (host !== undefined && hostname !== undefined && host !== hostname) {
    throw typeError(
      "ERR_INVALID_ARG_VALUE",
      `Options "host" and "hostname" must not differ; they are "${host}" and "${hostname}"`,
    );
  }
  if (path !== undefined && (port !== undefined || host !== undefined || hostname !== undefined)) {
    throw typeError("ERR_INCOMPATIBLE_OPTION_PAIR", 'Option "path" excludes "port" and "hostname"');
  }
  const name = hostname ?? host;
  return {
    ...(path === undefined ? {} : { path }),
    ...(port === undefined ? {} : { port: checkPort(port) }),
    ...(name === undefined ? {} : { hostname: name }),
    ...(backlog === undefined ? {} : { backlog }),
    ...(network === undefined ? {} : { network }),
  };
}

/** The options of a server that listens there: a port goes before a path that was given earlier, and the other way round. */
export function mergeTarget(given: ServerOptions, target: ServerOptions): ServerOptions {
  const merged = mergeServerOptions(given, target);
  if (target.path !== undefined) delete merged.port, delete merged.hostname;
  else if (target.port !== undefined) delete merged.path;
  return merged;
}
