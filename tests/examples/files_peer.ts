/** What the tests of the file server share: folders, the server as a process, and a client that may send anything. */

import { assertEquals } from "@std/assert";
import { connect, MessageProtocol, type TCPSocket } from "@verb/tcp";
import { readIncoming } from "../../examples/files/incoming.ts";
import { codec, type Content, type Message } from "../../examples/files/messages.ts";
import { patiently } from "./chat_hall.ts";
import { Program, type ProgramEnd } from "./program.ts";

const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-write"];
/** Of no bytes. */
export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** A folder for one test. */
export class Folder implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync();

  /** The path of a file in it. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Writes a file, and the folders that it is in. */
  async write(name: string, content: Uint8Array | string): Promise<Uint8Array> {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const path = this.at(name);
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(path, bytes);
    return bytes;
  }

  /** What a file holds; undefined if there is none. */
  async read(name: string): Promise<Uint8Array | undefined> {
    try {
      return await Deno.readFile(this.at(name));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** The names of everything in it. */
  async names(path = this.path): Promise<string[]> {
    return (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Bytes that repeat nowhere near. */
export function noise(bytes: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  let state = seed;
  for (let i = 0; i < words.length; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, bytes);
}

/** Runs the server on a folder. */
export function serverOf(folder: Folder, ...flags: string[]): Program {
  return new Program("examples/files/server.ts", ["--port", "0", "--folder", folder.path, ...flags], PERMISSIONS);
}

/** Runs the client to its end. */
export async function client(port: number, ...args: string[]): Promise<ProgramEnd> {
  await using program = startClient(port, ...args);
  return await patiently(program.end());
}

/** Runs the client. */
export function startClient(port: number, ...args: string[]): Program {
  return new Program("examples/files/client.ts", [...args, "--port", String(port)], PERMISSIONS);
}

/** What came: a message, or raw bytes of a file. */
export type Incoming = Message | { type: "bytes"; transfer: number; bytes: Uint8Array };

/** A client that says what it is told to, be it allowed or not. */
export class FilePeer implements AsyncDisposable {
  readonly socket: TCPSocket;
  readonly #protocol: MessageProtocol<Message>;
  readonly #came: Incoming[] = [];
  #wake = Promise.withResolvers<void>();

  private constructor(socket: TCPSocket) {
    this.socket = socket;
    this.#protocol = new MessageProtocol(socket, { codec });
    const take = (incoming: Incoming) => {
      this.#came.push(incoming);
      this.#wake.resolve();
    };
    readIncoming(socket, {
      onMessage: (message) => message.type === "ping" || take(message),
      onBytes: (transfer, bytes) => take({ type: "bytes", transfer, bytes: bytes.slice() }),
    }).catch(() => {});
  }

  static async connect(port: number): Promise<FilePeer> {
    return new FilePeer(await connect({ port, host: "127.0.0.1" }));
  }

  /** Sends a message, and raw bytes behind it. */
  send(transfer: number, content: Content, bytes?: Uint8Array): void {
    this.#protocol.send({ ...content, transfer });
    if (bytes !== undefined) this.socket.write(bytes);
  }

  /** Sends a piece of a file. */
  sendBytes(transfer: number, bytes: Uint8Array): void {
    this.send(transfer, { type: "data", bytes: bytes.length }, bytes);
  }

  /** The next that comes. */
  async next(): Promise<Incoming> {
    while (this.#came.length === 0) {
      await patiently(this.#wake.promise);
      this.#wake = Promise.withResolvers();
    }
    return this.#came.shift()!; // there is one
  }

  /** The next, which must be that. */
  async expect(expected: Content & { transfer: number }): Promise<void> {
    assertEquals(await this.next(), expected);
  }

  /** The code of the error that comes next. */
  async error(transfer: number): Promise<string> {
    const incoming = await this.next();
    if (incoming.type !== "error" || incoming.transfer !== transfer) {
      throw new Error(`Expected an error of transfer ${transfer}; came ${JSON.stringify(incoming)}`);
    }
    return incoming.code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.socket.closed;
  }
}
