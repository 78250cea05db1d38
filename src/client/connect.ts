/** A client in one call. */

import type { TCPSocket } from "../socket/tcp_socket.ts";
import { type ClientOptions, connector } from "./connector.ts";

/**
 * Connects and resolves with the open socket. Rejects with a `TcpError` (`ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, ...),
 * or with the reason of `signal`, unchanged.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { connect, createServer } from "@verb/tcp";
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
  return await connector<State>(options)(options.signal);
}
