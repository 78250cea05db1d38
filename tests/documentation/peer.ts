/** The other end of a connection over the bare runtime, so that the library is not tested by itself. */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import net from "node:net";

/** One connection that a test drives by hand; `using` closes it. */
export class Peer implements Disposable {
  readonly #conn: Deno.TcpConn;
  #unread = Buffer.alloc(0);
  #closed = false;

  /** Takes a connection over. */
  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  /** Connects to a port of the loopback. */
  static async connect(port: number): Promise<Peer> {
    const conn = await Deno.connect({ port, hostname: "127.0.0.1" });
    conn.setNoDelay(true); // or small writes would be joined
    return new Peer(conn);
  }

  /** Its own address, as the server sees it. */
  get address(): string {
    const { hostname, port } = this.#conn.localAddr;
    return `${hostname}:${port}`;
  }

  /** Sends everything. */
  async write(data: string | Uint8Array): Promise<void> {
    let rest: Uint8Array = Buffer.from(data);
    while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
  }

  /** Sends a value as JSON behind its length in bytes. */
  async writeMessage(message: unknown): Promise<void> {
    await this.write(frame(message));
  }

  /** Reads exactly that many bytes. */
  async read(bytes: number): Promise<Buffer> {
    while (this.#unread.length < bytes) {
      if (!await this.#fill()) throw new Error(`The connection ended; ${this.#unread.length} of ${bytes} bytes came`);
    }
    const taken = this.#unread.subarray(0, bytes);
    this.#unread = this.#unread.subarray(bytes);
    return taken;
  }

  /** Reads as many bytes as `text` has and gives them as text, to be compared with it. */
  async readText(text: string): Promise<string> {
    return (await this.read(Buffer.byteLength(text))).toString();
  }

  /** Reads to the next newline, which is left out. */
  async readLine(): Promise<string> {
    let at: number;
    while ((at = this.#unread.indexOf("\n")) < 0) {
      if (!await this.#fill()) throw new Error(`The connection ended inside a line: ${this.#unread}`);
    }
    return (await this.read(at + 1)).toString("utf8", 0, at);
  }

  /** Reads one message of JSON. */
  async readMessage(): Promise<unknown> {
    const length = (await this.read(4)).readUInt32BE(0);
    return JSON.parse((await this.read(length)).toString());
  }

  /** Reads to the other end's FIN, or to its reset, and gives what came. */
  async readToEnd(): Promise<Buffer> {
    while (await this.#fill().catch(ignoreReset));
    const taken = this.#unread;
    this.#unread = Buffer.alloc(0);
    return taken;
  }

  /** Sends FIN; reading goes on. */
  async end(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Closes both ways. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #fill(): Promise<boolean> {
    const buffer = new Uint8Array(4_096);
    const bytes = await this.#conn.read(buffer);
    if (bytes === null) return false;
    this.#unread = Buffer.concat([this.#unread, buffer.subarray(0, bytes)]);
    return true;
  }
}

/** Connects a peer that can reset the connection, by `resetAndDestroy`: a `Deno.Conn` cannot. */
export async function connectResettable(port: number): Promise<net.Socket> {
  const socket = net.connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

/** A value as JSON behind its length in 4 bytes, big-endian. */
export function frame(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function ignoreReset(error: unknown): false {
  if (error instanceof Deno.errors.ConnectionReset) return false;
  throw error;
}
