// How many handshakes there may be, who waits and who is dropped, and what becomes of them when the server closes.

import { assert, assertEquals } from "@std/assert";
import { once } from "node:events";
import { createServer, type ServerOptions, type TcpServer, type TCPSocket } from "../../mod.ts";
import { descriptorsAt, descriptorsFall } from "../support/descriptors.ts";
import { clientHello, openPeer, openStalledPeer } from "./faulty_peers.ts";
import { connectTo, listen, listenEcho, server } from "./support.ts";

const tls = { cert: server.cert, key: server.key };
const ENGINES: readonly (readonly ["node" | "deno", ServerOptions])[] = [
  ["node", { tls: { ...tls, engine: "node" } }],
  ["deno", { tls: { ...tls, engine: "deno" }, tcp: { noDelay: false } }],
];

/** Twenty turns of an echo: whatever the server could do meanwhile is done. */
async function echoes(socket: TCPSocket): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    socket.write(`${turn}`);
    const [data] = await once(socket, "data");
    assertEquals(String(data), `${turn}`);
  }
}

/** Resolves when the server has told of a handshake that failed. */
async function nextFailure(app: TcpServer): Promise<void> {
  await new Promise((resolve) => app.once("tlsClientError", resolve));
}

/** Says that so many sockets of the server are open in this process, where the system tells. */
async function assertDescriptors(app: TcpServer, expected: number): Promise<void> {
  const { port } = app.address()!; // callers listen
  assertEquals(await descriptorsAt(port) ?? expected, expected);
}

for (const [engine, options] of ENGINES) {
  Deno.test(`limits.maxHandshakes lets further peers wait in the kernel (${engine})`, async () => {
    await using app = listenEcho({ ...options, limits: { maxHandshakes: 2 } });
    const { port } = app.address()!; // it listens
    const before = await connectTo(app);
    await using first = await openStalledPeer(port);
    await using _second = await openStalledPeer(port);
    const connecting = connectTo(app);
    connecting.catch(() => {/* told where it is awaited */});
    await using waiting = await openPeer(port);
    waiting.socket.write(clientHello);
    await echoes(before);
    assertEquals([app.metrics().preparing, app.connections.size, waiting.socket.bytesRead], [2, 1, 0]);
    await assertDescriptors(app, 4);
    const failed = nextFailure(app);
    first.socket.destroy();
    await failed;
    const after = await connecting;
    await echoes(after);
    await waiting.answered;
    assertEquals([app.metrics().preparing, app.metrics().closed.tls], [2, 1]);
    before.destroy();
    after.destroy();
  });

  Deno.test(`limits.maxConnections counts handshakes, and lets further peers wait in the kernel (${engine})`, async () => {
    await using app = listenEcho({ ...options, limits: { maxConnections: 2 } });
    const { port } = app.address()!; // it listens
    const before = await connectTo(app);
    await using stalled = await openStalledPeer(port);
    const connecting = connectTo(app);
    connecting.catch(() => {/* told where it is awaited */});
    await echoes(before);
    assertEquals([app.metrics().preparing, app.connections.size], [1, 1]);
    await assertDescriptors(app, 3);
    const failed = nextFailure(app);
    stalled.socket.destroy();
    await failed;
    const after = await connecting;
    await echoes(after);
    assertEquals([app.metrics().preparing, app.connections.size, app.metrics().accepted], [0, 2, 3]);
    before.destroy();
    after.destroy();
  });

  Deno.test(`limits.dropWhenFull drops peers before their handshake (${engine})`, async () => {
    await using app = listenEcho({ ...options, limits: { maxConnections: 2, dropWhenFull: true } });
    const { port } = app.address()!; // it listens
    const before = await connectTo(app);
    const stalled = await openStalledPeer(port);
    const dropped: (number | undefined)[] = [];
    const failed: (string | undefined)[] = [];
    app.on("drop", ({ remotePort }) => dropped.push(remotePort));
    app.on("tlsClientError", ({ code }) => failed.push(code));
    const drop = once(app, "drop");
    await using late = await openPeer(port);
    const { localPort } = late.socket;
    await drop;
    assertEquals([dropped, failed, app.metrics().accepted], [[localPort], [], 1]);
    late.socket.destroy();
    await echoes(before);
    const left = nextFailure(app);
    await stalled[Symbol.asyncDispose]();
    await left;
    assert(await descriptorsFall(port, 2), "only the listener and the honest client may be left");
    const after = await connectTo(app);
    await echoes(after);
    assertEquals([app.connections.size, dropped.length, failed], [2, 1, ["ECONNRESET"]]);
    before.destroy();
    after.destroy();
  });

  Deno.test(`an iteration gets an honest client although a silent peer stands in front of it (${engine})`, async () => {
    await using app = listen(options);
    const { port } = app.address()!; // it listens
    await using silent = await openPeer(port);
    const connecting = connectTo(app);
    connecting.catch(() => {/* told where it is awaited */});
    for await (const socket of app) {
      assertEquals([socket.encrypted, app.metrics().preparing], [true, 1]);
      socket.end("hello");
      socket.resume();
      break; // closes the listener, and the handshakes with it
    }
    const honest = await connecting;
    const [data] = await once(honest, "data");
    assertEquals(String(data), "hello");
    await honest.closed;
    assertEquals([app.metrics().preparing, app.metrics().closed.shutdown], [0, 1]);
    // The runtime's own TLS frees the descriptor when the peer goes.
    if (engine === "node") await silent.closed;
    else await silent[Symbol.asyncDispose]();
    assert(await descriptorsFall(port, 0));
  });

  for (const how of ["close", "destroy"] as const) {
    Deno.test(`app.${how}() ends the handshakes that are under way, at once (${engine})`, async () => {
      const app = listenEcho({ ...options, deadlines: { handshakeMs: 0 } });
      const { port } = app.address()!; // it listens
      const failed: unknown[] = [];
      app.on("tlsClientError", (error) => failed.push(error));
      const silent = await Promise.all(Array.from({ length: 20 }, () => openPeer(port)));
      const stalled = await openStalledPeer(port);
      assertEquals(app.metrics().preparing, 21);
      const closed = once(app, "close");
      if (how === "close") assertEquals((await app.close({ drainMs: 3_600_000 })).forced, 0);
      else app.destroy();
      await closed;
      assertEquals([app.metrics().preparing, app.metrics().closed.shutdown, failed], [0, 21, []]);
      if (engine === "node") await Promise.all([...silent, stalled].map((peer) => peer.closed));
      else for (const peer of [...silent, stalled]) await peer[Symbol.asyncDispose]();
      assert(await descriptorsFall(port, 0));
    });
  }

  Deno.test(`app.close({ settleMs }) still does handshakes while it settles (${engine})`, async () => {
    const app = listenEcho(options);
    const { port } = app.address()!; // it listens
    const stalled = await openStalledPeer(port);
    const closing = app.close({ settleMs: 3_600_000 });
    const late = await connectTo(app);
    await echoes(late);
    assertEquals([app.ready, app.metrics().preparing], [false, 1]);
    late.destroy();
    await late.closed;
    app.destroy();
    await closing;
    await stalled[Symbol.asyncDispose]();
    assert(await descriptorsFall(port, 0));
  });
}

