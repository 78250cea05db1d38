// Handshakes in a process that is so busy that each of their steps waits longer than their deadline.

import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { connect } from "../../tcp.ts";
import { BusyLoop } from "../support/busy_loop.ts";
import { ENGINES, link } from "./engines.ts";
import { authority, listen, nextTlsClientError, server } from "./support.ts";

// The kernel is asked once in 61 turns.
const TURN_MS = 2;
const deadlines = { handshakeMs: 60 };

for (const engine of ENGINES) {
  Deno.test(`a handshake of which every step waits for a busy process succeeds (${engine})`, async () => {
    using _loop = new BusyLoop(TURN_MS);
    await using linked = await link(engine, { deadlines });
    assertEquals([linked.client.authorized, linked.accepted.encrypted], [true, true]);
  });
}

Deno.test("upgradeTls() in a busy process succeeds", async () => {
  await using app = listen({ deadlines });
  const accepting = once(app, "connection");
  app.onConnection(() => {});
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1", deadlines });
  const [accepted] = await accepting;
  using _loop = new BusyLoop(TURN_MS);
  await Promise.all([
    accepted.upgradeTls({ cert: server.cert, key: server.key }),
    client.upgradeTls({ ca: authority.cert, servername: "localhost" }),
  ]);
  assertEquals([client.authorized, accepted.encrypted], [true, true]);
  client.destroy();
  await accepted.closed;
});

Deno.test("a peer that stalls its handshake is freed in a busy process, too", async () => {
  await using app = listen({ tls: { cert: server.cert, key: server.key }, deadlines }).onConnection(() => {});
  const failing = nextTlsClientError(app);
  using _loop = new BusyLoop(TURN_MS);
  using stalled = await Deno.connect({ port: app.address()!.port, hostname: "127.0.0.1" });
  assertEquals([await failing, await stalled.read(new Uint8Array(1))], ["ETIMEDOUT", null]);
});
