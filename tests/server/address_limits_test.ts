// Each limit on who may come in, alone: the refusal, its reason and its count, the honest neighbour, and what updates do.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createServer, type DropReason, type LimitsUpdate, type ServerOptions, type TcpServer } from "../../mod.ts";
import { LoopbackClient } from "../support/loopback_client.ts";
import { authority, server as pair } from "../tls/support.ts";
import { connect } from "../../tcp.ts";

interface Drop {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly reason: DropReason;
}

/** A server that echoes, and what it has dropped. */
function listen(options: ServerOptions = {}) {
  const app = createServer("tcp", options);
  const drops: Drop[] = [];
  app.onConnection((socket) => socket.pipe(socket));
  app.on("drop", (drop) => drops.push(drop));
  app.listen(0, "127.0.0.1");
  return { app, drops, port: app.address()!.port }; // it listens
}

/** Connects, and waits until it was let in or refused. */
async function tryFrom(address: string, port: number): Promise<LoopbackClient | undefined> {
  const client = await LoopbackClient.connect(address, port);
  if (await client.echoes()) return client;
  client[Symbol.dispose]();
  return undefined;
}

/** Waits until that holds. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function dropped(app: TcpServer): Record<string, number> {
  return Object.fromEntries(Object.entries(app.metrics().dropped).filter(([, count]) => count > 0));
}

Deno.test("limits.maxConnectionsPerAddress drops one more of an address, and nobody else", async () => {
  const { app, drops, port } = listen({ limits: { maxConnectionsPerAddress: 2 } });
  await using _closed = app;
  using first = await tryFrom("127.0.0.2", port);
  using second = await tryFrom("127.0.0.2", port);
  using refused = await LoopbackClient.connect("127.0.0.2", port);
  const { localPort } = refused;
  await refused.closed;
  using neighbour = await tryFrom("127.0.0.3", port);
  assert(first !== undefined && second !== undefined && neighbour !== undefined);
  assertEquals(drops, [{ remoteAddress: "127.0.0.2", remotePort: localPort, reason: "address" }]);
  assertEquals([dropped(app), app.metrics().accepted, app.metrics().open], [{ address: 1 }, 3, 3]);
  first[Symbol.dispose]();
  await until(() => app.connections.size === 2);
  using again = await tryFrom("127.0.0.2", port);
  assert(again !== undefined && await second.echoes() && await neighbour.echoes());
});

Deno.test("limits.acceptsPerSecondPerAddress drops who comes too often, and nobody else", async () => {
  const { app, drops, port } = listen({ limits: { acceptsPerSecondPerAddress: 0.001 } });
  await using _closed = app;
  using first = await tryFrom("127.0.0.2", port);
  assertEquals(await tryFrom("127.0.0.2", port), undefined);
  assertEquals(await tryFrom("127.0.0.2", port), undefined);
  using neighbour = await tryFrom("127.0.0.3", port);
  assert(await first?.echoes() && await neighbour?.echoes());
  assertEquals([drops.map(({ reason }) => reason), dropped(app)], [["rate", "rate"], { rate: 2 }]);
});

Deno.test("limits.deny wins over limits.allow, and who is not allowed is denied", async () => {
  const { app, drops, port } = listen({ limits: { allow: ["127.0.0.0/29"], deny: ["127.0.0.3"] } });
  await using _closed = app;
  using allowed = await tryFrom("127.0.0.2", port);
  assertEquals([await tryFrom("127.0.0.3", port), await tryFrom("127.0.0.8", port)], [undefined, undefined]);
  assert(await allowed?.echoes());
  assertEquals(drops.map(({ remoteAddress, reason }) => [remoteAddress, reason]), [
    ["127.0.0.3", "denied"],
    ["127.0.0.8", "denied"],
  ]);
  assertEquals([dropped(app), app.metrics().accepted], [{ denied: 2 }, 1]);
});

Deno.test("the judgement goes: denied, rate, address, full", async () => {
  const limits = { maxConnections: 1, dropWhenFull: true, maxConnectionsPerAddress: 1 };
  const { app, drops, port } = listen({
    limits: { ...limits, deny: ["127.0.0.3"], acceptsPerSecondPerAddress: 0.001 },
  });
  await using _closed = app;
  using _first = await tryFrom("127.0.0.2", port);
  for (const address of ["127.0.0.3", "127.0.0.2", "127.0.0.4"]) {
    assertEquals(await tryFrom(address, port), undefined);
  }
  app.updateLimits({ acceptsPerSecondPerAddress: null });
  assertEquals(await tryFrom("127.0.0.2", port), undefined);
  assertEquals(drops.map(({ reason }) => reason), ["denied", "rate", "full", "address"]);
});

Deno.test("a refusal by another limit takes no token of the rate", async () => {
  const { app, drops, port } = listen({ limits: { acceptsPerSecondPerAddress: 0.001, deny: ["127.0.0.2"] } });
  await using _closed = app;
  assertEquals(await tryFrom("127.0.0.2", port), undefined);
  app.updateLimits({ deny: null, maxConnections: 1, dropWhenFull: true });
  using neighbour = await tryFrom("127.0.0.3", port);
  assertEquals(await tryFrom("127.0.0.2", port), undefined);
  neighbour?.[Symbol.dispose]();
  await until(() => app.connections.size === 0);
  using late = await tryFrom("127.0.0.2", port);
  assert(late !== undefined);
  assertEquals(drops.map(({ reason }) => reason), ["denied", "full"]);
});

Deno.test("an IPv6 client is its /64, and IPv4 that comes over IPv6 is IPv4", async () => {
  const app = createServer("tcp", { limits: { maxConnectionsPerAddress: 1, allow: ["127.0.0.0/8", "::1"] } });
  await using _closed = app;
  const drops: Drop[] = [];
  app.onConnection((socket) => socket.pipe(socket)).on("drop", (drop) => drops.push(drop));
  app.listen(0, "::");
  const { port } = app.address()!; // it listens
  using four = await tryFrom("127.0.0.2", port);
  using other = await tryFrom("127.0.0.3", port);
  using six = await tryFrom("::1", port);
  assert(four !== undefined && other !== undefined && six !== undefined);
  assertEquals([await tryFrom("127.0.0.2", port), await tryFrom("::1", port)], [undefined, undefined]);
  assertEquals(drops.map(({ remoteAddress, reason }) => [remoteAddress, reason]), [
    ["127.0.0.2", "address"],
    ["::1", "address"],
  ]);
});

Deno.test("a refused connection never gets to its TLS handshake, and those under way count", async () => {
  const { app, drops, port } = listen({
    tls: { cert: pair.cert, key: pair.key },
    limits: { maxConnectionsPerAddress: 2 },
  });
  await using _closed = app;
  using stalled = await LoopbackClient.connect("127.0.0.2", port);
  await until(() => app.metrics().preparing === 1);
  using second = await LoopbackClient.connect("127.0.0.2", port);
  await until(() => app.metrics().preparing === 2);
  using refused = await LoopbackClient.connect("127.0.0.2", port);
  await refused.closed;
  assertEquals([drops.map(({ reason }) => reason), app.metrics().closed.tls], [["address"], 0]);
  await using honest = await connect({ port, host: "localhost", tls: { ca: authority.cert } });
  honest.write("hello");
  for await (const chunk of honest) {
    assertEquals(String(chunk), "hello");
    break;
  }
  stalled[Symbol.dispose]();
  second[Symbol.dispose]();
  await until(() => app.metrics().preparing === 0);
  using later = await LoopbackClient.connect("127.0.0.2", port);
  await until(() => app.metrics().preparing === 1);
  assertEquals([later.text, drops.length], ["", 1]);
});

Deno.test("limits.shedSilent lets the oldest silent connection of the largest crowd make room", async () => {
  const { app, drops, port } = listen({ limits: { maxConnections: 5, shedSilent: true } });
  await using _closed = app;
  const silent = async (address: string) => {
    const { accepted } = app.metrics();
    const client = await LoopbackClient.connect(address, port);
    await until(() => app.metrics().accepted > accepted);
    return client;
  };
  using talker = await tryFrom("127.0.0.2", port);
  using lonely = await silent("127.0.0.3");
  using first = await silent("127.0.0.4");
  using second = await silent("127.0.0.4");
  using talker2 = await tryFrom("127.0.0.2", port);
  assertEquals(app.connections.size, 5);
  using newcomer = await tryFrom("127.0.0.5", port);
  await first.closed;
  assertEquals([app.metrics().closed.shed, app.connections.size, drops], [1, 5, []]);
  using newcomer2 = await tryFrom("127.0.0.6", port);
  await lonely.closed; // of two crowds of one the older
  using newcomer3 = await tryFrom("127.0.0.7", port);
  await second.closed;
  assert(newcomer !== undefined && newcomer2 !== undefined && newcomer3 !== undefined);
  assertEquals(await tryFrom("127.0.0.8", port), undefined, "everybody has said something");
  assertEquals([app.metrics().closed.shed, drops.map(({ reason }) => reason)], [3, ["full"]]);
  for (const client of [talker, talker2, newcomer, newcomer2, newcomer3]) assert(await client?.echoes());
});

Deno.test("limits.shedSilent sheds those in preparation too, and tells their receipt's reason", async () => {
  const { app, port } = listen({
    tls: { cert: pair.cert, key: pair.key },
    limits: { maxConnections: 2, shedSilent: true },
  });
  await using _closed = app;
  const failed: unknown[] = [];
  app.on("tlsClientError", (error) => failed.push(error));
  using stalled = await LoopbackClient.connect("127.0.0.2", port);
  await until(() => app.metrics().preparing === 1);
  using stalled2 = await LoopbackClient.connect("127.0.0.2", port);
  await until(() => app.metrics().preparing === 2);
  await using honest = await connect({ port, host: "localhost", tls: { ca: authority.cert } });
  await stalled.closed;
  honest.write("hello");
  for await (const chunk of honest) {
    assertEquals(String(chunk), "hello");
    break;
  }
  assertEquals([stalled2.text, failed, app.metrics().closed.shed], ["", [], 1]);
});

Deno.test("limits.shedSilent: stalled handshakes make room for others where there are limits.maxHandshakes of them", async () => {
  const { app, port } = listen({
    tls: { cert: pair.cert, key: pair.key },
    limits: { maxHandshakes: 3, shedSilent: true },
  });
  await using _closed = app;
  using neighbour = await LoopbackClient.connect("127.0.0.2", port);
  await until(() => app.metrics().preparing === 1);
  const stalled: LoopbackClient[] = [];
  for (let i = 0; i < 2; i++) {
    stalled.push(await LoopbackClient.connect("127.0.0.3", port));
    await until(() => app.metrics().preparing === 2 + i);
  }
  // Something of a handshake does not keep it in.
  stalled[0]?.write(Uint8Array.of(22, 3, 1, 2, 0, 1));
  const visit = { host: "127.0.0.1", tls: { ca: authority.cert, servername: "localhost" } };
  await using first = await connect({ port, ...visit });
  await stalled[0]?.closed;
  await until(() => app.connections.size === 1);
  assertEquals([app.metrics().closed.shed, app.metrics().preparing], [1, 2]);
  // Who is announced has no handshake to give up.
  await using second = await connect({ port, ...visit });
  await until(() => app.connections.size === 2);
  await using third = await connect({ port, ...visit });
  await until(() => app.connections.size === 3);
  assertEquals(app.metrics().closed.shed, 1);

  // Without it newcomers wait; who waits comes in when it comes.
  app.updateLimits({ shedSilent: false });
  stalled.push(await LoopbackClient.connect("127.0.0.3", port));
  await until(() => app.metrics().preparing === 3);
  const waiting = connect({ port, ...visit });
  const waiter = await LoopbackClient.connect("127.0.0.4", port);
  assertEquals([app.metrics().closed.shed, app.metrics().preparing], [1, 3]);
  app.updateLimits({ shedSilent: true });
  await using fourth = await waiting;
  assert(app.metrics().closed.shed > 1);
  for (const socket of [first, second, third, fourth]) socket.end();
  for (const client of [...stalled, neighbour, waiter]) client[Symbol.dispose]();
});

const peersOf = async (port: number, count: number) =>
  await Promise.all(Array.from({ length: count }, (_, i) => LoopbackClient.connect(`127.0.1.${i + 1}`, port)));

Deno.test("updateLimits lets peers come in that wait in the kernel, and throws nobody out", async () => {
  const { app, drops, port } = listen({ limits: { maxConnections: 1 } });
  await using _closed = app;
  const peers = await peersOf(port, 4);
  await until(() => app.connections.size === 1);
  app.updateLimits({ maxConnections: 3 });
  await until(() => app.connections.size === 3);
  app.updateLimits({ maxConnections: 2 });
  assertEquals(app.connections.size, 3);
  app.updateLimits({ maxConnections: null });
  for (const peer of peers) assert(await peer.echoes());
  assertEquals([app.metrics().accepted, drops], [4, []]);
  for (const peer of peers) peer[Symbol.dispose]();
});

Deno.test("updateLimits raises, lowers and removes the limit of handshakes while peers wait", async () => {
  const { app, port } = listen({ tls: { cert: pair.cert, key: pair.key }, limits: { maxHandshakes: 1 } });
  await using _closed = app;
  const peers = await peersOf(port, 4);
  await until(() => app.metrics().preparing === 1);
  app.updateLimits({ maxHandshakes: 2 });
  await until(() => app.metrics().preparing === 2);
  app.updateLimits({ maxHandshakes: 1 });
  assertEquals(app.metrics().preparing, 2);
  app.updateLimits({ maxHandshakes: null });
  await until(() => app.metrics().preparing === 4);
  for (const peer of peers) peer[Symbol.dispose]();
  await until(() => app.metrics().preparing === 0);
});

Deno.test("updateLimits counts those who are in when a limit per address comes, and forgets them when it goes", async () => {
  const { app, drops, port } = listen();
  await using _closed = app;
  using first = await tryFrom("127.0.0.2", port);
  using second = await tryFrom("127.0.0.2", port);
  app.updateLimits({ maxConnectionsPerAddress: 1 });
  assert(await first?.echoes() && await second?.echoes(), "nobody is thrown out");
  assertEquals(await tryFrom("127.0.0.2", port), undefined);
  app.updateLimits({ maxConnectionsPerAddress: 3 });
  using third = await tryFrom("127.0.0.2", port);
  assertEquals([third === undefined, await tryFrom("127.0.0.2", port)], [false, undefined]);
  app.updateLimits({ maxConnectionsPerAddress: null });
  using fourth = await tryFrom("127.0.0.2", port);
  assert(fourth !== undefined);
  first?.[Symbol.dispose]();
  await until(() => app.connections.size === 3);
  app.updateLimits({ maxConnectionsPerAddress: 3 });
  assertEquals(await tryFrom("127.0.0.2", port), undefined);
  assertEquals(drops.length, 3);
});

Deno.test("updateLimits changes allow, deny, dropWhenFull, shedSilent and the rate", async () => {
  const { app, drops, port } = listen();
  await using _closed = app;
  const outcome = async (update: LimitsUpdate, address = "127.0.0.2") => {
    app.updateLimits(update);
    using client = await tryFrom(address, port);
    const known = drops.at(-1)?.reason;
    drops.length = 0;
    client?.[Symbol.dispose]();
    await until(() => app.connections.size === stay);
    return client === undefined ? known : "in";
  };
  let stay = 0;
  assertEquals(await outcome({ deny: ["127.0.0.2"] }), "denied");
  assertEquals(await outcome({ deny: null, allow: ["127.0.0.3"] }), "denied");
  assertEquals(await outcome({ allow: ["127.0.0.3", "127.0.0.2"] }), "in");
  assertEquals(await outcome({ allow: null, acceptsPerSecondPerAddress: 0.001 }), "in");
  assertEquals(await outcome({}), "rate");
  assertEquals(await outcome({ acceptsPerSecondPerAddress: null }), "in");
  using _stays = await tryFrom("127.0.0.9", port);
  stay = 1;
  assertEquals(await outcome({ maxConnections: 1, dropWhenFull: true }), "full");
  assertEquals(await outcome({ dropWhenFull: null, shedSilent: true }), "full");
  assertEquals(await outcome({ shedSilent: null, maxConnections: null }), "in");
});

Deno.test("updateLimits that brings shedSilent knows who was silent before, whatever was counted already", async () => {
  const { app, port } = listen({ limits: { maxConnections: 2, maxConnectionsPerAddress: 9, dropWhenFull: true } });
  await using _closed = app;
  using silent = await LoopbackClient.connect("127.0.0.2", port);
  await until(() => app.connections.size === 1);
  using talker = await tryFrom("127.0.0.3", port);
  app.updateLimits({ shedSilent: true });
  using newcomer = await tryFrom("127.0.0.4", port);
  await silent.closed;
  assert(newcomer !== undefined && await talker?.echoes());
  assertEquals(app.metrics().closed.shed, 1);
});

Deno.test("updateLimits of a socket's limits hold for later connections", async () => {
  const { app, port } = listen();
  await using _closed = app;
  using _before = await tryFrom("127.0.0.2", port);
  app.updateLimits({ highWaterMarkBytes: 5 });
  using _behind = await tryFrom("127.0.0.2", port);
  app.updateLimits({ highWaterMarkBytes: null });
  using _last = await tryFrom("127.0.0.2", port);
  assertEquals([...app.connections].map((socket) => socket.writableHighWaterMark), [65_536, 5, Infinity]);
});

Deno.test("updateLimits that throws changes nothing", async () => {
  const { app, port } = listen({ limits: { maxConnectionsPerAddress: 1 } });
  await using _closed = app;
  for (
    const [update, kind, words] of [
      [undefined, TypeError, '"limits" must be an object; it is undefined'],
      [null, TypeError, '"limits" must be an object; it is null'],
      [{ maxConnectionsPerAdress: 3 }, TypeError, '"limits.maxConnectionsPerAdress" is unknown'],
      [{ maxConnectionsPerAddress: 5, deny: ["10.0.0.1/8"] }, RangeError, '"limits.deny[0]" must have no bits'],
      [{ maxConnectionsPerAddress: 5, allow: "127.0.0.1" }, TypeError, '"limits.allow" must be an array'],
      [{ maxConnectionsPerAddress: 0 }, RangeError, '"limits.maxConnectionsPerAddress" must be an integer from 1'],
      [{ acceptsPerSecondPerAddress: -1 }, RangeError, "must be a number above 0; it is -1"],
      [{ acceptsPerSecondPerAddress: 0 }, RangeError, "must be a number above 0; it is 0"],
      [{ acceptsPerSecondPerAddress: NaN }, RangeError, "must be a number above 0; it is NaN"],
      [{ acceptsPerSecondPerAddress: "5" }, TypeError, 'must be a number above 0; it is "5"'],
      [{ shedSilent: 1 }, TypeError, '"limits.shedSilent" must be true or false'],
    ] as const
  ) {
    assertThrows(() => app.updateLimits(update as unknown as LimitsUpdate), kind, words);
  }
  using _first = await tryFrom("127.0.0.2", port);
  assertEquals(await tryFrom("127.0.0.2", port), undefined, "the old limit holds");
});

Deno.test("updateLimits needs a server that listens", () => {
  const app = createServer();
  const error = assertThrows(() => app.updateLimits({}), Error, "the server does not listen");
  assertEquals((error as { code?: string }).code, "ERR_SERVER_NOT_RUNNING");
});

Deno.test("every count and table is back to zero when everybody has left", async () => {
  const { Gate } = await import("../../src/server/gate.ts");
  const { resolveServerLimits } = await import("../../src/server/limit_options.ts");
  const { memoryPair } = await import("../../src/transport/memory.ts");
  const gate = new Gate(resolveServerLimits({}));
  gate.setRules(
    resolveServerLimits({ shedSilent: true, maxConnectionsPerAddress: 9, acceptsPerSecondPerAddress: 1_000_000 }),
    undefined,
  );
  const owner = { shed: () => true };
  const transports = Array.from({ length: 8 }, () => memoryPair()[0]);
  const inside = transports.map((transport) => {
    assertEquals(gate.refuses(transport), undefined);
    return gate.enter(transport, owner, true)!; // it watches
  });
  const { guests, rated } = gate.sizes;
  assertEquals([guests, rated > 0], [8, true]);
  const first = inside[0]!; // there are eight
  assert(gate.move(first, owner, true));
  gate.spoke(first);
  gate.leave(first);
  assert(gate.shedOldest());
  gate.shedPreparing();
  for (const guest of inside) gate.leave(guest);
  const { rated: _, ...rest } = gate.sizes;
  assertEquals(rest, { guests: 0, counted: 0, silent: 0, preparing: 0 });
  // Those who leave under other rules than they came in under are let go of, too.
  const late = transports.map((transport) => gate.enter(transport, owner)!);
  gate.setRules(resolveServerLimits({}), undefined);
  for (const guest of late) gate.leave(guest);
  for (const guest of [...inside, ...late]) assertEquals(guest.owner, undefined);
  for (const transport of transports) transport.close();
});

Deno.test("a limit that comes while a handshake ends counts that connection, too", async () => {
  const app = createServer("tcp", { tls: { cert: pair.cert, key: pair.key }, limits: { maxConnectionsPerAddress: 1 } });
  const stop = app.observe(({ type }) => {
    if (type !== "handshake.end") return;
    stop();
    app.updateLimits({ maxConnectionsPerAddress: null });
    app.updateLimits({ maxConnectionsPerAddress: 1 });
  });
  const { promise: announced, resolve } = Promise.withResolvers<void>();
  app.onConnection((socket) => {
    socket.on("error", () => {}).resume();
    resolve();
  });
  app.listen(0, "127.0.0.1");
  const target = { port: app.address()!.port, host: "127.0.0.1", tls: { ca: authority.cert, servername: "localhost" } };
  const first = await connect(target);
  await announced;
  await assertRejects(() => connect(target));
  assertEquals(app.metrics().dropped.address, 1);
  first.destroy();
  await app.close();
});
