/** `deadlines.endMs`: peers that say nothing after our end, and do not end. */

import { assert, assertEquals, assertGreater, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { createServer, type SocketDeadlines, type TCPSocket } from "../../mod.ts";
import { createNetwork, type Network } from "../../src/testing/mod.ts";
import { KINDS, openPair } from "../support/kinds.ts";

const LARGE = new Uint8Array(1_000_000); // more than the network holds

/** A server's socket and its peer in a network in memory; the peer goes on when the server has ended. */
async function open(network: Network, deadlines: SocketDeadlines = {}) {
  const { promise, resolve } = Promise.withResolvers<TCPSocket>();
  const app = createServer("tcp", { deadlines }).onConnection(resolve).onError(() => {});
  // An honest peer has no such deadline of its own.
  const halfOpen = { tcp: { allowHalfOpen: true }, deadlines: { endMs: 0, flushMs: 0 } };
  const peer = await network.connect(network.listen(app), halfOpen);
  return { app, inside: await promise, peer };
}

function inNetwork(name: string, fn: (network: Network) => Promise<void>): void {
  Deno.test({
    name,
    permissions: "none",
    async fn() {
      await using network = createNetwork();
      await fn(network);
    },
  });
}

inNetwork("a peer that is silent for a minute after a server's end is cut off", async (network) => {
  const { app, inside, peer } = await open(network);
  peer.resume();
  inside.on("data", () => {}).end("bye");
  const events: unknown[] = [];
  for (const event of ["end", "finish"] as const) inside.on(event, () => events.push(event));
  inside.on("close", (hadError) => events.push(hadError));
  await network.advance(59_999);
  assertEquals([events, inside.destroyed], [["finish"], false]);
  await network.advance(1);
  const { reason, error, bytesWritten } = await inside.closed;
  assert(error !== undefined && "code" in error);
  assertEquals([reason, error.code, bytesWritten], ["deadline:end", "ETIMEDOUT", 3]);
  assertStringIncludes(error.message, "60000 ms after our end and did not end its side (deadlines.endMs)");
  assertEquals([events, app.metrics().closed["deadline:end"]], [["finish", true], 1]);
});

inNetwork("a server that is silent for a minute after a client's end is cut off", async (network) => {
  const app = createServer("tcp", { tcp: { allowHalfOpen: true }, deadlines: { endMs: 0 } });
  app.onConnection((socket) => socket.resume());
  const client = await network.connect(network.listen(app));
  const errors: Error[] = [];
  client.on("error", (error) => errors.push(error)).end("bye");
  await network.advance(59_999);
  assertEquals(client.destroyed, false);
  await network.advance(1);
  assertEquals([(await client.closed).reason, errors.length], ["deadline:end", 1]);
});

inNetwork("a peer that keeps sending after our end lives, until it is silent for as long", async (network) => {
  const { inside, peer } = await open(network, { endMs: 10_000 });
  peer.resume();
  inside.on("data", () => {}).end();
  for (let i = 0; i < 20; i++) {
    await network.advance(9_000);
    peer.write("x");
  }
  await network.advance(9_999);
  assertEquals([inside.destroyed, inside.bytesRead], [false, 20]);
  await network.advance(1);
  assertEquals((await inside.closed).reason, "deadline:end");
});

inNetwork("nobody is cut off before we have ended, nor whoever ends in time, nor with endMs: 0", async (network) => {
  const idle = await open(network);
  const honest = await open(network);
  const off = await open(network, { endMs: 0 });
  for (const { inside, peer } of [idle, honest, off]) {
    inside.resume();
    peer.resume();
  }
  honest.inside.end();
  off.inside.end();
  await network.advance(59_000);
  honest.peer.end();
  await network.advance(86_400_000);
  assertEquals([idle.inside.destroyed, off.inside.destroyed], [false, false]);
  assertEquals((await honest.inside.closed).reason, "local");
});

inNetwork("endMs counts from the last of our bytes that the peer took", async (network) => {
  const { inside, peer } = await open(network, { endMs: 10_000, flushMs: 20_000 });
  inside.resume();
  inside.end(LARGE);
  peer.pause();
  let rounds = 0;
  for (; !inside.writableFinished; rounds++) {
    await network.advance(9_000);
    peer.once("data", () => peer.pause()).resume();
    await network.advance(0);
  }
  assertGreater(rounds, 5);
  await network.advance(9_999);
  assertEquals(inside.destroyed, false);
  await network.advance(1);
  assertEquals((await inside.closed).reason, "deadline:end");
});

inNetwork("a peer that takes nothing is the business of flushMs, or of endMs where that is off", async (network) => {
  for (const [flushMs, reason] of [[10_000, "deadline:flush"], [0, "deadline:end"]] as const) {
    const { inside } = await open(network, { endMs: 10_000, flushMs });
    inside.resume();
    inside.end(LARGE);
    await network.advance(9_999);
    assertEquals(inside.destroyed, false);
    await network.advance(2);
    assertEquals((await inside.closed).reason, reason);
  }
});

inNetwork("while it is us who do not read endMs stands still, on a claimed socket", async (network) => {
  const { inside, peer } = await open(network, { endMs: 10_000 });
  peer.resume();
  const text: string[] = [];
  inside.on("data", (data) => text.push(String(data))).pause();
  peer.write("question");
  inside.end();
  await network.advance(100_000);
  assertEquals(inside.destroyed, false);
  inside.resume();
  await network.advance(9_999);
  assertEquals([text, inside.destroyed], [["question"], false]);
  await network.advance(1);
  assertEquals((await inside.closed).reason, "deadline:end");
});

inNetwork("a loop that works on a chunk for long is not the peer's fault", async (network) => {
  const { inside, peer } = await open(network, { endMs: 10_000 });
  peer.resume();
  inside.end();
  peer.write("one");
  const loop = inside[Symbol.asyncIterator]();
  assertEquals(String((await loop.next()).value), "one");
  peer.write("two");
  await network.advance(100_000);
  assertEquals(String((await loop.next()).value), "two");
  const last = loop.next();
  await network.advance(5_000);
  peer.end("three");
  assertEquals([String((await last).value), (await loop.next()).done], ["three", true]);
  assertEquals((await inside.closed).reason, "local");
});

inNetwork("bytes that nobody has claimed do not keep a server's socket, but a client's", async (network) => {
  const { inside, peer } = await open(network, { endMs: 10_000 });
  peer.resume();
  inside.end();
  peer.write("unread");
  const client = await network.connect(
    network.listen(
      createServer("tcp", { tcp: { allowHalfOpen: true } }).onConnection((socket) => socket.write("answer")),
    ),
    { deadlines: { endMs: 10_000 } },
  );
  client.end("question");
  await network.advance(10_001);
  assertEquals((await inside.closed).reason, "deadline:end");
  await network.advance(10_001);
  assertEquals(String((await client[Symbol.asyncIterator]().next()).value), "answer");
});

inNetwork("a readable that was cancelled does not keep a silent peer", async (network) => {
  const { inside, peer } = await open(network, { endMs: 10_000 });
  peer.resume();
  peer.write("unwanted");
  await inside.readable.cancel();
  inside.end();
  await network.advance(5_000);
  peer.write("unwanted, too");
  await network.advance(9_999);
  assertEquals([inside.destroyed, inside.bytesRead], [false, 21]);
  await network.advance(1);
  assertEquals((await inside.closed).reason, "deadline:end");
});

inNetwork("endMs costs no socket a timer of its own", async (network) => {
  const pairs = await Promise.all(Array.from({ length: 20 }, () => open(network)));
  const before = network.timers;
  for (const { inside } of pairs) inside.resume().end();
  await network.advance(1);
  assertLessOrEqual(network.timers, Math.max(before, 1));
  await network.advance(60_000);
  for (const { inside } of pairs) assertEquals((await inside.closed).reason, "deadline:end");
});

for (const kind of KINDS) {
  const silent = { tcp: { allowHalfOpen: true }, deadlines: { endMs: 0 } };

  Deno.test(`${kind.name}: a peer that does not end after a server's end is cut off by endMs`, async () => {
    await using pair = await openPair(kind, { server: { deadlines: { endMs: 50 } }, client: silent });
    const { app, inside, client } = pair;
    client.resume();
    inside.resume().end("bye");
    const { reason, bytesWritten } = await inside.closed;
    assertEquals([reason, bytesWritten, app.metrics().closed["deadline:end"]], ["deadline:end", 3, 1]);
  });

  Deno.test(`${kind.name}: a server that does not end after a client's end is cut off by endMs`, async () => {
    await using pair = await openPair(kind, { client: { deadlines: { endMs: 50 } } }, (socket) => {
      socket.allowHalfOpen = true;
      socket.resume();
    });
    const { client } = pair;
    client.on("error", () => {}).resume().end("bye");
    const { reason, bytesWritten } = await client.closed;
    assertEquals([reason, bytesWritten], ["deadline:end", 3]);
  });
}
