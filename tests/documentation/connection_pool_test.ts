/** A bound on connections: the class that the documentation has its readers write, and the library's own. */

import { assertEquals } from "@std/assert";
import { ConnectionPool, createServer, type TCPSocket } from "@verb/tcp";
import { Peer } from "./peer.ts";

/** As short as a reader would write it. */
class HandmadePool {
  readonly #sockets = new Set<TCPSocket>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  addConnection(socket: TCPSocket): boolean {
    if (this.#sockets.size >= this.#max) {
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    return true;
  }

  getConnectionCount(): number {
    return this.#sockets.size;
  }
}

/** A server that serves whom the pool takes: it says how many there are, and "bye" to "quit". */
function serve(pool: HandmadePool | ConnectionPool) {
  const app = createServer();
  const refused: TCPSocket[] = [];
  app.onConnection((socket) => {
    if (!pool.addConnection(socket)) return void refused.push(socket);
    socket.write(`${pool.getConnectionCount()}`);
    socket.on("data", () => socket.end("bye"));
  });
  app.listen(0, "127.0.0.1");
  return { app, refused, port: app.address()!.port }; // listen() has bound at once
}

for (
  const [kind, makePool] of [
    ["a handmade pool", (max: number) => new HandmadePool(max)],
    ["ConnectionPool", (max: number) => new ConnectionPool(max)],
  ] as const
) {
  Deno.test(`${kind} destroys the connection over its bound and takes the next one when one has left`, async () => {
    const pool = makePool(2);
    const { app, refused, port } = serve(pool);
    await using _closed = app;
    using first = await Peer.connect(port);
    assertEquals(await first.readText("1"), "1");
    using second = await Peer.connect(port);
    assertEquals(await second.readText("2"), "2");
    using third = await Peer.connect(port);
    assertEquals((await third.readToEnd()).length, 0);
    assertEquals([pool.getConnectionCount(), refused.length], [2, 1]);

    const [leaving] = app.connections;
    const left = leaving?.closed;
    await first.write("quit");
    assertEquals(String(await first.readToEnd()), "bye");
    first.close();
    await left;
    using fourth = await Peer.connect(port);
    assertEquals(await fourth.readText("2"), "2");
  });
}

Deno.test("ConnectionPool counts a socket that is added twice once", async () => {
  const pool = new ConnectionPool(1);
  await using app = createServer();
  const answers: boolean[] = [];
  app.onConnection((socket) => {
    answers.push(pool.addConnection(socket), pool.addConnection(socket));
    socket.end(`${pool.getConnectionCount()}`);
  });
  app.listen(0, "127.0.0.1");
  using peer = await Peer.connect(app.address()!.port); // listen() has bound at once
  assertEquals(String(await peer.readToEnd()), "1");
  assertEquals(answers, [true, true]);
  const [socket] = app.connections;
  peer.close();
  await socket?.closed;
  assertEquals(pool.getConnectionCount(), 0);
});

Deno.test("ConnectionPool does not take a socket that is closed", async () => {
  const pool = new ConnectionPool();
  await using app = createServer();
  const answer = Promise.withResolvers<boolean>();
  app.onConnection((socket) => {
    socket.on("close", () => answer.resolve(pool.addConnection(socket)));
    socket.destroy();
  });
  app.listen(0, "127.0.0.1");
  using _peer = await Peer.connect(app.address()!.port); // listen() has bound at once
  assertEquals(await answer.promise, false);
  assertEquals(pool.getConnectionCount(), 0);
});

Deno.test("ConnectionPool takes 100 connections unless it is told otherwise", () => {
  assertEquals([new ConnectionPool().maxConnections, new ConnectionPool(1000).maxConnections], [100, 1000]);
});
