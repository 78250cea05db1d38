import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createServer, TcpError, type TCPSocket } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { createNetwork, type NetworkOptions, socketPair } from "../../src/testing/mod.ts";

/** Without any permission: nothing of the system is needed. */
function alone(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What a socket hears from now on. */
function chunksOf(socket: TCPSocket): string[] {
  const chunks: string[] = [];
  socket.on("data", (data) => chunks.push(String(data)));
  return chunks;
}

alone("Network carries a server and its clients, with the addresses they say", async () => {
  await using network = createNetwork();
  const seen: unknown[] = [];
  const app = createServer().onConnection((socket) => {
    seen.push([socket.remoteAddress, socket.remoteFamily]);
    socket.end("hello");
  });
  const port = network.listen(app, 7_000);
  assertEquals(port, 7_000);
  assertEquals(app.address(), { address: "127.0.0.1", port: 7_000, family: "IPv4" });
  for (const from of [undefined, "192.0.2.7", "2001:db8::1"]) {
    const client = await network.connect(port, from === undefined ? {} : { from });
    const chunks = [];
    for await (const chunk of client) chunks.push(String(chunk));
    assertEquals(chunks, ["hello"]);
  }
  assertEquals(seen, [["127.0.0.1", "IPv4"], ["192.0.2.7", "IPv4"], ["2001:db8::1", "IPv6"]]);
});

alone("connect() and listen() take the network as an option", async () => {
  await using network = createNetwork();
  await using app = createServer().onConnection((socket) => socket.end("hello"));
  app.listen({ port: 0, network });
  const client = await connect({ port: app.address()!.port, network });
  for await (const chunk of client) assertEquals(String(chunk), "hello");
});

alone("connect() refuses what is no network", async () => {
  const error = await assertRejects(() => connect({ port: 1, network: { kind: "memory" } }), TypeError);
  assertEquals(
    error.message,
    'Option "network" must be a network made by createNetwork() of @verb/tcp/testing; it is an object',
  );
});

alone("Network refuses options that make no sense", () => {
  const wrong: [NetworkOptions, string][] = [
    [{ latencyMs: -1 }, 'Option "latencyMs" must be from 0 to 2147483647 milliseconds; it is -1'],
    [{ latencyMs: [5, 1] }, 'Option "latencyMs" must be a number, or [least, most]; it is an array'],
    [{ chunkBytes: 0 }, 'Option "chunkBytes" must be an integer from 1 to 9007199254740991; it is 0'],
    [{ seed: -1 }, 'Option "seed" must be an integer from 0 to 4294967295; it is -1'],
  ];
  for (const [options, message] of wrong) {
    assertEquals(assertThrows(() => createNetwork(options), Error).message, message);
  }
});

alone("Network tells a port that is taken, and one that nobody listens on", async () => {
  await using network = createNetwork();
  const port = network.listen(createServer());
  const { promise, resolve } = Promise.withResolvers<Error & { code?: string }>();
  const second = createServer().onError(resolve);
  network.listen(second, port);
  assertEquals((await promise).code, "EADDRINUSE");
  assertEquals((await assertRejects(() => network.connect(port + 1), TcpError)).code, "ECONNREFUSED");
});

alone("A port is free again once its server has closed", async () => {
  await using network = createNetwork();
  const app = createServer().onConnection((socket) => socket.end("again"));
  for (let round = 0; round < 3; round++) {
    const port = network.listen(app, 7_000);
    const client = await network.connect(port);
    for await (const chunk of client) assertEquals(String(chunk), "again");
    await app.close();
  }
});

alone("advance() runs an idle timeout of five minutes and no other", async () => {
  await using network = createNetwork();
  const app = createServer("tcp", { deadlines: { idleMs: 300_000 } }).onConnection((socket) => socket.resume());
  const client = await network.connect(network.listen(app));
  await network.advance(299_000);
  assertEquals(app.metrics().open, 1);
  await network.advance(2_000);
  assertEquals(app.metrics().closed["deadline:idle"], 1);
  client.resume();
  assertEquals((await client.closed).reason, "peer");
});

alone("Time runs by itself until it is moved", async () => {
  await using network = createNetwork();
  const app = createServer("tcp", { deadlines: { idleMs: 20 } }).onConnection((socket) => socket.resume());
  const client = await network.connect(network.listen(app));
  client.resume();
  const stay = setInterval(() => {}, 1_000); // a deadline alone does not keep the process alive
  await client.closed;
  clearInterval(stay);
  assertEquals(app.metrics().closed["deadline:idle"], 1);
});

alone("Bytes take as long as the network says, and arrive in their order", async () => {
  await using network = createNetwork({ latencyMs: [10, 90], seed: 3 });
  const app = createServer();
  const accepted = Promise.withResolvers<TCPSocket>();
  app.onConnection(accepted.resolve);
  const port = network.listen(app);
  await network.advance(0);
  const connecting = network.connect(port);
  await network.advance(90);
  const client = await connecting;
  const server = await accepted.promise;
  const chunks = chunksOf(server);
  client.write("one ");
  await network.advance(5);
  client.write("two ");
  assertEquals(chunks, []);
  await network.advance(200);
  assertEquals(chunks.join(""), "one two ");
  client.destroy();
  await network.advance(200);
  assertEquals(app.metrics().open, 0);
});

alone("chunkBytes bounds every chunk, and the seed decides how they are cut", async () => {
  const cuts = async (seed: number) => {
    await using network = createNetwork({ seed, chunkBytes: 5 });
    const heard = Promise.withResolvers<string[]>();
    const app = createServer().onConnection((socket) => {
      const chunks = chunksOf(socket);
      socket.on("end", () => heard.resolve(chunks));
    });
    const client = await network.connect(network.listen(app));
    client.end("abcdefghijklmnopqrstuvwxyz");
    return await heard.promise;
  };
  const first = await cuts(1);
  assertEquals(first.join(""), "abcdefghijklmnopqrstuvwxyz");
  assert(first.every(({ length }) => length >= 1 && length <= 5));
  assertEquals(await cuts(1), first);
  assert((await cuts(2)).join("|") !== first.join("|"));
});

/** A server's socket and its client. */
async function linked(network: ReturnType<typeof createNetwork>): Promise<[server: TCPSocket, client: TCPSocket]> {
  const accepted = Promise.withResolvers<TCPSocket>();
  const app = createServer().onConnection(accepted.resolve).onError(() => {});
  const client = await network.connect(network.listen(app));
  client.on("error", () => {});
  return [await accepted.promise, client];
}

alone("link().reset() ends both ends with ECONNRESET", async () => {
  await using network = createNetwork();
  const [server, client] = await linked(network);
  server.resume();
  client.resume();
  network.link(server).reset();
  for (const socket of [server, client]) {
    const { reason, error } = await socket.closed;
    assertEquals([reason, (error as TcpError).code], ["reset", "ECONNRESET"]);
  }
});

alone("link().blackHole() loses everything and tells nobody, until a deadline does", async () => {
  await using network = createNetwork();
  const accepted = Promise.withResolvers<TCPSocket>();
  const app = createServer("tcp", { deadlines: { idleReadMs: 60_000 } }).onConnection(accepted.resolve);
  const client = await network.connect(network.listen(app), { deadlines: { endMs: 0 } });
  const server = await accepted.promise;
  const chunks = chunksOf(server);
  network.link(client).blackHole();
  client.write("into the void");
  client.end();
  await network.advance(59_000);
  assertEquals([chunks, server.destroyed], [[], false]);
  await network.advance(1_500);
  assertEquals((await server.closed).reason, "deadline:idle");
  client.destroy();
});

alone("link().stall() holds everything back for as long as it says", async () => {
  await using network = createNetwork();
  const [server, client] = await linked(network);
  const chunks = chunksOf(server);
  await network.advance(0);
  network.link(client).stall(1_000);
  client.write("late");
  await network.advance(999);
  assertEquals(chunks, []);
  await network.advance(1);
  assertEquals(chunks, ["late"]);
});

alone("link().trickle() lets bytes arrive in small pieces, with pauses between them", async () => {
  await using network = createNetwork();
  const [server, client] = await linked(network);
  const chunks = chunksOf(server);
  await network.advance(0);
  network.link(client).trickle(2, 1_000);
  client.write("abcdef");
  await network.advance(1_000);
  const early = chunks.join("").length;
  assert(early >= 2 && early <= 4, `${early} bytes after a second`);
  await network.advance(10_000);
  assertEquals(chunks, ["ab", "cd", "ef"]);
});

alone("refuse() refuses connects until it is taken back", async () => {
  await using network = createNetwork();
  const port = network.listen(createServer().onConnection((socket) => socket.end()));
  network.refuse(port);
  assertEquals((await assertRejects(() => network.connect(port), TcpError)).code, "ECONNREFUSED");
  network.refuse(port, false);
  (await network.connect(port)).destroy();
});

alone("partition() stalls what is connected and makes connects wait, and heals", async () => {
  await using network = createNetwork();
  const [server, client] = await linked(network);
  const chunks = chunksOf(server);
  await network.advance(0);
  network.partition(30_000);
  client.write("through the wall");
  const connecting = network.connect(server.localPort!);
  const timedOut = assertRejects(() => network.connect(server.localPort!, { timeoutMs: 5_000 }), TcpError);
  await network.advance(29_999);
  assertEquals(chunks, []);
  assertEquals((await timedOut).code, "ETIMEDOUT");
  await network.advance(1);
  assertEquals(chunks, ["through the wall"]);
  (await connecting).destroy();
});

alone("close() leaves no timer and no connection, whatever is under way", async () => {
  const network = createNetwork({ latencyMs: 50 });
  const app = createServer("tcp", { deadlines: { idleMs: 1_000, lifetimeMs: 5_000 } }).onConnection((socket) => {
    socket.write("hello");
  });
  app.onError(() => {});
  const port = network.listen(app);
  const clients = [network.connect(port), network.connect(port)].map(async (connecting) => {
    const client = await connecting;
    client.on("error", () => {});
    return client;
  });
  await network.advance(60);
  const [client] = await Promise.all(clients);
  const hanging = network.connect(port).then(() => "connected", (error) => error.code);
  await network.close();
  assertEquals(network.timers, 0);
  assertEquals(client!.destroyed, true);
  assertEquals(app.metrics().open, 0);
  assertEquals(await hanging, "ECONNREFUSED");
});

alone("socketPair() gives two sockets that talk, and end in order", async () => {
  const [one, other] = socketPair();
  other.on("data", (data) => other.write(String(data).toUpperCase()));
  const chunks = chunksOf(one);
  one.end("hello");
  assertEquals((await one.closed).reason, "local");
  assertEquals(chunks, ["HELLO"]);
  assertEquals((await other.closed).reason, "peer");
});
