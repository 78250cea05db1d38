// `limits.memoryBudgetBytes`: what counts, who may come in, and who has to go.

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { createServer, MessageProtocol, type ServerOptions, type TcpServer, type TCPSocket } from "../../mod.ts";
import { frames, lengthPrefixed } from "../../src/framing/mod.ts";
import { createNetwork } from "../../src/testing/mod.ts";
import { Account } from "../../src/socket/account.ts";
import { MemoryBudget } from "../../src/limits/memory_budget.ts";
import { connectionOf } from "../../src/socket/socket_facts.ts";
import { LoopbackClient } from "../support/loopback_client.ts";

const MIB = 1_024 * 1_024;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A server of frames that says how long each was. */
function listen(options: ServerOptions) {
  const app = createServer("tcp", options);
  const errors: (string | undefined)[] = [];
  app.onError((error) => errors.push(error.code));
  app.onConnection((socket) => {
    const protocol = new MessageProtocol(socket, { codec: lengthPrefixed({ maxFrameBytes: 8 * MIB }) }).attach();
    protocol.onMessage = (body) => void socket.write(`${body.length}\n`);
  });
  app.listen(0, "127.0.0.1");
  return { app, errors, port: app.address()!.port }; // it listens
}

/** The beginning of a frame: so many bytes of it, and as many are missing if nothing else is said. */
function half(bytes: number, total = 2 * bytes): Uint8Array {
  const frame = new Uint8Array(4 + bytes);
  new DataView(frame.buffer).setUint32(0, total);
  return frame;
}

const held = (app: TcpServer) => app.metrics().heldBytes;

Deno.test("many small holders of one address have to go, and an honest uploader of another stays", async () => {
  const { app, errors, port } = listen({ limits: { memoryBudgetBytes: 3 * MIB } });
  await using _closed = app;
  using uploader = await LoopbackClient.connect("127.0.0.3", port);
  uploader.write(half(MIB / 2));
  await until(() => held(app) > MIB / 2);
  const attackers = await Promise.all(
    Array.from({ length: 40 }, () => LoopbackClient.connect("127.0.0.2", port)),
  );
  for (const attacker of attackers) attacker.write(half(100_000));
  await until(() => app.metrics().closed.overflow > 0 && held(app) <= 3 * MIB);
  await Promise.race(attackers.map(({ closed }) => closed));
  assert(errors.every((code) => code === "EOVERFLOW"));
  uploader.write(new Uint8Array(MIB / 2));
  assert(await uploader.reads(`${MIB}\n`), "the uploader is answered");
  for (const attacker of attackers) attacker[Symbol.dispose]();
  uploader.end();
  await until(() => app.connections.size === 0);
  assertEquals([app.metrics().heldBytes, app.metrics().queuedBytes], [0, 0]);
});

Deno.test("from 80 % on nothing new is accepted, until there is less", async () => {
  const { app, port } = listen({ limits: { memoryBudgetBytes: MIB, dropWhenFull: true } });
  await using _closed = app;
  using first = await LoopbackClient.connect("127.0.0.2", port);
  first.write(half(900_000, 1_000_000));
  await until(() => held(app) >= 900_000);
  using second = await LoopbackClient.connect("127.0.0.3", port);
  second.write(half(5));
  // The one whose accept was under way already.
  await until(() => app.connections.size === 2);
  using third = await LoopbackClient.connect("127.0.0.4", port);
  third.write(half(5));
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals([app.connections.size, app.metrics().dropped.full], [2, 0]);
  first.write(new Uint8Array(100_000));
  assert(await first.reads("1000000\n"));
  await until(() => app.connections.size === 3);
});

