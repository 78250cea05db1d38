/** `await socket.drained()`: writing at the pace of the peer without a listener. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { createNetwork } from "../../src/testing/mod.ts";
import { createServer, TcpError, type TCPSocket } from "../../mod.ts";
import { Uncaught } from "../client/support.ts";

function alone(
  name: string,
  fn: (client: TCPSocket, server: TCPSocket, step: () => Promise<void>) => Promise<void>,
): void {
  Deno.test({
    name,
    permissions: "none",
    async fn() {
      using uncaught = new Uncaught();
      await using network = createNetwork();
      await network.advance(0);
      const { promise, resolve } = Promise.withResolvers<TCPSocket>();
      const client = await network.connect(network.listen(createServer().onConnection(resolve)));
      await fn(client, await promise, () => network.advance(1));
      await network.advance(1);
      assertEquals(uncaught.seen, []);
    },
  });
}

alone("TCPSocket.drained() resolves at once while write() gives true", async (client) => {
  await client.drained();
  client.write("hello");
  await client.drained();
  assertEquals(client.listenerCount("drain"), 0);
});

alone("TCPSocket.drained() resolves with the drain, and keeps the queue short", async (client, server, step) => {
  let most = 0, done = false;
  const writing = (async () => {
    for (let count = 0; count < 100; count++) {
      if (!client.write(new Uint8Array(40_000))) await client.drained();
      most = Math.max(most, client.writableLength);
    }
    done = true;
  })();
  await step();
  assert(!done && client.writableNeedDrain);
  let bytes = 0;
  server.on("data", (data) => bytes += data.length);
  while (!done) await step();
  await writing;
  while (bytes < 4_000_000) await step();
  assert(most <= 2 * 65_536, `${most} bytes were queued`);
});

alone("TCPSocket.drained() waits for what was written after its call, too", async (client, server, step) => {
  client.write(new Uint8Array(100_000));
  let resolved = false;
  const waiting = client.drained().then(() => resolved = true);
  client.write(new Uint8Array(100_000));
  let bytes = 0;
  server.on("data", (data) => bytes += data.length);
  for (; !resolved; await step()) assert(bytes <= 200_000);
  await waiting;
  assertEquals([client.writableNeedDrain, client.writableLength], [false, 0]);
});

alone(
  "TCPSocket.drained() rejects with what ended the connection, which is not uncaught then",
  async (client, _, step) => {
    client.write(new Uint8Array(100_000));
    const waiting = assertRejects(() => client.drained(), Error, "broken");
    client.destroy(new Error("broken"));
    await step();
    await waiting;
    await assertRejects(() => client.drained(), Error, "broken");
  },
);

alone("TCPSocket.drained() rejects with ERR_STREAM_DESTROYED on a socket that was closed", async (client, _, step) => {
  client.write(new Uint8Array(100_000));
  const waiting = assertRejects(() => client.drained(), TcpError);
  client.destroy();
  await step();
  assertEquals((await waiting).code, "ERR_STREAM_DESTROYED");
  assertEquals((await assertRejects(() => client.drained(), TcpError)).code, "ERR_STREAM_DESTROYED");
});
