/** What the tests of `proxyProtocol` share: a server, and ways to watch it. */

import { assertEquals } from "@std/assert";
import { createServer, type ServerOptions, type SocketError, type TcpServer, type TCPSocket } from "../../mod.ts";
import type { Peer } from "../documentation/peer.ts";

/** A header of version 1. */
export const LINE = "PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\n";

/** What a server tells of a connection without a header. */
export interface Failure {
  readonly code: string | undefined;
  readonly peer: { readonly remoteAddress: string | undefined; readonly remotePort: number | undefined };
}

/** A server that requires headers and echoes, and what it tells. */
export function listen(options: ServerOptions = {}) {
  const app = createServer("tcp", { proxyProtocol: "required", ...options });
  const sockets: TCPSocket[] = [];
  const errors: SocketError[] = [];
  app.onConnection((socket) => {
    sockets.push(socket);
    socket.on("data", (data) => socket.write(data));
  });
  app.onError((error) => errors.push(error));
  app.listen(0, "127.0.0.1");
  return { app, sockets, errors, port: app.address()!.port }; // it listens
}

/** The next one that the server tells of. */
export function nextProxyError(app: TcpServer): Promise<Failure> {
  return new Promise((resolve) => app.once("proxyError", (error, peer) => resolve({ code: error.code, peer })));
}

/** Waits until that holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Has something echoed. */
export async function exchange(peer: Peer): Promise<void> {
  await peer.write("ping");
  assertEquals(await peer.readText("ping"), "ping");
}