Deno.test("peers that hold much below the budget keep nobody out for longer than a second", async () => {
  await using network = createNetwork();
  const app = createServer("tcp", { limits: { memoryBudgetBytes: MIB } });
  const port = network.listen(app.onConnection((socket) => {
    const protocol = new MessageProtocol(socket, { codec: lengthPrefixed() }).attach();
    protocol.onMessage = (body) => void socket.write(`${body.length}\n`);
  }));
  const holder = await network.connect(port);
  holder.write(half(900_000, 1_000_000));
  await network.advance(10);
  assertEquals(held(app), 900_004);
  const newcomers: TCPSocket[] = [];
  for (let i = 0; i < 5; i++) newcomers.push(await network.connect(port));
  await network.advance(950);
  assertEquals(app.connections.size, 2, "the first one's accept was under way already");
  await network.advance(100);
  assertEquals(app.connections.size, 6);
  newcomers.push(await network.connect(port));
  await network.advance(10);
  assertEquals(app.connections.size, 7, "nobody waits a second time");
  assertEquals(app.metrics().closed.overflow, 0, "nobody had to go");
  // It has become less, and is more again: newcomers wait as before.
  holder.write(new Uint8Array(100_000));
  await network.advance(10);
  assertLessOrEqual(held(app), MIB / 2);
  holder.write(half(900_000, 1_000_000));
  await network.advance(10);
  for (let i = 0; i < 2; i++) newcomers.push(await network.connect(port));
  await network.advance(950);
  assertEquals(app.connections.size, 8);
  await network.advance(100);
  assertEquals(app.connections.size, 9);
  for (const socket of [holder, ...newcomers]) socket.destroy();
});

Deno.test("what nobody takes, and what waits to be sent, counts, with a budget and without", async () => {
  for (const memoryBudgetBytes of [Infinity, 100 * MIB]) {
    const app = createServer("tcp", { limits: { memoryBudgetBytes } });
    await using _closed = app;
    app.onConnection((socket) => {
      socket.pause();
      socket.write(new Uint8Array(15 * MIB));
    });
    app.listen(0, "127.0.0.1");
    using client = await LoopbackClient.connect("127.0.0.2", app.address()!.port); // it listens
    client.pause();
    client.write(new Uint8Array(200));
    await until(() => app.connections.size === 1);
    const [socket] = app.connections;
    await until(() => socket!.bytesRead === 200);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { heldBytes, queuedBytes } = app.metrics();
    assertEquals(heldBytes - queuedBytes, 200);
    assertGreater(queuedBytes, MIB);
    assertLessOrEqual(queuedBytes, 15 * MIB);
    client.resume();
    await until(() => app.metrics().queuedBytes === 0);
    socket!.destroy();
    await until(() => app.connections.size === 0);
    assertEquals(app.metrics().heldBytes, 0);
  }
});

Deno.test("what frames(socket) keeps of a frame counts, with a budget and without", async () => {
  for (const memoryBudgetBytes of [Infinity, MIB]) {
    const app = createServer("tcp", { limits: { memoryBudgetBytes } });
    await using _closed = app;
    app.onError(() => {});
    app.onConnection(async (socket) => {
      for await (const frame of frames(socket, lengthPrefixed())) socket.write(`${frame.length}\n`);
    });
    app.listen(0, "127.0.0.1");
    const { port } = app.address()!; // it listens
    using client = await LoopbackClient.connect("127.0.0.2", port);
    client.write(half(100_000));
    await until(() => held(app) === 100_004);
    client.write(new Uint8Array(100_000));
    assert(await client.reads("200000\n"));
    await until(() => held(app) === 0);
    if (memoryBudgetBytes === Infinity) continue;
    const attackers = await Promise.all(
      Array.from({ length: 3 }, () => LoopbackClient.connect("127.0.0.3", port)),
    );
    for (const attacker of attackers) attacker.write(half(500_000));
    await until(() => app.metrics().closed.overflow > 0 && held(app) <= MIB);
    for (const attacker of attackers) attacker[Symbol.dispose]();
  }
});

Deno.test("a frame of 1 MiB that is queued for 1,024 slow members counts once", async () => {
  // As the library does it for each member, over connections that take nothing.
  const members = 1_024;
  let over = 0;
  const budget = new MemoryBudget(2 * MIB, { over: () => over++, relieved: () => {} });
  const frame = new Uint8Array(MIB);
  const accounts = Array.from({ length: members }, () => {
    const queue = { sentBytes: 0, length: 0 };
    const owner = { queue, reader: { held: undefined }, holders: undefined };
    const account: Account = Reflect.construct(Account, [owner, budget]);
    queue.length += frame.length;
    account.keeps(frame);
    account.touch();
    return { queue, account };
  });
  await Promise.resolve();
  assertEquals([budget.heldBytes, budget.queuedBytes, over], [MIB, MIB, 0]);
  assertEquals(Math.round(accounts[0]!.account.bytes), MIB / members);
  for (const { queue, account } of accounts.slice(1)) {
    queue.sentBytes += frame.length;
    queue.length = 0;
    account.touch();
  }
  await Promise.resolve();
  assertEquals(budget.heldBytes, MIB, "one still waits for it");
  accounts[0]!.account.close();
  assertEquals([budget.heldBytes, budget.keepersOf(frame)], [0, 0]);
});

