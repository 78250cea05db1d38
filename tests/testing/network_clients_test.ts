// What the library has on top of sockets, on a network in memory.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { createServer, framed, type FramedSocket, ServerProtocol } from "../../mod.ts";
import { createPool, reconnect, TcpError } from "../../tcp.ts";
import { lines } from "../../src/framing/mod.ts";
import { Rooms } from "../../src/rooms/mod.ts";
import { createNetwork } from "../../src/testing/mod.ts";
import { makeAuthority } from "../support/certificates.ts";

function alone(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, permissions: "none", fn });
}

const HEARTBEAT = {
  ping: () => "ping",
  isPong: (line: string) => line === "pong",
  isPing: () => false,
  pong: () => "pong",
  intervalMs: 30_000,
};
const HALF_AN_HOUR_MS = 1_800_000;

alone("advance() runs a back-off of half an hour", async () => {
  await using network = createNetwork();
  const port = network.listen(createServer().onConnection((socket) => socket.resume()));
  network.refuse(port);
  await network.advance(0);
  const backoff = { initialMs: HALF_AN_HOUR_MS, maxMs: HALF_AN_HOUR_MS, jitter: 0 };
  const connections = reconnect({ port, network, backoff });
  let connects = 0;
  const loop = (async () => {
    for await (const socket of connections) {
      connects++;
      socket.destroy();
      break;
    }
  })();
  await network.advance(1_000);
  assertEquals(connections.state, "waiting");
  network.refuse(port, false);
  await network.advance(HALF_AN_HOUR_MS - 1_001);
  assertEquals(connects, 0);
  await network.advance(1);
  assertEquals(connects, 1);
  await loop;
});

alone("advance() runs the heartbeat of a peer that has gone silent, and of one that has not", async () => {
  await using network = createNetwork();
  let pings = 0;
  const app = createServer().onError(() => {});
  app.onConnection((socket) => {
    const peer = framed(socket, lines());
    peer.on("message", () => {
      pings++;
      peer.send("pong");
    });
  });
  const client = await network.connect(network.listen(app));
  client.on("error", () => {});
  const peer = framed(client, lines());
  peer.on("message", () => {}); // whom nobody listens to is not blamed
  await network.advance(0);
  peer.startHeartbeat(HEARTBEAT);
  await network.advance(3_600_000);
  assert(pings >= 100, `${pings} pings in an hour`);
  assertEquals(client.destroyed, false);
  network.link(client).blackHole();
  await network.advance(600_000);
  const { reason, error } = await client.closed;
  assertEquals([reason, (error as TcpError).code], ["heartbeat", "ETIMEDOUT"]);
});

alone("createPool() shares connections of the network, and retires them when they have been idle", async () => {
  await using network = createNetwork();
  const app = createServer().onConnection((socket) => socket.pipe(socket));
  const port = network.listen(app);
  await network.advance(0);
  await using pool = createPool({ port, network, max: 2, idleMs: 600_000 });
  const first = await pool.acquire();
  const second = await pool.acquire();
  first.release();
  second.release();
  await network.advance(599_000);
  assertEquals(app.metrics().open, 2);
  await network.advance(2_000);
  assertEquals(app.metrics().open, 0);
});

alone("Rooms reach their members over the network", async () => {
  await using network = createNetwork({ seed: 5, chunkBytes: 2 });
  const codec = lines();
  const rooms = new Rooms<string>({ codec });
  const app = createServer();
  app.onConnection((socket) => {
    const member = framed(socket, codec);
    rooms.join("all", member);
    member.on("message", (line) => rooms.broadcast("all", line));
  });
  const port = network.listen(app);
  const all = Promise.withResolvers<void>();
  let missing = 3;
  const heard: string[][] = [];
  const peers: FramedSocket<string>[] = [];
  for (let n = 0; n < 3; n++) {
    const peer = framed(await network.connect(port), lines());
    const mine: string[] = [];
    heard.push(mine);
    peer.on("message", (line) => {
      mine.push(line);
      if (--missing === 0) all.resolve();
    });
    peers.push(peer);
  }
  peers[0]!.send("hello");
  await all.promise;
  assertEquals(heard, [["hello"], ["hello"], ["hello"]]);
});

Deno.test("TLS runs on the network, and verifies as it does elsewhere", async () => {
  const authority = await makeAuthority("Network CA");
  const { cert, key } = await authority.issue("localhost");
  await using network = createNetwork({ chunkBytes: 100 });
  const app = createServer(ServerProtocol.TCP, { tls: { cert, key } }).onError(() => {});
  app.onConnection((socket) => socket.pipe(socket));
  const port = network.listen(app);
  const client = await network.connect(port, { tls: { ca: [authority.cert], servername: "localhost" } });
  client.end("in secret");
  const chunks = await Array.fromAsync(client);
  assertEquals(chunks.join(""), "in secret");
  await assertRejects(() => network.connect(port, { tls: { servername: "localhost" } }), TcpError);
});

Deno.test("A test file on the network runs without any permission", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-prompt", "--no-check", "-q", new URL("network_test.ts", import.meta.url).pathname],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals([success, success ? "" : new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr)], [
    true,
    "",
  ]);
});
