/** The documentation's connection map: entries, timeouts, and the sweeper behind them. */

import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { once } from "node:events";
import { createServer, type TCPSocket } from "@verb/tcp";
import { connectResettable, Peer } from "./peer.ts";

interface Entry {
  readonly socket: TCPSocket;
  readonly connectedAt: number;
  lastActivity: number;
  authenticated: boolean;
}

interface Settings {
  timeoutMs: number;
  sweep: { everyMs: number; idleMs: number } | undefined;
}

/** A server with such a map, that tells what happens to whom. */
class Tracker implements AsyncDisposable {
  readonly app = createServer();
  readonly entries = new Map<string, Entry>();
  readonly #sweeper: ReturnType<typeof setInterval> | undefined;
  readonly #told: ReadableStreamDefaultReader<string>;

  constructor({ timeoutMs, sweep }: Settings) {
    let tell = (_what: string) => {};
    this.#told = new ReadableStream<string>({
      start: (controller) => void (tell = (what) => controller.enqueue(what)),
    }).getReader();

    this.app.onConnection((socket) => {
      const id = `${socket.remoteAddress}:${socket.remotePort}`;
      this.entries.set(id, { socket, connectedAt: Date.now(), lastActivity: Date.now(), authenticated: false });
      socket.on("data", (data) => {
        const entry = this.entries.get(id);
        if (entry !== undefined) entry.lastActivity = Date.now();
        socket.write(data);
      });
      socket.on("close", (hadError) => {
        this.entries.delete(id);
        tell(`close ${hadError} ${id}`);
      });
      socket.on("error", (error) => {
        this.entries.delete(id);
        tell(`error ${error.code} ${id}`);
      });
      socket.setTimeout(timeoutMs);
      socket.on("timeout", () => {
        tell(`timeout ${id}`);
        socket.destroy();
      });
    });
    this.app.listen(0, "127.0.0.1");

    if (sweep === undefined) return;
    this.#sweeper = setInterval(() => {
      const now = Date.now();
      for (const [id, { socket, lastActivity }] of this.entries) {
        if (now - lastActivity <= sweep.idleMs) continue;
        tell(`sweep ${id}`);
        socket.destroy();
        this.entries.delete(id);
      }
    }, sweep.everyMs);
  }

  get port(): number {
    return this.app.address()!.port; // it listens from the constructor to the end
  }

  /** The next thing that happened. */
  async next(): Promise<string | undefined> {
    return (await this.#told.read()).value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweeper);
    await this.app.close();
  }
}

Deno.test("a connection map has an entry for each connection until it closes", async () => {
  await using tracker = new Tracker({ timeoutMs: 300_000, sweep: undefined });
  using first = await Peer.connect(tracker.port);
  using second = await Peer.connect(tracker.port);
  await first.write("a");
  await second.write("b");
  await first.read(1);
  await second.read(1);
  assertEquals([...tracker.entries.keys()], [first.address, second.address]);
  const entry = tracker.entries.get(first.address);
  assert(entry !== undefined);
  assertGreaterOrEqual(entry.lastActivity, entry.connectedAt);

  first.close();
  assertEquals(await tracker.next(), `close false ${first.address}`);
  assertEquals([...tracker.entries.keys()], [second.address]);
});

Deno.test("a connection map loses its entry when the peer resets, error before close", async () => {
  await using tracker = new Tracker({ timeoutMs: 300_000, sweep: undefined });
  const peer = await connectResettable(tracker.port);
  peer.write("x");
  await once(peer, "data"); // so the server has it in its map
  const id = `127.0.0.1:${peer.localPort}`;
  assertEquals([...tracker.entries.keys()], [id]);
  peer.resetAndDestroy();
  assertEquals(await tracker.next(), `error ECONNRESET ${id}`);
  assertEquals(await tracker.next(), `close true ${id}`);
  assertEquals(tracker.entries.size, 0);
});

Deno.test("setTimeout tells of a silent connection, which its listener destroys", async () => {
  await using tracker = new Tracker({ timeoutMs: 50, sweep: undefined });
  using peer = await Peer.connect(tracker.port);
  assertEquals((await peer.readToEnd()).length, 0);
  assertEquals(await tracker.next(), `timeout ${peer.address}`);
  assertEquals(await tracker.next(), `close false ${peer.address}`);
  assertEquals(tracker.entries.size, 0);
});

Deno.test("a sweeper destroys the connections that were silent for too long", async () => {
  await using tracker = new Tracker({ timeoutMs: 300_000, sweep: { everyMs: 10, idleMs: 50 } });
  using peer = await Peer.connect(tracker.port);
  assertEquals((await peer.readToEnd()).length, 0);
  assertEquals(await tracker.next(), `sweep ${peer.address}`);
  assertEquals(await tracker.next(), `close false ${peer.address}`);
  assertEquals(tracker.entries.size, 0);
});
