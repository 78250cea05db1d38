/** Two connected sockets, for the smallest test there is. */

import type { TCPSocketOptions } from "../socket/settings.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import { TCPSocket } from "../socket/tcp_socket.ts";
import { memoryPair } from "../transport/memory.ts";
import type { Transport } from "../transport/transport.ts";

/**
 * Makes two sockets that are connected with each other in memory: no server, no port, no permission. Both have the
 * habits of a client's socket: an error that nobody listens for is uncaught. `options` are for both.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { framed } from "@verb/tcp";
 * import { lines } from "@verb/tcp/framing";
 * import { socketPair } from "@verb/tcp/testing";
 *
 * const [one, other] = socketPair();
 * const answer = Promise.withResolvers<string>();
 * framed(other, lines()).on("message", answer.resolve);
 * framed(one, lines()).send("hello");
 * assertEquals(await answer.promise, "hello");
 * one.destroy();
 * await other.closed;
 * ```
 */
export function socketPair<State = unknown>(
  options: Omit<TCPSocketOptions, "tls"> = {},
): [one: TCPSocket<State>, other: TCPSocket<State>] {
  const [one, other] = memoryPair();
  return [socketOver<State>(one, options), socketOver<State>(other, options)];
}

function socketOver<State>(transport: Transport, options: TCPSocketOptions): TCPSocket<State> {
  const socket = new TCPSocket<State>(options);
  const connection = connectionOf(socket);
  connection.open(transport);
  connection.startReading();
  return socket;
}
