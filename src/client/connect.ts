/** A client in one call. */

import { CONNECT_KEYS, type ConnectOptions, resolveConnect } from "../socket/connect_target.ts";
import { startDialing } from "../socket/dialing.ts";
import { SOCKET_OPTION_KEYS, type TCPSocketOptions } from "../socket/settings.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import { TCPSocket } from "../socket/tcp_socket.ts";
import { TcpError } from "../base/errors.ts";

/** Where to connect and how the socket behaves. */
export interface ClientOptions extends ConnectOptions, TCPSocketOptions {}

const KEYS = [...CONNECT_KEYS, ...SOCKET_OPTION_KEYS];

/**
 * Connects and resolves with the open socket. Rejects with a `TcpError` (`ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, ...),
 * or with the reason of `signal`, unchanged.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createServer } from "@verb/tcp";
 * import { connect } from "@verb/tcp/tcp";
 *
 * await using app = createServer();
 * app.onConnection((socket) => socket.end("hello"));
 * app.listen(0, "127.0.0.1");
 *
 * const socket = await connect({ port: app.address()!.port, host: "127.0.0.1", timeoutMs: 5_000 });
 * for await (const chunk of socket) assertEquals(String(chunk), "hello");
 * ```
 */
export async function connect<State = unknown>(options: ClientOptions): Promise<TCPSocket<State>> {
  const request = resolveConnect(options, KEYS, { deadline: options?.deadlines?.handshakeMs !== 0 });
  const { tcp, limits, deadlines } = options;
  const socket = new TCPSocket<State>({
    ...(tcp === undefined ? {} : { tcp }),
    ...(limits === undefined ? {} : { limits }),
    ...(deadlines === undefined ? {} : { deadlines }),
  });
  const connection = connectionOf(socket);
  const { promise, resolve, reject } = Promise.withResolvers<TCPSocket<State>>();
  connection.connectFailed = (error) => {
    reject(error ?? new TcpError("The socket was destroyed before it was connected", { code: "ERR_STREAM_DESTROYED" }));
  };
  socket.once(request.tls === undefined ? "connect" : "secureConnect", () => {
    connection.connectFailed = undefined;
    resolve(socket);
  });
  startDialing(connection, request);
  return await promise;
}
