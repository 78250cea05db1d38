/** The kinds of connection that every behaviour has to hold on: plain, a unix socket, and TLS of both engines. */

import { once } from "node:events";
import {
  connect,
  type ConnectOptions,
  createServer,
  type ListenOptions,
  type ServerOptions,
  type TcpServer,
  type TCPSocket,
  type TCPSocketOptions,
} from "../../mod.ts";
import { makeAuthority } from "./certificates.ts";

const authority = await makeAuthority("kinds");
const { cert, key } = await authority.issue("localhost");
const trust = { tls: { ca: authority.cert, servername: "localhost" } };

/** One of them. */
export interface Kind {
  readonly name: string;
  readonly server: ServerOptions;
  readonly client: Pick<ConnectOptions, "tls">;
  readonly unix: boolean;
}

/** All of them. */
export const KINDS: readonly Kind[] = [
  { name: "plain TCP", server: {}, client: {}, unix: false },
  { name: "a unix socket", server: {}, client: {}, unix: true },
  { name: "TLS of node", server: { tls: { cert, key, engine: "node" } }, client: trust, unix: false },
  {
    name: "TLS of deno",
    server: { tls: { cert, key, engine: "deno" }, tcp: { noDelay: false } },
    client: trust,
    unix: false,
  },
];

/** A server and one connection to it. */
export interface Pair extends AsyncDisposable {
  readonly app: TcpServer;
  /** The server's socket. */
  readonly inside: TCPSocket;
  readonly client: TCPSocket;
}

/** How the two ends differ from what their kind is. */
export interface PairOptions {
  readonly server?: Pick<ServerOptions, "deadlines">;
  readonly client?: Pick<TCPSocketOptions, "deadlines" | "tcp">;
}

/** Opens one; `onConnection` is called with the server's socket before anything is read. */
export async function openPair(
  kind: Kind,
  options: PairOptions = {},
  onConnection: (socket: TCPSocket) => void = () => {},
): Promise<Pair> {
  const app = createServer("tcp", { ...kind.server, ...options.server }).onConnection(onConnection).onError(() => {});
  app.listen(await placeFor(kind));
  const accepted = once(app, "connection");
  const address = app.address();
  const target = typeof address === "string" ? { path: address } : { port: address?.port ?? 0, host: "127.0.0.1" };
  const client = await connect({ ...target, ...kind.client, ...options.client });
  const [inside] = await accepted;
  return {
    app,
    inside,
    client,
    async [Symbol.asyncDispose]() {
      client.destroy();
      await app.destroy().close();
      await client.closed;
    },
  };
}

async function placeFor({ unix }: Kind): Promise<ListenOptions> {
  return unix ? { path: `${await Deno.makeTempDir()}/socket` } : { port: 0, hostname: "127.0.0.1" };
}
