/** Opens what the command line asks for: connections, listeners and files of key material. */

import type { ServerOptions, TcpServer } from "../../mod.ts";
import { type ClientOptions, type ClientTlsOptions, connect, type TCPSocket } from "../../tcp.ts";
import type { Destination, Endpoint, Listening, TlsFiles } from "./arguments.ts";

const CONNECT_MS = 10_000;

/** Reads the key material and gives a function that connects, as often as it is called. */
export async function dialer({ target, tls }: Destination): Promise<(options?: ClientOptions) => Promise<TCPSocket>> {
  let clientTls: ClientTlsOptions | undefined;
  if (tls !== undefined) {
    const { servername, insecure } = tls;
    clientTls = {
      ...await readFiles(tls),
      ...(servername === undefined ? {} : { servername }),
      ...(insecure ? { rejectUnauthorized: false } : {}),
    };
  }
  const where = clientTls === undefined ? target : { ...target, tls: clientTls };
  return (options = {}) => connect({ ...where, timeoutMs: CONNECT_MS, ...options });
}

/** The server options that the command line asks for. */
export async function listenOptions({ tls }: Listening): Promise<ServerOptions> {
  if (tls === undefined) return {};
  const { cert = "", key = "", ca } = await readFiles(tls);
  return { tls: { cert, key, ...(ca === undefined ? {} : { ca, requestCert: true }) } };
}

async function readFiles(files: TlsFiles): Promise<{ ca?: string; cert?: string; key?: string }> {
  const read: Record<string, string> = {};
  for (const name of ["ca", "cert", "key"] as const) {
    const file = files[name];
    if (file === undefined) continue;
    try {
      read[name] = await Deno.readTextFile(file);
    } catch (cause) {
      throw new Error(`Cannot read ${file} (--${name}): ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
  return read;
}

/** Listens; resolves with the address in words, and rejects if that cannot be. */
export function listen(app: TcpServer<number>, at: Endpoint): Promise<string> {
  return new Promise((resolve, reject) => {
    app.onError((error, socket) => {
      if (socket === undefined) reject(error);
    });
    app.onListening(() => {
      const address = app.address();
      resolve("path" in at ? at.path : inWords(address?.address, address?.port));
    });
    if ("path" in at) app.listen({ path: at.path });
    else app.listen(at);
  });
}

/** `127.0.0.1:3000`, `[::1]:3000`. */
export function inWords(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return "a unix socket";
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Resolves when the socket takes more, or has closed. */
export function drained(socket: TCPSocket): Promise<unknown> {
  if (!socket.writableNeedDrain || socket.destroyed) return Promise.resolve();
  return Promise.race([new Promise<void>((resolve) => socket.once("drain", resolve)), socket.closed]);
}
