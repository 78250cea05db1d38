/** What the TLS tests share: certificates made once, servers, and clients that collect. */

import { createServer, type ServerOptions, ServerProtocol, type TcpServer, type TCPSocket } from "../../mod.ts";
import { type ClientOptions, connect } from "../../tcp.ts";
import { makeAuthority } from "../support/certificates.ts";

/** The authority that the tests trust. */
export const authority = await makeAuthority("Test CA");
/** A server's certificate for localhost. */
export const server = await authority.issue("localhost");
/** A client's certificate. */
export const client = await authority.issue("client", { use: "client" });

/** Options of a server that asks clients for a certificate. */
export const strict = { cert: server.cert, key: server.key, ca: authority.cert, requestCert: true };

/** A server on a port of its own. */
export function listen(options: ServerOptions): TcpServer {
  return createServer(ServerProtocol.TCP, options).listen(0, "127.0.0.1");
}

/** A server that echoes. */
export function listenEcho(options: ServerOptions): TcpServer {
  return listen(options).onConnection((socket) => socket.on("data", (data) => socket.write(data)));
}

/** Connects to that server, with the test's authority trusted. */
export function connectTo(app: TcpServer, options: Omit<ClientOptions, "port" | "host"> = {}): Promise<TCPSocket> {
  const { tls = {}, ...rest } = options;
  const trusting = typeof tls === "boolean" ? tls : { ca: authority.cert, servername: "localhost", ...tls };
  return connect({ port: app.address()!.port, host: "127.0.0.1", tls: trusting, ...rest });
}

/** The first failed handshake that the server tells of. */
export function nextTlsClientError(app: TcpServer): Promise<string | undefined> {
  return new Promise((resolve) => app.once("tlsClientError", (error) => resolve(error.code)));
}

/** Everything that comes until the peer ends. */
export async function readAll(socket: TCPSocket): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Bytes that show when something is lost or comes twice. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) % 251);
}
