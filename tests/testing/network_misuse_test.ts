// What a test may do wrong with a network, and what it costs.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { now, startTimer } from "../../src/base/clock.ts";
import { createNetwork, socketPair } from "../../src/testing/mod.ts";
import { createServer, type TCPSocket } from "../../mod.ts";
import { reconnect } from "../../tcp.ts";

function alone(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, permissions: "none", fn });
}

alone("advance() while another runs begins where that one ends, and time never steps back", async () => {
  await using network = createNetwork();
  await network.advance(0);
  const start = now();
  const rang: number[] = [];
  for (const ms of [100, 800, 1_200]) startTimer(() => rang.push(now() - start), ms);
  await Promise.all([network.advance(1_000), network.advance(500)]);
  assertEquals(rang, [100, 800, 1_200]);
  assertEquals(now() - start, 1_500);
});

alone("advance() from within a timer does not wait for itself", async () => {
  await using network = createNetwork();
  await network.advance(0);
  const start = now();
  let inner: Promise<void> | undefined;
  startTimer(() => inner = network.advance(10), 5);
  await network.advance(20);
  await inner;
  assertEquals(now() - start, 30);
});

alone("A timer that throws fails its advance(), and the next one goes on", async () => {
  await using network = createNetwork();
  await network.advance(0);
  let rang = false;
  startTimer(() => {
    throw new Error("thrown in a timer");
  }, 10);
  startTimer(() => rang = true, 20);
  await assertRejects(() => network.advance(100), Error, "thrown in a timer");
  await network.advance(100);
  assertEquals(rang, true);
});

alone("A second network is refused while one is open, and not after", async () => {
  const first = createNetwork();
  assertThrows(() => createNetwork(), Error, "There is a network already: close() it before you make another one");
  await first.close();
  await using second = createNetwork();
  let rang = false;
  startTimer(() => rang = true, 10);
  await second.advance(10);
  assertEquals(rang, true);
});

alone("link() takes sockets of its own network only", async () => {
  await using network = createNetwork();
  const [one, other] = socketPair();
  const message = 'Option "socket" must be a socket that is connected by this network, without TLS';
  assertThrows(() => network.link(one), TypeError, message);
  assertThrows(() => network.link({} as TCPSocket), TypeError, message);
  one.destroy();
  await other.closed;
});

alone("Ports stay ports, however many connects there are", async () => {
  await using network = createNetwork();
  let highest = 0;
  const app = createServer().onConnection((socket) => {
    highest = Math.max(highest, socket.remotePort!);
    socket.end();
  });
  const port = network.listen(app);
  for (let n = 0; n < 17_000; n++) await network.connect(1).catch(() => {});
  (await network.connect(port)).resume();
  await app.close();
  assertEquals(highest > 0 && highest <= 65_535, true, `port ${highest}`);
});

alone("advance() ends though a client that is refused dials again at once", async () => {
  await using network = createNetwork();
  const connections = reconnect({ port: 1, network, backoff: { initialMs: 0 } });
  const loop = (async () => {
    for await (const _ of connections);
  })();
  await network.advance(20);
  connections.close();
  await network.advance(0);
  await loop;
});
