/** A proxy between client and server of the file example: it breaks its first connections, and knows what was said. */

import { Incoming } from "../../examples/files/incoming.ts";
import type { Message } from "../../examples/files/messages.ts";

/** Breaks a connection after so many bytes, both ways together; each number is for one connection, the later ones hold. */
export class BreakingProxy implements AsyncDisposable {
  /** What was said on each connection, by both ends. */
  readonly said: Message[][] = [];
  /** How many raw bytes of files each connection has carried. */
  readonly carried: number[] = [];
  readonly #listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  readonly #target: number;
  readonly #breakAfter: readonly number[];
  readonly #running: Promise<void>;

  constructor(target: number, ...breakAfter: number[]) {
    this.#target = target;
    this.#breakAfter = breakAfter;
    this.#running = this.#run();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #run(): Promise<void> {
    const carrying: Promise<void>[] = [];
    try {
      for await (const down of this.#listener) carrying.push(this.#carry(down));
    } finally {
      await Promise.all(carrying);
    }
  }

  async #carry(down: Deno.TcpConn): Promise<void> {
    const index = this.said.push([]) - 1;
    this.carried.push(0);
    let left = this.#breakAfter[index] ?? Infinity;
    const up = await Deno.connect({ port: this.#target, hostname: "127.0.0.1" });
    let broken = false;
    const pump = async (from: Deno.TcpConn, to: Deno.TcpConn) => {
      const incoming = new Incoming({
        onMessage: (message) => this.said[index]!.push(message), // pushed above
        onBytes: (_, { length }) => this.carried[index]! += length,
      });
      const buffer = new Uint8Array(65_536);
      for (let bytes; (bytes = await from.read(buffer)) !== null;) {
        if (broken) continue;
        const part = buffer.subarray(0, Math.min(bytes, left));
        left -= part.length;
        for (let at = 0; at < part.length;) at += await to.write(part.subarray(at));
        incoming.push(part);
        if (left > 0) continue;
        // Both ends get what came up to here, and nothing more.
        broken = true;
        await Promise.all([up.closeWrite(), down.closeWrite()]);
      }
      if (!broken) await to.closeWrite();
    };
    await Promise.allSettled([pump(down, up), pump(up, down)]); // an end that has closed by then is no failure
    up.close();
    down.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#running;
  }
}
