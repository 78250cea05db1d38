import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { connect, createServer } from "../../mod.ts";

Deno.test("an iteration that ends late does not close the listener that came after its own", async () => {
  const app = createServer().listen(0, "127.0.0.1");
  const old = Array.fromAsync(app);
  const closed = app.close();
  app.listen(0, "127.0.0.1");
  assertEquals(await old, []);
  await closed;
  assertEquals(app.listening, true);
  await app.close();
});

Deno.test("listening is emitted once for listen, close and listen in one turn", async () => {
  const app = createServer();
  let events = 0;
  let first = 0;
  app.onListening(() => void events++);
  app.listen(0, "127.0.0.1", () => void first++);
  const closed = app.close();
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  await closed;
  assertEquals([events, first], [1, 0]);
  await app.close();
});

Deno.test("a drain destroys the connections it found, not those of a listener that came after", async () => {
  const app = createServer().onConnection((socket) => socket.on("shutdown", () => {})).listen(0, "127.0.0.1");
  const accepted = once(app, "connection");
  const stays = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  await accepted;
  const drained = app.close({ drainMs: 20 });
  app.listen(0, "127.0.0.1");
  const next = once(app, "connection");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  const [inside] = await next;
  await drained;
  await stays.closed;
  assertEquals([inside.destroyed, app.connections.size], [false, 1]);
  client.destroy();
  await app.close();
});

Deno.test("an iteration that is ended before its first turn frees the server", async () => {
  const app = createServer().listen(0, "127.0.0.1");
  await app[Symbol.asyncIterator]().return?.();
  assertEquals(app.listening, false);
  app.onConnection((socket) => socket.end("handled")).listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  assertEquals((await Array.fromAsync(client, String)).join(""), "handled");
  await app.close();
});

Deno.test("a server may be iterated some time after listen(), with peers waiting", async () => {
  const app = createServer().listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  for await (const socket of app) {
    socket.end("iterated");
    break;
  }
  assertEquals((await Array.fromAsync(client, String)).join(""), "iterated");
  await assertRejects(() => connect({ port: client.remotePort!, host: "127.0.0.1" }));
  await app.close();
});

Deno.test("onConnection after listen() gets the peers that wait", async () => {
  const app = createServer().listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  app.onConnection((socket) => socket.end("late"));
  assertEquals((await Array.fromAsync(client, String)).join(""), "late");
  assert(app.listening);
  await app.close();
});
