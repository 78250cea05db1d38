/** The one way to a connected client: options are checked once, then it is dialled as often as it is asked for. */

import { TcpError } from "../base/errors.ts";
import { CONNECT_KEYS, type ConnectOptions, resolveConnect } from "../socket/connect_target.ts";
import { startDialing } from "../socket/dialing.ts";
import { resolveSocketSettings, SOCKET_OPTION_KEYS, type TCPSocketOptions } from "../socket/settings.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import { TCPSocket } from "../socket/tcp_socket.ts";

/** Where to connect and how the socket behaves. */
export interface ClientOptions extends ConnectOptions, TCPSocketOptions {}

/** The names that {@link ClientOptions} knows. */
export const CLIENT_KEYS: readonly string[] = [...new Set([...CONNECT_KEYS, ...SOCKET_OPTION_KEYS])]; // both know `tls`

/** Connects, and resolves with the open socket; `signal` gives up with its own reason. */
export type Connector<State> = (signal: AbortSignal | undefined) => Promise<TCPSocket<State>>;

/** Checks the options, which may be wrong, and dials nobody yet. */
export function connector<State>(options: ClientOptions): Connector<State> {
  const request = resolveConnect(options, CLIENT_KEYS, { deadline: options?.deadlines?.handshakeMs !== 0 });
  const { tcp, limits, deadlines, tls } = options;
  const socketOptions: TCPSocketOptions = {
    ...(tcp === undefined ? {} : { tcp }),
    ...(limits === undefined ? {} : { limits }),
    ...(deadlines === undefined ? {} : { deadlines }),
    ...(tls === undefined ? {} : { tls }), // a socket that connects again must not do so in the clear
  };
  resolveSocketSettings(tcp, limits, deadlines);
  return (signal) => {
    const socket = new TCPSocket<State>(socketOptions);
    const connection = connectionOf(socket);
    const { promise, resolve, reject } = Promise.withResolvers<TCPSocket<State>>();
    connection.connectFailed = (error) => {
      reject(
        error ?? new TcpError("The socket was destroyed before it was connected", { code: "ERR_STREAM_DESTROYED" }),
      );
    };
    socket.once(request.tls === undefined ? "connect" : "secureConnect", () => {
      connection.connectFailed = undefined;
      resolve(socket);
    });
    startDialing(connection, { ...request, signal });
    return promise;
  };
}

/**
 * Says that somebody of the library looks after the socket and is told by `closed` how it ended: an error that nobody else
 * hears is not uncaught then.
 */
// deno-lint-ignore no-explicit-any -- whatever the user keeps on his sockets
export function keep(socket: TCPSocket<any>): void {
  connectionOf(socket).awaited = true;
}
