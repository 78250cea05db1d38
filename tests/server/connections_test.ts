import { assertEquals, assertStrictEquals } from "@std/assert";
import { TCPSocket } from "../../mod.ts";
import { ConnectionSet } from "../../src/server/connections.ts";

function unit(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn: async () => await fn() });
}

/** A set with room for so many. */
function setOf(max: number, ...sockets: TCPSocket[]): ConnectionSet<unknown> {
  const set = new ConnectionSet<unknown>(() => max);
  for (const socket of sockets) set.add(socket);
  return set;
}

/** Whether the promise has settled once what is due has run. */
async function settled(promise: Promise<unknown> | undefined): Promise<boolean> {
  let done = false;
  void promise?.then(() => done = true);
  for (let i = 0; i < 5; i++) await null;
  return done;
}

unit("ConnectionSet has size, get(id) and iteration in the order of arrival", () => {
  const sockets = [new TCPSocket(), new TCPSocket(), new TCPSocket()];
  const set = setOf(10, ...sockets);
  assertEquals([set.size, [...set].map(({ id }) => id)], [3, sockets.map(({ id }) => id)]);
  for (const socket of sockets) assertStrictEquals(set.get(socket.id), socket);
  assertEquals(set.get(-1), undefined);
});

unit("ConnectionSet forgets what is removed, and does not mind a stranger", () => {
  const [one, other] = [new TCPSocket(), new TCPSocket()];
  const set = setOf(10, one);
  set.remove(other);
  assertEquals(set.size, 1);
  set.remove(one);
  set.remove(one);
  assertEquals([set.size, set.get(one.id), [...set]], [0, undefined, []]);
});

unit("ConnectionSet may lose sockets while it is iterated", () => {
  const sockets = Array.from({ length: 5 }, () => new TCPSocket());
  const set = setOf(10, ...sockets);
  const seen: number[] = [];
  for (const socket of set) {
    seen.push(socket.id);
    set.remove(socket);
  }
  assertEquals([seen, set.size], [sockets.map(({ id }) => id), 0]);
});

unit("ConnectionSet is full at its bound, which may change", () => {
  let max = 2;
  const set = new ConnectionSet<unknown>(() => max);
  set.add(new TCPSocket());
  assertEquals(set.full, false);
  set.add(new TCPSocket());
  assertEquals(set.full, true);
  max = 3;
  assertEquals(set.full, false);
});

unit("ConnectionSet.whenRoom() is undefined while there is room", () => {
  assertEquals(setOf(1).whenRoom(), undefined);
});

unit("ConnectionSet.whenRoom() resolves when one leaves", async () => {
  const [one, other] = [new TCPSocket(), new TCPSocket()];
  const set = setOf(2, one, other);
  const room = set.whenRoom();
  assertEquals(await settled(room), false);
  set.remove(one);
  assertEquals(await settled(room), true);
});

unit("ConnectionSet.whenRoom() waits until there is room indeed", async () => {
  let max = 2;
  const [one, other] = [new TCPSocket(), new TCPSocket()];
  const set = new ConnectionSet<unknown>(() => max);
  set.add(one);
  set.add(other);
  const room = set.whenRoom();
  max = 1;
  set.remove(one);
  assertEquals(await settled(room), false);
  set.remove(other);
  assertEquals(await settled(room), true);
});

unit("ConnectionSet.whenRoom() waits anew each time it was full", async () => {
  const [one, other] = [new TCPSocket(), new TCPSocket()];
  const set = setOf(1, one);
  const first = set.whenRoom();
  set.remove(one);
  await first;
  set.add(other);
  assertEquals(await settled(set.whenRoom()), false);
});

unit("ConnectionSet.release() lets whoever waits for room go on", async () => {
  const set = setOf(1, new TCPSocket());
  const room = set.whenRoom();
  set.release();
  assertEquals(await settled(room), true);
  set.release(); // nobody waits
});
