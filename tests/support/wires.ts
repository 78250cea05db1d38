/** The three wires that a connection can run on, both ends ours: what holds for a socket holds on each of them. */

import { once } from "node:events";
import { createServer, type ServerOptions, ServerProtocol, type TcpServer, type TCPSocket } from "../../mod.ts";
import type { ClientOptions } from "../../tcp.ts";
import { link, type Linked, serverOptions } from "../tls/engines.ts";
import { connectTo } from "../tls/support.ts";

/** Plain TCP, and TLS with either engine. */
export const WIRES = ["TCP", "TLS by node", "TLS by deno"] as const;

/** One of them. */
export type Wire = typeof WIRES[number];

/** Which end is the socket under test. */
export const SIDES = ["server", "client"] as const;

/** A connection whose ends are named by what they are to the test. */
export interface Ends extends AsyncDisposable {
  readonly app: TcpServer;
  /** The socket under test. */
  readonly socket: TCPSocket;
  /** The other end. */
  readonly peer: TCPSocket;
}

/** Makes a connection that nobody reads yet; failures are told to `error` listeners only. */
export async function openEnds(
  wire: Wire,
  side: typeof SIDES[number],
  options: ServerOptions & Omit<ClientOptions, "port" | "host" | "tls"> = {},
): Promise<Ends> {
  const linked = wire === "TCP" ? await linkPlain(options) : await link(engineOf(wire), options);
  const { app, client, accepted } = linked;
  const [socket, peer] = side === "server" ? [accepted, client] : [client, accepted];
  return { app, socket, peer, [Symbol.asyncDispose]: () => linked[Symbol.asyncDispose]() };
}

/** A server on that wire, which does not listen yet. */
export function serverOn(wire: Wire, options: ServerOptions = {}): TcpServer {
  return createServer(ServerProtocol.TCP, wire === "TCP" ? options : serverOptions(engineOf(wire), options));
}

/** A client of such a server. */
export function connectOn(wire: Wire, app: TcpServer): Promise<TCPSocket> {
  return connectTo(app, { tls: wire === "TCP" ? false : { engine: engineOf(wire) } });
}

function engineOf(wire: Exclude<Wire, "TCP">): "node" | "deno" {
  return wire === "TLS by node" ? "node" : "deno";
}

async function linkPlain(options: ServerOptions & Omit<ClientOptions, "port" | "host" | "tls">): Promise<Linked> {
  const app = createServer(ServerProtocol.TCP, options).listen(0, "127.0.0.1");
  app.onError(() => {/* a test that cares has a listener on the socket */});
  const connection = once(app, "connection");
  app.onConnection(() => {});
  const client = await connectTo(app, { ...options, tls: false });
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
