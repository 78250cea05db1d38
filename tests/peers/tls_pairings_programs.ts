/** Node and OpenSSL as the other end of a TLS connection. */

import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { TextLineStream } from "@std/streams";
import type { Pair } from "../support/certificates.ts";

/** What Node says of a connection; see tls_pairings_node.mjs. */
export interface NodeFacts {
  readonly port?: number;
  readonly protocol?: string;
  readonly cipher?: string;
  readonly authorized?: boolean;
  readonly error?: string;
  readonly alpn?: string;
  readonly peer?: string;
  readonly echoed?: unknown;
  readonly refused?: string;
  readonly failed?: string;
  readonly reply?: string;
  readonly command?: string;
  readonly closed?: boolean;
}

/** What Node can be. */
export type NodeRole =
  | "client"
  | "clients"
  | "server"
  | "servers"
  | "starttls"
  | "starttlsServer"
  | "atOnce"
  | "inside";

/** One run of tls_pairings_node.mjs; `await using` ends it. */
export class NodePeer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;

  /** Starts it in that role. */
  constructor(role: NodeRole, options: Record<string, unknown>) {
    const script = fileURLToPath(new URL("tls_pairings_node.mjs", import.meta.url));
    this.#child = new Deno.Command("node", {
      args: [script, role, JSON.stringify(options)],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  }

  /** The next thing that it says. */
  async next(): Promise<NodeFacts> {
    const { done, value } = await this.#lines.read();
    if (done) throw new Error("Node has ended and said nothing");
    return JSON.parse(value);
  }

  /** The port that a server listens on. */
  async port(): Promise<number> {
    const { port } = await this.next();
    if (port === undefined) throw new Error("Node has not said where it listens");
    return port;
  }

  /** Ends a server, or waits for a client's end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close();
    while (!(await this.#lines.read()).done); // what nobody asked for
    await this.#child.status;
  }
}

/** Certificates in files, as OpenSSL wants them. */
export class PemFiles implements AsyncDisposable {
  readonly #directory: string;
  #count = 0;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async make(): Promise<PemFiles> {
    return new PemFiles(await Deno.makeTempDir());
  }

  /** Writes it down, and says where. */
  async put(...pem: readonly string[]): Promise<string> {
    const path = `${this.#directory}/${this.#count++}.pem`;
    await Deno.writeTextFile(path, pem.join(""));
    return path;
  }

  /** The arguments for a certificate and its key. */
  async certificate({ cert, key }: Pick<Pair, "cert" | "key">): Promise<string[]> {
    const [leaf = "", ...chain] = cert.split(/(?<=-----END CERTIFICATE-----\n)/);
    const rest = chain.length === 0 ? [] : ["-cert_chain", await this.put(...chain)];
    return ["-cert", await this.put(leaf), ...rest, "-key", await this.put(key)];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Deno.remove(this.#directory, { recursive: true });
  }
}

/** How a run of `openssl s_client` ended. */
export interface ClientRun {
  /** What came back. */
  readonly received: Uint8Array;
  readonly code: number;
  /** What it says of the certificates and of its failure. */
  readonly said: string;
}

/** Sends bytes with `openssl s_client`, waits for as many and ends the connection. */
export async function opensslClient(port: number, args: readonly string[], sent: Uint8Array): Promise<ClientRun> {
  const child = new Deno.Command("openssl", {
    args: [
      ...["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "localhost"],
      ...["-quiet", "-no_ign_eof", "-nocommands", "-verify_return_error", ...args],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  const writer = child.stdin.getWriter();
  // It may end before it has taken everything.
  const written = writer.write(sent).catch(() => {});
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of child.stdout) {
    chunks.push(chunk);
    if ((length += chunk.length) < sent.length) continue;
    await written;
    await writer.close();
  }
  await writer.close().catch(() => {});
  return { received: Buffer.concat(chunks), code: (await child.status).code, said: await said };
}

/**
 * `openssl s_server` that echoes to one client. It mixes what it says with what comes, and takes letters for commands:
 * the bytes to be echoed have to be above 0x7f.
 */
export class OpensslServer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #echoing: Promise<void>;
  readonly #stderr: Promise<string>;
  readonly #listening = Promise.withResolvers<number>();
  #said = "";

  constructor(args: readonly string[]) {
    this.#child = new Deno.Command("openssl", {
      args: ["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stderr = new Response(this.#child.stderr).text();
    this.#echoing = this.#echo();
  }

  /** The port that it listens on. */
  get port(): Promise<number> {
    return this.#listening.promise;
  }

  /** What it has said, once it has ended: its client is gone. */
  async end(): Promise<string> {
    await this.#echoing;
    await this.#child.status;
    return this.#said + await this.#stderr;
  }

  async #echo(): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    for await (const chunk of this.#child.stdout) {
      const payload = chunk.filter((byte) => byte > 0x7f);
      // It may be gone already.
      if (payload.length > 0) await writer.write(payload).catch(() => {});
      if (payload.length === chunk.length) continue;
      this.#said += String.fromCharCode(...chunk.filter((byte) => byte <= 0x7f));
      const [, port] = /ACCEPT .*:(\d+)\n/.exec(this.#said) ?? [];
      if (port !== undefined) this.#listening.resolve(Number(port));
    }
    await writer.close().catch(() => {});
    this.#listening.reject(new Error("openssl s_server has ended and not listened"));
    this.#listening.promise.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.end();
  }
}

/** Bytes that `OpensslServer` echoes. */
export function highBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 0x80 | ((index * 31 + (index >> 8)) % 127));
}

/** Compares without the slowness of a difference that nobody reads. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals(actual.length, expected.length);
  assertEquals(Buffer.compare(actual, expected), 0, "other bytes than were sent");
}
