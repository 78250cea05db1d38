/** Opens what the command line asks for: connections, listeners and files of key material. */

import type { ServerOptions, TcpServer } from "../../mod.ts";
import { type ClientOptions, type ClientTlsOptions, connect, type TCPSocket } from "../../tcp.ts";
import { Failure } from "./failure.ts";
import { failureText } from "./output.ts";
import type { Destination, Endpoint, Listening, TlsFiles } from "./arguments.ts";

const CONNECT_MS = 10_000;

/** Reads the key material and gives a function that connects, as often as it is called. */
export async function dialer(to: Destination): Promise<(options?: ClientOptions) => Promise<TCPSocket>> {
  const { target, proxyHeader } = to;
  const tls = to.tls === undefined ? undefined : await clientTls(to.tls);
  const where = {
    ...target,
    ...(tls === undefined ? {} : { tls }),
    ...(proxyHeader === undefined ? {} : { proxyHeader }),
  };
  return (options = {}) => connect({ ...where, timeoutMs: CONNECT_MS, ...options });
}

async function clientTls(tls: NonNullable<Destination["tls"]>): Promise<ClientTlsOptions> {
  const { servername, insecure } = tls;
  return {
    ...await readFiles(tls),
    ...(servername === undefined ? {} : { servername }),
    ...(insecure ? { rejectUnauthorized: false } : {}),
  };
}

/** The server options that the command line asks for. */
export async function listenOptions({ tls, proxyRequired }: Listening): Promise<ServerOptions> {
  const proxyProtocol = proxyRequired ? "required" as const : "off" as const;
  if (tls === undefined) return { proxyProtocol };
  const { cert = "", key = "", ca } = await readFiles(tls);
  return { proxyProtocol, tls: { cert, key, ...(ca === undefined ? {} : { ca, requestCert: true }) } };
}

async function readFiles(files: TlsFiles): Promise<{ ca?: string; cert?: string; key?: string }> {
  const read: Record<string, string> = {};
  for (const name of ["ca", "cert", "key"] as const) {
    const file = files[name];
    if (file === undefined) continue;
    try {
      read[name] = await Deno.readTextFile(file);
    } catch (cause) {
      throw new Failure(`Cannot read ${file} (--${name}): ${failureText(cause)}`, { cause });
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

/** Writes, and waits until more may be written. If the socket fails, whoever reads it hears of it. */
export async function write(socket: TCPSocket, bytes: Uint8Array): Promise<void> {
  if (!socket.write(bytes)) await socket.drained().catch(() => {});
}
