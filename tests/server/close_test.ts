import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { connect, createServer, TcpError, type TcpServer, type TCPSocket } from "../../mod.ts";

async function pair(app: TcpServer): Promise<{ inside: TCPSocket; client: TCPSocket }> {
  const accepted = once(app, "connection");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  const [inside] = await accepted;
  return { inside, client };
}

Deno.test("close() stops accepting at once", async () => {
  const app = createServer().onConnection(() => {}).listen(0, "127.0.0.1");
  const { port } = app.address()!;
  const closed = app.close();
  assertEquals([app.listening, app.address()], [false, null]);
  await assertRejects(() => connect({ port, host: "127.0.0.1" }), TcpError, "ECONNREFUSED");
  await closed;
});

Deno.test("close() ends sockets without a shutdown listener, and peers that answer FIN with FIN close at once", async () => {
  const app = createServer().onConnection((socket) => socket.on("data", (data) => socket.write(data)));
  app.listen(0, "127.0.0.1");
  const { inside, client } = await pair(app);
  client.write("last words");
  const chunks: string[] = [];
  const echoed = new Promise<void>((resolve) => {
    client.on("data", (data) => {
      chunks.push(String(data));
      resolve();
    });
  });
  await echoed;
  await app.close({ drainMs: 60_000 });
  assertEquals((await inside.closed).reason, "local");
  assertEquals((await client.closed).reason, "peer");
  assertEquals(chunks, ["last words"]);
});

Deno.test("close() sends what is queued before it ends a socket", async () => {
  const app = createServer().onConnection((socket) => socket.write(new Uint8Array(8_000_000))).listen(0, "127.0.0.1");
  const { client } = await pair(app);
  const closed = app.close({ drainMs: 60_000 });
  let bytes = 0;
  for await (const chunk of client) bytes += chunk.length;
  assertEquals(bytes, 8_000_000);
  await closed;
});

Deno.test("close() hands over what was read before it ends a socket", async () => {
  const app = createServer().onConnection((socket) => socket.pause()).listen(0, "127.0.0.1");
  const { inside, client } = await pair(app);
  client.write("read, not delivered");
  // The chunk is held by the paused socket as soon as it counts as read.
  while (inside.bytesRead === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  client.resume();
  const closed = app.close({ drainMs: 60_000 });
  assertEquals(inside.writableEnded, false);
  const delivered = once(inside, "data");
  inside.on("data", () => {}).resume();
  assertEquals(String((await delivered)[0]), "read, not delivered");
  await closed;
  assertEquals((await inside.closed).reason, "local");
});

Deno.test("a socket with a shutdown listener ends itself, in its own time", async () => {
  const app = createServer();
  const order: string[] = [];
  app.onConnection((socket) => {
    socket.on("shutdown", () => {
      order.push("shutdown");
      socket.write("one moment", () => {
        order.push("written");
        socket.end("bye");
      });
    });
  }).listen(0, "127.0.0.1");
  const { client } = await pair(app);
  const closed = app.close({ drainMs: 60_000 }).then(() => order.push("closed"));
  assertEquals((await Array.fromAsync(client, String)).join(""), "one momentbye");
  await closed;
  assertEquals(order, ["shutdown", "written", "closed"]);
});

Deno.test("close() destroys what is left after drainMs, reason shutdown", async () => {
  const app = createServer().onConnection((socket) => socket.on("shutdown", () => {})).listen(0, "127.0.0.1");
  const { inside, client } = await pair(app);
  await app.close({ drainMs: 1 });
  assertEquals((await inside.closed).reason, "shutdown");
  assertEquals(app.metrics().closed.shutdown, 1);
  await client.closed;
});

Deno.test("close() is idempotent and gives the same promise", async () => {
  const app = createServer().listen(0, "127.0.0.1");
  assert(app.close() === app.close());
  await app.close();
});

Deno.test("a server that was closed listens again", async () => {
  const app = createServer().onConnection((socket) => socket.end("again"));
  for (let i = 0; i < 2; i++) {
    app.listen(0, "127.0.0.1");
    const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
    assertEquals((await Array.fromAsync(client, String)).join(""), "again");
    await app.close();
  }
});

Deno.test("close() refuses options it does not know", () => {
  assertThrows(() => createServer().close({ drain: 1 } as never), TypeError, "drain");
  assertThrows(() => createServer().close({ drainMs: -1 }), RangeError, "drainMs");
});

Deno.test("the server's close event follows the last socket's", async () => {
  const app = createServer();
  const order: string[] = [];
  app.onConnection((socket) => socket.on("close", () => order.push("socket"))).listen(0, "127.0.0.1");
  app.on("close", () => order.push("server"));
  const { client } = await pair(app);
  const closed = app.close();
  await client.closed;
  await closed;
  assertEquals(order, ["socket", "server"]);
});

Deno.test("destroy() ends everything now", async () => {
  const app = createServer().onConnection((socket) => socket.on("shutdown", () => {})).listen(0, "127.0.0.1");
  const { inside, client } = await pair(app);
  app.destroy();
  assertEquals([inside.destroyed, app.connections.size, app.listening], [true, 0, false]);
  await client.closed;
  await app.close();
});

Deno.test("for await takes one connection per turn and leaves the others in the backlog", async () => {
  await using app = createServer().listen(0, "127.0.0.1");
  const { port } = app.address()!;
  const clients = await Promise.all([1, 2, 3].map(() => connect({ port, host: "127.0.0.1" })));
  let taken = 0;
  for await (const socket of app) {
    taken++;
    assertEquals(app.metrics().accepted, taken);
    socket.end("one");
    if (taken === 3) break;
  }
  assertEquals(app.listening, false);
  for (const client of clients) assertEquals((await Array.fromAsync(client, String)).join(""), "one");
});

Deno.test("for await ends when the server is closed", async () => {
  const app = createServer().listen(0, "127.0.0.1");
  const iteration = Array.fromAsync(app);
  await app.close();
  assertEquals(await iteration, []);
});

Deno.test("iterating and onConnection exclude each other, and so do two iterations", async () => {
  await using handled = createServer().onConnection(() => {}).listen(0, "127.0.0.1");
  assertThrows(() => handled[Symbol.asyncIterator](), TypeError, "onConnection");
  await using iterated = createServer().listen(0, "127.0.0.1");
  const iteration = iterated[Symbol.asyncIterator]();
  assertThrows(() => iterated[Symbol.asyncIterator](), TypeError, "already");
  assertThrows(() => iterated.onConnection(() => {}), TypeError, "iteration");
  const next = iteration.next();
  await iterated.close();
  assertEquals((await next).done, true);
  assertThrows(() => createServer()[Symbol.asyncIterator](), TypeError, "listen()");
});

Deno.test("metrics() and connections follow a connection's life", async () => {
  await using app = createServer().onConnection((socket) => socket.on("data", (data) => socket.write(data)));
  app.listen(0, "127.0.0.1");
  const { inside, client } = await pair(app);
  client.write("12345");
  await once(client, "data");
  assertEquals([app.connections.size, app.connections.get(inside.id) === inside], [1, true]);
  const { open, accepted, bytesRead, bytesWritten } = app.metrics();
  assertEquals({ open, accepted, bytesRead, bytesWritten }, { open: 1, accepted: 1, bytesRead: 5, bytesWritten: 5 });
  client.end();
  await Promise.all([client.closed, inside.closed]);
  assertEquals([...app.connections], []);
  const after = app.metrics();
  assertEquals([after.open, after.closed.peer, after.bytesRead, after.bytesWritten], [0, 1, 5, 5]);
});
