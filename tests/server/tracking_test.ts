/** `app.connections` by address, by silence, and with typed state. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { once } from "node:events";
import { createServer, ServerProtocol, type TCPSocket } from "../../mod.ts";
import { Peer } from "../documentation/peer.ts";

/** A server with that many peers, on loopback. */
async function open(count: number, hostname = "127.0.0.1") {
  const app = createServer<{ name: string }>(ServerProtocol.TCP);
  const sockets: TCPSocket<{ name: string }>[] = [];
  app.onConnection((socket) => {
    socket.state = { name: `peer ${sockets.push(socket)}` };
    socket.on("data", (data) => socket.write(data));
  });
  app.listen(0, hostname);
  const { port } = app.address()!; // listening
  const peers: Peer[] = [];
  for (let i = 0; i < count; i++) {
    const accepted = once(app, "connection");
    peers.push(await Peer.connect(port));
    await accepted;
  }
  return { app, sockets, peers, port };
}

Deno.test("state is typed wherever a server hands out sockets", async () => {
  const { app, sockets, peers } = await open(2);
  const names: string[] = [];
  for (const { state } of app.connections) names.push(state.name);
  names.push(app.connections.get(sockets[0]?.id ?? 0)?.state.name ?? "");
  names.push(...app.connections.byAddress("127.0.0.1").map(({ state }) => state.name));
  assertEquals(names, ["peer 1", "peer 2", "peer 1", "peer 1", "peer 2"]);
  const heard = new Promise<string | undefined>((resolve) => app.onError((_, socket) => resolve(socket?.state.name)));
  sockets[1]?.destroy(new Error("for onError"));
  assertEquals(await heard, "peer 2");
  app.destroy();
  peers.forEach((peer) => peer.close());
  await app.close();
  const iterated = createServer<{ name: string }>().listen(0, "127.0.0.1");
  using _peer = await Peer.connect(iterated.address()!.port);
  for await (const socket of iterated) {
    socket.state = { name: "iterated" };
    assertEquals(iterated.connections.get(socket.id)?.state.name, "iterated");
    break;
  }
  iterated.destroy();
  await iterated.close();
});

for (const hostname of ["127.0.0.1", "::"]) {
  Deno.test(`byAddress() finds IPv4 peers of a server on ${hostname}, however their address is written`, async () => {
    const { app, sockets, peers, port } = await open(1, hostname);
    for (const address of ["127.0.0.1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"]) {
      assertEquals(app.connections.byAddress(address), sockets);
    }
    assertEquals(app.connections.byAddress("127.0.0.2"), []);
    // Later ones come into the index, too, and those that go leave it.
    const accepted = once(app, "connection");
    peers.push(await Peer.connect(port));
    await accepted;
    assertEquals(app.connections.byAddress("127.0.0.1"), sockets);
    const [first, second] = sockets;
    first?.destroy();
    assertEquals(app.connections.byAddress("127.0.0.1"), [second]);
    app.destroy();
    assertEquals(app.connections.byAddress("127.0.0.1"), []);
    peers.forEach((peer) => peer.close());
    await app.close();
  });
}

Deno.test("byAddress() gives an array of one's own, so that its sockets may be destroyed", async () => {
  const { app, sockets, peers } = await open(3);
  for (const socket of app.connections.byAddress("127.0.0.1")) socket.destroy();
  assert(sockets.every((socket) => socket.destroyed));
  assertEquals(app.connections.size, 0);
  peers.forEach((peer) => peer.close());
  await app.close();
});

Deno.test("closeIdle() ends the silent in order and spares the others", async () => {
  const { app, sockets, peers } = await open(2);
  const [silent, lively] = sockets;
  const [quiet, talker] = peers;
  assert(silent !== undefined && quiet !== undefined && talker !== undefined);
  silent.write("last words");
  assertEquals(await quiet.readText("last words"), "last words");
  const silentSince = silent.lastActivity;
  while (Date.now() - silentSince < 300) {
    await talker.write("x");
    await talker.read(1);
  }
  assertEquals(app.connections.closeIdle(250), 1);
  assertEquals([silent.writableEnded, lively?.writableEnded], [true, false]);
  assertEquals((await quiet.readToEnd()).length, 0);
  quiet.close();
  assertEquals((await silent.closed).reason, "local");
  app.destroy();
  talker.close();
  await app.close();
});

Deno.test("closeIdle() destroys whom it ended before and who has been silent ever since", async () => {
  const { app, sockets, peers } = await open(1);
  const [socket] = sockets;
  assert(socket !== undefined);
  assertEquals(app.connections.closeIdle(0), 1);
  assertEquals([app.connections.closeIdle(60_000), socket.destroyed], [0, false], "our end was a sign of life");
  while (app.connections.closeIdle(20) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals([(await socket.closed).reason, app.connections.size], ["destroyed", 0]);
  peers.forEach((peer) => peer.close());
  await app.close();
});

for (
  const [method, argument, message] of [
    ["closeIdle", undefined, 'Option "silentMs" must be a number of milliseconds; it is undefined'],
    ["closeIdle", -1, 'Option "silentMs" must be from 0 to 2147483647 milliseconds; it is -1'],
    ["byAddress", undefined, 'Option "address" must be a non-empty string; it is undefined'],
    ["byAddress", 127, 'Option "address" must be a non-empty string; it is 127'],
  ] as const
) {
  Deno.test({
    name: `connections.${method}() says: ${message}`,
    permissions: "none",
    fn: () => {
      const { connections } = createServer();
      const error = assertThrows(() => Reflect.apply(connections[method], connections, [argument]), Error);
      assertStrictEquals(error.message, message);
    },
  });
}
