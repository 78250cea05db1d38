/** Connections whose both ends are ours, with either engine. */

import { once } from "node:events";
import type { ServerOptions, TcpServer, TCPSocket } from "../../mod.ts";
import type { ClientOptions } from "../../tcp.ts";
import { connectTo, listen, server } from "./support.ts";

/** Both of them. */
export const ENGINES = ["node", "deno"] as const;

/** One of them. */
export type Engine = typeof ENGINES[number];

/** Options of a server with that engine. */
export function serverOptions(engine: Engine, options: ServerOptions = {}): ServerOptions {
  const tls = { cert: server.cert, key: server.key, engine };
  return { ...options, tls, tcp: { ...options.tcp, ...(engine === "deno" ? { noDelay: false } : {}) } };
}

/** One connection. Disposing destroys it, and its server. */
export interface Linked extends AsyncDisposable {
  readonly app: TcpServer;
  readonly client: TCPSocket;
  readonly accepted: TCPSocket;
}

/** Makes one; nobody reads it yet, and failures are told to `error` listeners only. */
export async function link(
  engine: Engine,
  options: ServerOptions & Omit<ClientOptions, "port" | "host" | "tls"> = {},
): Promise<Linked> {
  const app = listen(serverOptions(engine, options));
  app.onError(() => {/* a test that cares has a listener on the socket */});
  const connection = once(app, "connection");
  app.onConnection(() => {});
  const client = await connectTo(app, { ...options, tls: { engine } });
  const [accepted]: TCPSocket[] = await connection;
  if (accepted === undefined) throw new Error("A connection was announced without a socket");
  return {
    app,
    client,
    accepted,
    async [Symbol.asyncDispose]() {
      client.destroy();
      app.destroy();
      await Promise.all([client.closed, accepted.closed]);
    },
  };
}
