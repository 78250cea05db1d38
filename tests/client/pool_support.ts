/** What the tests of pools share: a line protocol that logs in, asks and is answered in order, and its server. */

import { startTimer } from "../../src/base/clock.ts";
import { lines } from "../../src/framing/mod.ts";
import { createNetwork, type Network } from "../../src/testing/mod.ts";
import { assertEquals } from "@std/assert";
import { Uncaught } from "./support.ts";
import { createServer, framed, type FramedSocket, type TcpServer, type TCPSocket } from "../../mod.ts";
import { createPool, type Pool, type PoolMetrics, type PoolOptions, TcpError } from "../../tcp.ts";

/** One connection of a client: asks a line and gets a line. */
export class Asker {
  readonly socket: TCPSocket;
  /** A test leaves something on the connection. */
  dirty = false;
  readonly #peer: FramedSocket<string>;
  readonly #asked: PromiseWithResolvers<string>[] = [];

  constructor(socket: TCPSocket) {
    this.socket = socket;
    this.#peer = framed(socket, lines());
    this.#peer.on("message", (line) => this.#asked.shift()?.resolve(line));
    socket.on("close", () => {
      for (const { reject } of this.#asked.splice(0)) reject(new Error("unanswered"));
    });
  }

  ask(line: string): Promise<string> {
    const answer = Promise.withResolvers<string>();
    this.#asked.push(answer);
    this.#peer.send(line);
    return answer.promise;
  }
}

/** A server that answers lines in capitals. What it should do otherwise is the line itself. */
export function lineServer(): TcpServer {
  const app = createServer();
  app.onError(() => {}); // clients go as they like
  app.onConnection((socket) => {
    const peer = framed(socket, lines());
    peer.on("message", (line) => {
      if (line === "close") socket.end();
      else if (line === "cut") socket.destroy();
      else if (line !== "hang") peer.send(line.toUpperCase());
    });
  });
  return app;
}

/** Resolves after so many milliseconds of the library's clock. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => void startTimer(resolve, ms));
}

/** A pool of askers over that network, and its server. */
export function askers(
  network: Network,
  options: Partial<PoolOptions<Asker>> = {},
): { pool: Pool<Asker>; app: TcpServer } {
  const app = lineServer();
  const port = network.listen(app);
  const pool = createPool<Asker>({ port, network, setup: (socket) => new Asker(socket), ...options });
  return { pool, app };
}

/** What a pool holds at the moment, in the order open, idle, leased, dialling, waiting. */
export function standing({ open, idle, leased, dialling, waiting }: PoolMetrics): number[] {
  return [open, idle, leased, dialling, waiting];
}

/** What the counts say went, by cause, without those that are 0. */
export function gone({ destroyed }: PoolMetrics): Record<string, number> {
  return Object.fromEntries(Object.entries(destroyed).filter(([, count]) => count > 0));
}

/** Moves time until it has settled. */
export async function settled<T>(network: Network, promise: Promise<T>): Promise<T> {
  let open = true;
  const watched = promise.finally(() => open = false);
  watched.catch(() => {}); // the caller sees it
  for (let step = 0; open; step++) {
    if (step === 100_000) throw new Error("It does not settle");
    await network.advance(10);
  }
  return await watched;
}

/** A test without any permission: nothing of the system is needed, and the time is the test's. */
export function alone(name: string, fn: (network: Network) => Promise<void>): void {
  Deno.test({
    name,
    permissions: "none",
    async fn() {
      using uncaught = new Uncaught();
      await using network = createNetwork();
      await network.advance(0);
      await fn(network);
      await network.advance(0);
      assertEquals(uncaught.seen, []);
    },
  });
}

/** The code that it rejects with, or the reason where that has none. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const error = await promise.then(() => "nothing was thrown", (error) => error);
  return error instanceof TcpError ? error.code : error;
}