Deno.test("a consumer that takes its time finds the connection that got ready meanwhile", async () => {
  const app = createServer("tcp", { tls }).listen(0, "127.0.0.1");
  const sockets = app[Symbol.asyncIterator]();
  const clients = [connectTo(app)];
  const ports = [(await sockets.next()).value?.remotePort];
  clients.push(connectTo(app));
  await clients[1]; // nobody asks for it
  assertEquals([app.metrics().preparing, app.connections.size], [1, 1]);
  ports.push((await sockets.next()).value?.remotePort);
  assertEquals([app.metrics().preparing, app.connections.size], [0, 2]);
  assertEquals(ports, await Promise.all(clients.map(async (client) => (await client).localPort)));
  app.destroy();
  for (const client of clients) (await client).destroy();
  assertEquals((await sockets.next()).done, true);
});

Deno.test("a tlsClientError listener that throws is told to onError, and the server goes on", async () => {
  await using app = listenEcho({ tls });
  const told = Promise.withResolvers<string>();
  app.onError((error) => told.resolve(error.message));
  app.on("tlsClientError", () => {
    throw new Error("the listener's own fault");
  });
  await using peer = await openPeer(app.address()!.port);
  peer.socket.end("no TLS at all");
  assertEquals(await told.promise, "the listener's own fault");
  const socket = await connectTo(app);
  await echoes(socket);
  socket.destroy();
});

Deno.test("a tlsClientError listener may destroy the server", async () => {
  const app = listenEcho({ tls, deadlines: { handshakeMs: 50 } });
  const { port } = app.address()!; // it listens
  let failed = 0;
  app.on("tlsClientError", () => {
    failed++;
    app.destroy();
  });
  const closed = once(app, "close");
  // A late one may find nobody there.
  const peers = Array.from({ length: 10 }, () => openPeer(port).catch(() => undefined));
  await closed;
  for (const peer of peers) await (await peer)?.closed;
  const { closed: { "deadline:handshake": late, shutdown } } = app.metrics();
  assertEquals([failed, late, app.metrics().preparing], [1, 1, 0]);
  assert(shutdown <= 9, `${shutdown} handshakes were ended with the server`);
  assert(await descriptorsFall(port, 0));
});
