/** The door to the server. */

import { typeError } from "../base/argument_errors.ts";
import { show } from "../base/check.ts";
import type { ServerOptions } from "./options.ts";
import { TcpServer } from "./server.ts";

/** The protocols that {@link createServer} knows. */
export const ServerProtocol: {
  /** Plain TCP, or TLS over it. */
  readonly TCP: "tcp";
} = Object.freeze({ TCP: "tcp" });

/** One of the values of {@link ServerProtocol}. */
export type ServerProtocol = typeof ServerProtocol[keyof typeof ServerProtocol];

/**
 * Makes a server. Without arguments the protocol is {@link ServerProtocol}.TCP, the only one; another one is a
 * TypeError.
 *
 * @example
 * ```ts
 * import { createServer, ServerProtocol } from "@verb/tcp";
 *
 * const app = createServer(ServerProtocol.TCP);
 * app.onConnection((socket) => {
 *   socket.on("data", (data) => socket.write(`Echo: ${data}`));
 * });
 * app.listen(0, "127.0.0.1", () => console.log("listening on", app.address()!.port));
 * await app.close();
 * ```
 */
export function createServer<State = unknown>(): TcpServer<State>;
/** Makes a server of that protocol with these options. */
export function createServer<State = unknown>(protocol: ServerProtocol, options?: ServerOptions): TcpServer<State>;
export function createServer<State = unknown>(
  ...args: [protocol?: ServerProtocol, options?: ServerOptions]
): TcpServer<State> {
  const [protocol, options] = args;
  if (args.length > 0 && protocol !== ServerProtocol.TCP) {
    throw typeError(
      "ERR_INVALID_ARG_VALUE",
      `Argument "protocol" must be ServerProtocol.TCP ("tcp"), the only one supported; it is ${show(protocol)}` +
        (typeof protocol === "object" ? " (options are the second argument)" : ""),
    );
  }
  return new TcpServer<State>(options);
}
