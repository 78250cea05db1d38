import { assert, assertEquals, assertGreater } from "@std/assert";
import { once } from "node:events";
import net from "node:net";
import { connect, createServer, type TcpServer } from "../../mod.ts";
import { load } from "../../src/base/read_proof.ts";
import { Acceptor } from "../../src/server/accept_loop.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { runModule } from "../support/child.ts";

function echoServer(): TcpServer {
  return createServer().onConnection((socket) => socket.on("data", (data) => socket.write(data))).listen(
    0,
    "127.0.0.1",
  );
}

async function echoes(port: number): Promise<void> {
  const client = await connect({ port, host: "127.0.0.1" });
  client.write("still here");
  for await (const chunk of client) {
    assertEquals(String(chunk), "still here");
    break;
  }
}

Deno.test("the accept loop survives peers that reset before they are accepted", async () => {
  await using app = createServer().onConnection((socket) => socket.on("data", (data) => socket.write(data)));
  app.listen(0, "127.0.0.1");
  const { port } = app.address()!;
  // Nothing is accepted while this turn runs: the handshakes complete in the kernel and the resets overtake the accepts.
  const peers = Array.from({ length: 50 }, () => net.connect(port, "127.0.0.1"));
  await Promise.all(peers.map(async (peer) => {
    await once(peer, "connect");
    peer.resetAndDestroy();
    await once(peer, "close");
  }));
  await echoes(port);
});

Deno.test("the accept loop survives 1,000 connections that vanish at once", async () => {
  await using app = echoServer();
  const { port } = app.address()!;
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 100 }, async () => {
      const peer = await Deno.connect({ port, hostname: "127.0.0.1" });
      peer.close();
    }));
  }
  await echoes(port);
  await app.close();
  assertEquals(app.connections.size, 0);
  const { accepted, closed } = app.metrics();
  assertEquals(Object.values(closed).reduce((sum, count) => sum + count), accepted);
});

Deno.test("the accept loop waits out EMFILE and then serves the peers that waited", async () => {
  // The child lowers nothing itself: a shell gives it a limit of few descriptors.
  const source = new URL("../fixtures/few_descriptors.ts", import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", `ulimit -n 160 && exec "$0" run --quiet --allow-net "$1"`, Deno.execPath(), source.pathname],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  assertEquals(code, 0, text.decode(stderr));
  const { acceptErrors, served, wanted } = JSON.parse(text.decode(stdout));
  assertGreater(acceptErrors, 0, "the limit was never reached, so nothing was shown");
  assertEquals(served, wanted);
});

Deno.test("limits.maxConnections leaves further peers in the backlog until one leaves", async () => {
  await using app = createServer().withOptions({ limits: { maxConnections: 2 } });
  const seen: number[] = [];
  app.onConnection((socket) => {
    seen.push(app.connections.size);
    socket.write("in");
  }).listen(0, "127.0.0.1");
  const { port } = app.address()!;
  const peers = await Promise.all([1, 2, 3].map(() => connect({ port, host: "127.0.0.1" })));
  const inside = peers.map((peer) => peer[Symbol.asyncIterator]().next());
  await Promise.race(inside);
  await Promise.any([
    Promise.all([inside[0], inside[1]]),
    Promise.all([inside[1], inside[2]]),
    Promise.all([inside[0], inside[2]]),
  ]);
  assertEquals(app.connections.size, 2);
  for (const peer of peers) peer.destroy();
  await Promise.all(peers.map((peer) => peer.closed));
  const late = await connect({ port, host: "127.0.0.1" });
  for await (const chunk of late) {
    assertEquals(String(chunk), "in");
    break;
  }
  assert(seen.every((size) => size <= 2), `sizes ${seen}`);
});

Deno.test("nobody new is accepted while it is seen to that all who are there are read", async () => {
  let accepts = 0;
  const listener: Listener = {
    addr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
    accept: () => Promise.resolve(memoryPair()[++accepts % 2]!), // it is a pair
    close: () => {},
  };
  const acceptor = new Acceptor(listener, { admit: () => undefined, acceptFailed: () => false, background: false });
  const gate = Promise.withResolvers<void>();
  const { gate: before, transfers } = load;
  try {
    load.gate = gate.promise;
    const accepted = acceptor.accept();
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(accepts, 0);
    load.gate = undefined;
    gate.resolve();
    (await accepted)?.close();
    assertEquals([accepts, load.transfers], [1, transfers + 1]);
  } finally {
    load.gate = before;
    acceptor.close();
  }
});

Deno.test("limits.dropWhenFull closes the peer and emits drop", async () => {
  await using app = createServer().withOptions({ limits: { maxConnections: 1, dropWhenFull: true } });
  app.onConnection(() => {}).listen(0, "127.0.0.1");
  const { port } = app.address()!;
  const dropped = once(app, "drop");
  await using first = await Deno.connect({ port, hostname: "127.0.0.1" }) as Deno.TcpConn & AsyncDisposable;
  const second = await Deno.connect({ port, hostname: "127.0.0.1" });
  const [peer] = await dropped;
  assertEquals(peer.remoteAddress, "127.0.0.1");
  assertEquals(peer.remotePort, (second.localAddr as Deno.NetAddr).port);
  assertEquals(await second.read(new Uint8Array(1)), null);
  second.close();
  assertEquals(first.remoteAddr.transport, "tcp");
});

Deno.test("an accept that hangs on admission ends with the server", async () => {
  const app = createServer().withOptions({ limits: { maxConnections: 1 } });
  app.onConnection(() => {}).listen(0, "127.0.0.1");
  const { port } = app.address()!;
  const accepted = once(app, "connection");
  const peers = await Promise.all([1, 2].map(() => Deno.connect({ port, hostname: "127.0.0.1" })));
  await accepted;
  app.destroy();
  await app.close();
  for (const peer of peers) peer.close();
  assertEquals(app.listening, false);
});

Deno.test("server and client need --allow-net and nothing else", async () => {
  const { code, stdout, stderr } = await runModule(`
    import { createServer } from "@verb/tcp";
    import { TCPSocket } from "@verb/tcp/tcp";
    const app = createServer().onConnection((socket) => socket.pipe(socket)).listen(0);
    const client = new TCPSocket();
    client.connect(app.address()!.port, "localhost", () => client.end("alone"));
    client.on("data", (data) => console.log(String(data)));
    await client.closed;
    await app.close();
  `);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "alone\n", stderr: "" });
});