Deno.test("a broadcast of one frame to real members that do not read counts once, with a budget and without", async () => {
  for (const memoryBudgetBytes of [Infinity, 20 * MIB]) {
    const app = createServer("tcp", { limits: { memoryBudgetBytes } });
    await using _closed = app;
    const sockets: TCPSocket[] = [];
    app.onConnection((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
    const { port } = app.address()!; // it listens
    const clients = await Promise.all(
      Array.from({ length: 8 }, (_, i) => LoopbackClient.connect(`127.0.2.${i + 1}`, port)),
    );
    for (const client of clients) client.pause();
    await until(() => sockets.length === 8);
    // The kernel takes what it can of the first ones; what is behind waits for everybody.
    const frame = new Uint8Array(7 * MIB);
    for (const socket of sockets) {
      socket.write(frame);
      socket.write(frame);
    }
    await until(() => sockets.every(({ writableLength }) => writableLength > 0));
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertLessOrEqual(app.metrics().queuedBytes, 7 * MIB);
    assertEquals(app.metrics().closed.overflow, 0);
    for (const client of clients) client.resume();
    await until(() => app.metrics().queuedBytes === 0);
    for (const client of clients) client[Symbol.dispose]();
  }
});

Deno.test("bytes that are transferred when a part of them is sent end their connection, and leave the budget", async () => {
  const app = createServer("tcp", { limits: { memoryBudgetBytes: 64 * MIB } });
  await using _closed = app;
  const connected = Promise.withResolvers<TCPSocket>();
  app.onConnection((socket) => connected.resolve(socket.resume()));
  app.listen(0, "127.0.0.1");
  using client = await LoopbackClient.connect("127.0.0.2", app.address()!.port);
  client.pause();
  const socket = await connected.promise;
  const bytes = new Uint8Array(16 * MIB);
  const written = Promise.withResolvers<unknown>();
  socket.write(bytes, written.resolve);
  await until(() => socket.writableLength < bytes.length); // the kernel has taken a part, and has no room
  bytes.buffer.transfer();
  client.resume();
  const error = await written.promise; // nobody else is told
  assertEquals((await socket.closed).error, error);
  assertEquals(Reflect.get(Object(error), "code"), "ERR_INVALID_STATE");
  assertEquals([app.metrics().heldBytes, app.metrics().queuedBytes], [0, 0]);
});

Deno.test("updateLimits lowers, raises and removes the budget", async () => {
  const { app, errors, port } = listen({});
  await using _closed = app;
  const clients = await Promise.all(
    Array.from({ length: 4 }, (_, i) => LoopbackClient.connect(`127.0.0.${i + 2}`, port)),
  );
  for (const client of clients) client.write(half(MIB));
  await until(() => held(app) >= 4 * MIB);
  app.updateLimits({ memoryBudgetBytes: 10 * MIB });
  await until(() => held(app) >= 4 * MIB);
  assertEquals(app.connections.size, 4);
  app.updateLimits({ memoryBudgetBytes: 3 * MIB });
  await until(() => app.connections.size === 2);
  assertEquals([errors, app.metrics().closed.overflow], [["EOVERFLOW", "EOVERFLOW"], 2]);
  app.updateLimits({ memoryBudgetBytes: 2 * MIB + 100_000 });
  using waiting = await LoopbackClient.connect("127.0.0.9", port);
  app.updateLimits({ memoryBudgetBytes: null });
  waiting.write(half(5));
  await until(() => app.connections.size === 3);
  for (const socket of app.connections) assertEquals(connectionOf(socket).account, undefined);
  for (const client of clients) client[Symbol.dispose]();
});
