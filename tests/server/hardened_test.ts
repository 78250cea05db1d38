// The preset `hardened`: against peers that ask and never read, and against one address that wants everything.

import { assert, assertEquals, assertLess } from "@std/assert";
import { createServer, hardened, MessageProtocol } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { LoopbackClient } from "../support/loopback_client.ts";

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("hardened is laid under one's own options and cannot be changed by accident", () => {
  const app = createServer().withOptions(hardened).withOptions({ limits: { maxConnectionsPerAddress: 5 } });
  assert(Object.isFrozen(hardened) && Object.isFrozen(hardened.limits) && Object.isFrozen(hardened.deadlines));
  assertEquals(app.metrics().open, 0);
});

Deno.test("thirty peers that ask for much and never read cost next to nothing, and the others are answered", async () => {
  const app = createServer().withOptions(hardened);
  await using _closed = app;
  const answer = "x".repeat(100_000);
  let asked = 0;
  app.onConnection((socket) => {
    const protocol = new MessageProtocol<string>(socket, { codec: lines() }).attach();
    protocol.onMessage = (line) => {
      asked++;
      protocol.send(line === "much" ? answer : line);
    };
  });
  app.listen(0, "127.0.0.1");
  const { port } = app.address()!; // it listens
  const greedy = await Promise.all(Array.from({ length: 30 }, () => LoopbackClient.connect("127.0.0.2", port)));
  for (const peer of greedy) {
    peer.pause();
    peer.write("much\n".repeat(2_000));
  }
  using honest = await LoopbackClient.connect("127.0.0.3", port);
  let expected = "";
  for (let i = 0; i < 200; i++) {
    honest.write(`${i}\n`);
    expected += `${i}\n`;
    assert(await honest.reads(expected), `request ${i} is answered`);
    // At most the mark and one answer each is ours; what is beyond lies in the kernel.
    assertLess(app.metrics().queuedBytes, 30 * (65_536 + answer.length + 1));
  }
  assertLess(asked - 200, 30 * 500, "none of them got all that it asked for");
  for (const peer of greedy) peer[Symbol.dispose]();
  honest.end();
  await until(() => app.connections.size === 0);
  assertEquals([app.metrics().heldBytes, app.metrics().queuedBytes], [0, 0]);
});

Deno.test("one address that wants every connection gets its hundred, and newcomers of others get in", async () => {
  const app = createServer().withOptions(hardened).withOptions({
    limits: { maxConnections: 300, acceptsPerSecondPerAddress: 1_000 },
  });
  await using _closed = app;
  app.onConnection((socket) => socket.pipe(socket)).listen(0, "127.0.0.1", 1_000);
  const { port } = app.address()!; // it listens
  const flood = await Promise.all(
    Array.from({ length: 450 }, (_, i) => LoopbackClient.connect(`127.0.0.${2 + i % 3}`, port)),
  );
  for (const peer of flood) peer.write("hello");
  await until(() => app.metrics().dropped.address === 150);
  assertEquals(app.connections.size, 300);
  // They all have said something, so nobody is shed: the house is full of them.
  for (const peer of flood.slice(0, 30)) peer[Symbol.dispose]();
  using newcomer = await LoopbackClient.connect("127.0.0.9", port);
  await until(() => app.connections.size < 300 || app.metrics().dropped.full > 0);
  using second = await LoopbackClient.connect("127.0.0.9", port);
  assert(await second.echoes() || await newcomer.echoes());
  for (const peer of flood) peer[Symbol.dispose]();
});
