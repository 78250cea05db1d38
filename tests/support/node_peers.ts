/** Sockets of ours whose peers are of node:net, which can reset a connection. */

import { once } from "node:events";
import net from "node:net";
import { connect, createServer, type ServerOptions, type TcpServer, type TCPSocket } from "../../mod.ts";
import type { ClientOptions } from "../../tcp.ts";

/** One connection. Disposing ends it, on both ends. */
export interface NodePeered extends AsyncDisposable {
  readonly socket: TCPSocket;
  readonly peer: net.Socket;
  /** What reached the server's `onError`, where the socket is a server's. */
  readonly errors: (Error & { code?: string })[];
}

/** A client of ours. */
export async function clientOfNode(options: Omit<ClientOptions, "port" | "host"> = {}): Promise<NodePeered> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo; // it listens on a port
  const accepted = once(server, "connection");
  const socket = await connect({ ...options, port, host: "127.0.0.1" });
  const [peer]: net.Socket[] = await accepted;
  return ends(socket, peer, [], () => new Promise((resolve) => server.close(() => resolve())));
}

/** A socket that a server of ours has accepted. */
export async function acceptedFromNode(options: ServerOptions = {}): Promise<NodePeered & { readonly app: TcpServer }> {
  const app = createServer("tcp", options);
  const errors: Error[] = [];
  app.onError((error) => errors.push(error));
  const { promise: accepted, resolve } = Promise.withResolvers<TCPSocket>();
  app.onConnection(resolve).listen(0, "127.0.0.1");
  const peer = net.connect({ port: app.address()!.port, host: "127.0.0.1", allowHalfOpen: true }); // it listens
  const link = ends(await accepted, peer, errors, async () => void await app.destroy().close());
  return Object.assign(link, { app });
}

function ends(
  socket: TCPSocket,
  peer: net.Socket | undefined,
  errors: Error[],
  close: () => Promise<void>,
): NodePeered {
  if (peer === undefined) throw new Error("A connection was announced without a socket");
  peer.on("error", () => {/* the other end may have reset it */});
  return {
    socket,
    peer,
    errors,
    async [Symbol.asyncDispose]() {
      const gone = Promise.all([socket, peer].map((end) => end.destroyed || once(end, "close")));
      socket.destroy();
      peer.destroy();
      await gone;
      await close();
    },
  };
}

/** A port of loopback on which nobody listens. */
export function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}
