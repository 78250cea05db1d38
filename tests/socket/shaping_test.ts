// `limits.readBytesPerSecond` and `writeBytesPerSecond`: by not reading and by not writing, and nobody is blamed for it.

import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual, assertThrows } from "@std/assert";
import { createServer, framed, type ServerOptions, TCPSocket } from "../../mod.ts";
import { lengthPrefixed } from "../../src/framing/mod.ts";
import { connect } from "../../tcp.ts";
import { authority, server as pair } from "../tls/support.ts";

const KIB = 1_024;

function listen(options: ServerOptions, onConnection: (socket: TCPSocket) => void, tls: boolean) {
  const app = createServer("tcp", { ...options, ...(tls ? { tls: { cert: pair.cert, key: pair.key } } : {}) });
  app.onConnection(onConnection).listen(0, "127.0.0.1");
  const { port } = app.address()!; // it listens
  const client = () =>
    connect({
      port,
      host: tls ? "localhost" : "127.0.0.1",
      ...(tls ? { tls: { ca: authority.cert } } : {}),
    });
  return { app, client };
}

for (const tls of [false, true]) {
  const how = tls ? "TLS" : "plain";

  Deno.test(`readBytesPerSecond reads a second's worth at once, and then no faster (${how})`, async () => {
    let read = 0;
    const deadlines = { idleReadMs: 200, rate: { bytesPerSecond: 100_000_000, graceMs: 200 } };
    const { app, client } = listen({ limits: { readBytesPerSecond: 200 * KIB }, deadlines }, (socket) => {
      socket.on("data", (data) => read += data.length);
    }, tls);
    await using _closed = app;
    const started = performance.now();
    const socket = await client();
    socket.end(new Uint8Array(300 * KIB));
    socket.resume();
    const { reason, error } = await socket.closed;
    const seconds = (performance.now() - started) / 1_000;
    assertEquals([read, reason, error], [300 * KIB, "local", undefined]);
    assertGreaterOrEqual(seconds, 0.4, "100 KiB more than the burst at 200 a second");
    while (app.connections.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(app.metrics().closed.peer, 1);
  });

  Deno.test(`writeBytesPerSecond writes no faster, and holds no more than the queue's bound (${how})`, async () => {
    const deadlines = { flushMs: 150, rate: { bytesPerSecond: 100_000_000, graceMs: 150 } };
    const { app, client } = listen({ limits: { writeBytesPerSecond: 200 * KIB }, deadlines }, (socket) => {
      socket.end(new Uint8Array(300 * KIB));
    }, tls);
    await using _closed = app;
    const started = performance.now();
    let read = 0;
    for await (const chunk of await client()) read += chunk.length;
    const seconds = (performance.now() - started) / 1_000;
    assertEquals(read, 300 * KIB);
    assertGreaterOrEqual(seconds, 0.4);
    assertEquals(app.metrics().bytesWritten, 300 * KIB);
  });
}

for (const tls of [false, true]) {
  Deno.test(`a frame that waits for tokens is neither too slow nor too late (${tls ? "TLS" : "plain"})`, async () => {
    const deadlines = { frameMs: 600, rate: { bytesPerSecond: 100 * KIB * KIB, graceMs: 600 } };
    const { app, client } = listen({ limits: { readBytesPerSecond: 200 * KIB }, deadlines }, (socket) => {
      framed(socket, lengthPrefixed()).on("message", (body) => socket.end(`${body.length}`));
    }, tls);
    await using _closed = app;
    const socket = await client();
    const started = performance.now();
    framed(socket, lengthPrefixed()).send(new Uint8Array(450 * KIB));
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    assertEquals(answer, `${450 * KIB}`);
    assertGreaterOrEqual(performance.now() - started, 1_000, "250 KiB more than the burst at 200 a second");
  });
}

Deno.test("a connection that waits for tokens can be destroyed, and keeps no timer", async () => {
  const { app, client } = listen({ limits: { readBytesPerSecond: 1, writeBytesPerSecond: 1 } }, (socket) => {
    socket.write("hello");
    socket.resume();
  }, false);
  const socket = await client();
  socket.write("hello");
  while (app.metrics().bytesRead === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const [accepted] = app.connections;
  accepted!.destroy();
  await accepted!.closed;
  socket.destroy();
  await app.close();
});

Deno.test("a shaped connection goes on with TLS (upgradeTls), and its plaintext counts", async () => {
  const app = createServer("tcp", { limits: { readBytesPerSecond: 100 * KIB } });
  await using _closed = app;
  let read = 0;
  app.onConnection((socket) => {
    socket.once("data", () => {
      socket.write("go");
      void socket.upgradeTls({ cert: pair.cert, key: pair.key }).then(() => {
        socket.on("data", (data) => read += data.length);
      });
    });
  });
  app.listen(0, "127.0.0.1");
  const client = new TCPSocket();
  client.connect(app.address()!.port, "localhost"); // it listens
  client.write("STARTTLS");
  await new Promise((resolve) => client.once("data", resolve));
  await client.upgradeTls({ ca: authority.cert });
  const started = performance.now();
  client.end(new Uint8Array(130 * KIB));
  client.resume();
  await client.closed;
  assertEquals(read, 130 * KIB);
  assertGreaterOrEqual(performance.now() - started, 200);
});

Deno.test("a client's own limits hold, too, and wrong ones are refused", async () => {
  const { app } = listen({}, (socket) => socket.end(new Uint8Array(30 * KIB)), false);
  await using _closed = app;
  const port = app.address()!.port;
  const started = performance.now();
  const socket = await connect({ port, host: "127.0.0.1", limits: { readBytesPerSecond: 20 * KIB } });
  let [read, largest] = [0, 0];
  for await (const chunk of socket) {
    read += chunk.length;
    largest = Math.max(largest, chunk.length);
  }
  assertEquals(read, 30 * KIB);
  assertLessOrEqual(largest, 20 * KIB);
  assertGreaterOrEqual(performance.now() - started, 400);
  for (const readBytesPerSecond of [0, -1, 1.5]) {
    assertThrows(() => new TCPSocket({ limits: { readBytesPerSecond } }), RangeError, '"limits.readBytesPerSecond"');
  }
  assert(new TCPSocket({ limits: { writeBytesPerSecond: Infinity } }));
});
