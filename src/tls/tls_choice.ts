/** The engines behind one face each for servers and clients; {@link chooseTlsEngine} says which. */

import { typeError } from "../base/argument_errors.ts";
import { invalid } from "../base/check.ts";
import { DenoTlsClient, DenoTlsServer } from "./deno_tls.ts";
import { listen, type ListenTarget } from "../transport/listen.ts";
import type { Listener } from "../transport/listener.ts";
import { NodeTlsClient, NodeTlsContext } from "./node_tls.ts";
import { chooseTlsEngine } from "./tls_engine.ts";
import { checkClientTlsOptions, checkTlsOptions, type ClientTlsOptions, type TlsOptions } from "./tls_options.ts";
import type { Transport } from "../transport/transport.ts";

/** TLS of a server: it opens the listener, too, because one engine needs one of its own. */
export interface ServerTls {
  listen(target: ListenTarget): Listener;
  /**
   * Does the handshake of a connection of that listener. Rejects with a `TcpError` when it fails or the connection is
   * closed meanwhile; to close it then is the caller's.
   */
  secure(transport: Transport): Promise<Transport>;
  /** The same for other keys, certificates and rules. Throws for bad ones, or where the engine cannot. */
  reload(options: TlsOptions): ServerTls;
}

/** TLS of a client. */
export interface ClientTls {
  /**
   * Does the handshake with a server that must be `host`; otherwise as {@link ServerTls.secure}. `signal` gives up, and
   * closes the connection.
   */
  secure(transport: Transport, host: string, signal?: AbortSignal): Promise<Transport>;
}

/** What else decides on a server's engine; see {@link chooseTlsEngine}. */
export interface ServerNeeds {
  readonly noDelay: boolean;
  readonly unix: boolean;
  readonly deadline: boolean;
  readonly proxyProtocol: boolean;
}

/** Reads the key material and chooses the engine. Throws a TypeError for what is wrong. */
export function openServerTls(options: TlsOptions, needs: ServerNeeds): ServerTls {
  if (chooseTlsEngine({ side: "server", tls: options, ...needs }) === "node") return nodeServer(options, needs);
  const server = new DenoTlsServer(options);
  return {
    listen(target) {
      if ("path" in target) {
        throw typeError("ERR_INCOMPATIBLE_OPTION_PAIR", 'Option "path" needs "tls.engine": "node"');
      }
      return server.listen(target);
    },
    secure: (transport) => server.secure(transport),
    reload() {
      throw typeError(
        "ERR_INVALID_STATE",
        'Cannot reload: option "tls.engine" must be "node" before listen()',
      );
    },
  };
}

function nodeServer(options: TlsOptions, needs: ServerNeeds): ServerTls {
  const context = new NodeTlsContext(options);
  return {
    listen,
    secure: (transport) => context.secure(transport),
    reload: (changed) => {
      checkTlsOptions(changed);
      if (chooseTlsEngine({ side: "server", tls: changed, ...needs }) === "deno" && changed.engine === "deno") {
        throw typeError("ERR_INVALID_ARG_VALUE", 'Option "tls.engine" must stay "node" while the server listens');
      }
      return nodeServer(changed, needs);
    },
  };
}

/** Checks the options, reads the key material and chooses the engine. `true` is for the defaults. */
export function openClientTls(
  options: ClientTlsOptions | true,
  surroundings: { unix: boolean; deadline: boolean },
): ClientTls {
  const tls = options === true ? {} : options;
  checkClientTlsOptions(tls);
  return chooseTlsEngine({ side: "client", tls, ...surroundings }) === "node"
    ? new NodeTlsClient(tls)
    : new DenoTlsClient(tls);
}

// A server upgrades thousands of sockets with the same options: they share a context, and what it has verified.
const upgrades = new WeakMap<TlsOptions, NodeTlsContext>();

/** For `upgradeTls` on a server's socket: by the same object of options comes the same context. */
export function upgradeServerTls(options: TlsOptions): { secure(transport: Transport): Promise<Transport> } {
  let context = upgrades.get(options);
  if (context === undefined) {
    checkTlsOptions(options, "options");
    chooseTlsEngine({ side: "upgrade", tls: options });
    context = new NodeTlsContext({ ...options }, "options");
    upgrades.set(options, context);
  }
  return context;
}

/** For `upgradeTls` on a client's socket. */
export function upgradeClientTls(options: ClientTlsOptions): ClientTls {
  if (options === undefined) throw invalid("options", "an object of TLS options", options);
  checkClientTlsOptions(options, "options");
  chooseTlsEngine({ side: "upgrade", tls: options });
  return new NodeTlsClient(options, "options");
}
