/** A server's socket and the plain connection at its other end. */

import { createServer, type ServerOptions, type TcpServer, type TCPSocket } from "../../mod.ts";

/** Disposing closes both ends and the server. */
export interface Linked extends AsyncDisposable {
  readonly app: TcpServer;
  readonly socket: TCPSocket;
  readonly peer: Deno.TcpConn;
  /** What reached the server's `onError`. */
  readonly errors: Error[];
}

/** Opens one; nobody reads the socket yet. */
export async function link(options: ServerOptions = {}): Promise<Linked> {
  const app = createServer("tcp", options);
  const errors: Error[] = [];
  app.onError((error) => errors.push(error));
  const { promise: accepted, resolve } = Promise.withResolvers<TCPSocket>();
  app.onConnection(resolve);
  app.listen(0, "127.0.0.1");
  const peer = await Deno.connect({ hostname: "127.0.0.1", port: app.address()?.port ?? 0 });
  const socket = await accepted;
  return {
    app,
    socket,
    peer,
    errors,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      try {
        peer.close();
      } catch {
        // The test has closed it.
      }
      await app.close();
    },
  };
}

/** Reads that many bytes, or fewer at the end of the stream. */
export async function readBytes(peer: Deno.TcpConn, length: number): Promise<Uint8Array> {
  const whole = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const count = await peer.read(whole.subarray(at));
    if (count === null) break;
    at += count;
  }
  return whole.subarray(0, at);
}
