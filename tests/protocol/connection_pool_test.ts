import { assertEquals, assertThrows } from "@std/assert";
import { ConnectionPool, TCPSocket } from "../../mod.ts";
import { link } from "./linked.ts";

Deno.test("ConnectionPool counts sockets until they close", async () => {
  await using one = await link();
  await using other = await link();
  const pool = new ConnectionPool(5);
  assertEquals(pool.getConnectionCount(), 0);
  assertEquals([pool.addConnection(one.socket), pool.addConnection(other.socket)], [true, true]);
  assertEquals([pool.getConnectionCount(), pool.connections.has(one.socket)], [2, true]);
  one.socket.destroy();
  await one.socket.closed;
  assertEquals([pool.getConnectionCount(), pool.connections.has(other.socket)], [1, true]);
});

Deno.test("ConnectionPool destroys a socket over its bound and gives false", async () => {
  await using one = await link();
  await using other = await link();
  const pool = new ConnectionPool(1);
  pool.addConnection(one.socket);
  assertEquals(pool.addConnection(other.socket), false);
  assertEquals([other.socket.destroyed, one.socket.destroyed, pool.getConnectionCount()], [true, false, 1]);
  assertEquals(await other.peer.read(new Uint8Array(1)), null);
});

Deno.test("ConnectionPool has room again when a socket has closed", async () => {
  await using one = await link();
  await using other = await link();
  const pool = new ConnectionPool(1);
  pool.addConnection(one.socket);
  one.peer.close();
  one.socket.resume();
  await one.socket.closed;
  assertEquals([pool.addConnection(other.socket), pool.getConnectionCount()], [true, 1]);
});

Deno.test("ConnectionPool counts a socket that is added twice once, even at its bound", async () => {
  await using one = await link();
  const pool = new ConnectionPool(1);
  assertEquals([pool.addConnection(one.socket), pool.addConnection(one.socket)], [true, true]);
  assertEquals([pool.getConnectionCount(), one.socket.destroyed], [1, false]);
  assertEquals(one.socket.listenerCount("close"), 1);
  one.socket.destroy();
  await one.socket.closed;
  assertEquals(pool.getConnectionCount(), 0);
});

Deno.test("ConnectionPool does not add a socket that is closed", async () => {
  await using one = await link();
  const pool = new ConnectionPool(1);
  one.socket.destroy();
  assertEquals([pool.addConnection(one.socket), pool.getConnectionCount()], [false, 0]);
  await one.socket.closed;
  assertEquals([pool.addConnection(one.socket), pool.getConnectionCount()], [false, 0]);
});

Deno.test("ConnectionPool takes a socket again that was in it before its close, as closed", async () => {
  await using one = await link();
  const pool = new ConnectionPool(1);
  pool.addConnection(one.socket);
  one.socket.destroy();
  // Its `close` is yet to come: it still counts, and adding it changes nothing.
  pool.addConnection(one.socket);
  await one.socket.closed;
  assertEquals(pool.getConnectionCount(), 0);
});

Deno.test("two ConnectionPools count one socket each for itself", async () => {
  await using one = await link();
  const pools = [new ConnectionPool(1), new ConnectionPool(2)];
  for (const pool of pools) assertEquals(pool.addConnection(one.socket), true);
  one.socket.destroy();
  await one.socket.closed;
  assertEquals(pools.map((pool) => pool.getConnectionCount()), [0, 0]);
});

Deno.test({
  name: "ConnectionPool has room for 100 where nothing is said, takes 0 and Infinity",
  permissions: "none",
  fn() {
    assertEquals(new ConnectionPool().maxConnections, 100);
    assertEquals(new ConnectionPool(Infinity).maxConnections, Infinity);
    const socket = new TCPSocket();
    assertEquals(new ConnectionPool(0).addConnection(socket), false);
    assertEquals(socket.destroyed, true);
  },
});

for (const [bad, shown] of [[-1, "-1"], [1.5, "1.5"], [NaN, "NaN"], ["5", '"5"'], [null, "null"]] as const) {
  Deno.test({
    name: `ConnectionPool refuses ${shown} as its bound`,
    permissions: "none",
    fn() {
      const error = assertThrows(() => Reflect.construct(ConnectionPool, [bad]), Error);
      assertEquals(
        error.message,
        `Option "maxConnections" must be an integer from 0 to 9007199254740991; it is ${shown}`,
      );
    },
  });
}
