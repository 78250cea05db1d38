import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  connect,
  createServer,
  framed,
  type FramedSocket,
  json,
  lengthPrefixed,
  MessageProtocol,
  TcpError,
  type TCPSocket,
} from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { type RoomMember, Rooms, type RoomsOptions } from "../../src/rooms/mod.ts";
import { createNetwork, type Network, socketPair } from "../../src/testing/mod.ts";
import { MemoryEngine } from "./memory_bus.ts";

const CODEC = lines();

interface Person {
  readonly member: FramedSocket<string>;
  /** The other end. */
  readonly far: TCPSocket;
  /** What it heard, whole lines. */
  readonly heard: () => string[];
}

function person(): Person {
  const [near, far] = socketPair();
  for (const socket of [near, far]) socket.on("error", () => {});
  let text = "";
  far.on("data", (data) => text += data);
  const member = framed(near, CODEC);
  return { member, far, heard: () => text.split("\n").slice(0, -1) };
}

/** Lets what was written arrive. */
async function arrive(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setTimeout(resolve));
}

function part(...people: Person[]): Promise<unknown> {
  for (const { member } of people) member.socket.destroy();
  return Promise.all(people.flatMap(({ member, far }) => [member.socket.closed, far.destroy().closed]));
}

function roomsOf(options: Omit<RoomsOptions<string>, "codec"> = {}): Rooms<string> {
  return new Rooms<string>({ codec: CODEC, ...options });
}

Deno.test("Rooms.broadcast() reaches the members of a room and nobody else", async () => {
  const rooms = roomsOf();
  const [ann, bob, eve] = [person(), person(), person()];
  assertEquals(await rooms.join("lobby", ann.member), true);
  await rooms.join("lobby", bob.member);
  await rooms.join("attic", eve.member);
  assertEquals(rooms.broadcast("lobby", "hello"), { members: 2, queued: 2, skipped: 0, disconnected: 0 });
  assertEquals(rooms.broadcast("cellar", "hello"), { members: 0, queued: 0, skipped: 0, disconnected: 0 });
  await arrive();
  assertEquals([ann.heard(), bob.heard(), eve.heard()], [["hello"], ["hello"], []]);
  await part(ann, bob, eve);
});

Deno.test("Rooms.broadcast() leaves out one member, or several", async () => {
  const rooms = roomsOf();
  const [ann, bob, eve] = [person(), person(), person()];
  for (const { member } of [ann, bob, eve]) void rooms.join("lobby", member);
  assertEquals(rooms.broadcast("lobby", "one", { except: ann.member }).members, 2);
  assertEquals(rooms.broadcast("lobby", "two", { except: [ann.member, bob.member] }).members, 1);
  await arrive();
  assertEquals([ann.heard(), bob.heard(), eve.heard()], [[], ["one"], ["one", "two"]]);
  await part(ann, bob, eve);
});

Deno.test("Rooms.broadcast() to several rooms reaches each member once", async () => {
  const rooms = roomsOf();
  const [ann, bob, eve] = [person(), person(), person()];
  for (const name of ["a", "b"]) void rooms.join(name, ann.member);
  void rooms.join("b", bob.member);
  void rooms.join("c", eve.member);
  assertEquals(rooms.broadcast(["a", "b", "b", "c"], "all", { except: eve.member }), {
    members: 2,
    queued: 2,
    skipped: 0,
    disconnected: 0,
  });
  await arrive();
  assertEquals([ann.heard(), bob.heard(), eve.heard()], [["all"], ["all"], []]);
  await part(ann, bob, eve);
});

Deno.test("Rooms knows who is where, from both sides, however one leaves", async () => {
  const rooms = roomsOf();
  const [ann, bob, eve] = [person(), person(), person()];
  for (const name of ["a", "b", "c"]) {
    for (const { member } of [ann, bob, eve]) void rooms.join(name, member);
  }
  assertEquals(rooms.names(), ["a", "b", "c"]);
  assertEquals(rooms.members("a"), [ann.member, bob.member, eve.member]);
  assertEquals(rooms.roomsOf(ann.member), ["a", "b", "c"]);
  assertEquals([rooms.leave("a", ann.member), rooms.leave("a", ann.member)], [true, false]);
  assertEquals(rooms.leaveAll(ann.member), ["b", "c"]);
  assertEquals(rooms.roomsOf(ann.member), []);
  bob.far.end(); // leaves by its peer's end
  eve.member.socket.destroy();
  await Promise.all([bob.member.socket.closed, eve.member.socket.closed]);
  assertEquals([rooms.names(), rooms.size("a"), rooms.members("a")], [[], 0, []]);
  await part(ann, bob, eve);
});

Deno.test("Rooms keeps one listener for each member, and none once it has left", async () => {
  const rooms = roomsOf();
  const ann = person();
  const { socket } = ann.member;
  const before = socket.listenerCount("close");
  for (let room = 0; room < 50; room++) void rooms.join(`room ${room}`, ann.member);
  assertEquals(socket.listenerCount("close"), before + 1);
  rooms.leaveAll(ann.member);
  assertEquals(socket.listenerCount("close"), before);
  await part(ann);
});

Deno.test("Rooms.join() of a socket that is closed gives false and joins nothing", async () => {
  const rooms = roomsOf();
  const ann = person();
  await part(ann);
  assertEquals(await rooms.join("lobby", ann.member), false);
  assertEquals(rooms.names(), []);
});

Deno.test("Rooms.join() holds one member to its bound, and joining again is no more", async () => {
  const rooms = roomsOf({ maxRoomsPerMember: 2 });
  const [ann, bob] = [person(), person()];
  for (const name of ["a", "b", "b"]) void rooms.join(name, ann.member);
  const error = assertThrows(() => rooms.join("c", ann.member), TcpError);
  assertEquals([error.code, error.message], [
    "ERR_ROOMS_FULL",
    "Cannot join: the member is in 2 rooms already (maxRoomsPerMember)",
  ]);
  void rooms.join("c", bob.member);
  rooms.leave("a", ann.member);
  void rooms.join("c", ann.member);
  assertEquals(rooms.size("c"), 2);
  await part(ann, bob);
});

for (
  const name of ["__proto__", "constructor", "*", ">", "a.b.>", "{x}", "\n", " ", "ü".repeat(128), "x".repeat(256)]
) {
  Deno.test(`Rooms takes ${JSON.stringify(name).slice(0, 20)} for a name like any other`, async () => {
    const rooms = roomsOf();
    const [ann, bob] = [person(), person()];
    void rooms.join(name, ann.member);
    void rooms.join(`${name.slice(1)}y`, bob.member);
    assertEquals(rooms.broadcast(name, "hello").members, 1);
    await arrive();
    assertEquals([ann.heard(), bob.heard()], [["hello"], []]);
    await part(ann, bob);
  });
}

Deno.test("Rooms refuses names that are none", () => {
  const rooms = roomsOf();
  const { member } = person();
  for (const name of ["", "x".repeat(257), "ü".repeat(129), "half \ud83d", 7, null, undefined, {}]) {
    const error = assertThrows(() => rooms.join(name as string, member), TypeError) as TypeError & { code: string };
    assert(["ERR_INVALID_ARG_TYPE", "ERR_INVALID_ARG_VALUE"].includes(error.code));
    if (name !== undefined) assertThrows(() => rooms.broadcast([name as string], "x"), TypeError);
  }
  assertEquals(rooms.names(), []);
  member.socket.destroy();
});

Deno.test("Rooms says with a code what is no name, no member to leave out, and no JSON", async () => {
  const rooms = roomsOf({ bus: new MemoryEngine().bus(), wire: "test-1" });
  const { member } = person();
  const calls: (() => unknown)[] = [
    ...[undefined, null, 7, {}, new Set(["a"])].map((name) => () => rooms.broadcast(name as string, "x")),
    ...[null, 7, {}, "abc", [7], [member.socket]].map((except) => () =>
      rooms.broadcast("lobby", "x", { except: except as [] })
    ),
    ...[1n, { toJSON: () => 1n }].map((data) => () => void rooms.join("lobby", member, data)),
  ];
  for (const call of calls) {
    const error = assertThrows(call, TypeError) as TypeError & { code: string };
    assert(["ERR_INVALID_ARG_TYPE", "ERR_INVALID_ARG_VALUE"].includes(error.code), error.message);
  }
  assertEquals([rooms.names(), rooms.metrics().members], [[], 0]);
  member.socket.destroy();
  await rooms.close();
});

Deno.test("Members that come, leave and close in mid-broadcast: nobody else misses it, nobody gets it twice", async () => {
  const rooms = roomsOf();
  await using app = createServer("tcp", { limits: { highWaterMarkBytes: 64 } });
  const accepted: FramedSocket<string>[] = [];
  app.onConnection((socket) => void accepted.push(framed(socket, CODEC))).listen(0, "127.0.0.1");
  const port = app.address()!.port;
  const heard = new Map<number, string[]>();
  const clients: TCPSocket[] = [];
  for (let index = 0; index < 6; index++) {
    const client = await connect({ port, host: "127.0.0.1" });
    clients.push(client);
    framed(client, CODEC).on("message", (line) => heard.set(index, [...heard.get(index) ?? [], line]));
    while (accepted.length <= index) await arrive();
  }
  for (const member of accepted.slice(0, 5)) void rooms.join("lobby", member);
  let done = false;
  // Told within the broadcast, when the queue of the second member has filled up.
  app.observe(({ type }) => {
    if (type !== "queue.high" || done || rooms.size("lobby") !== 5) return;
    done = true;
    rooms.leave("lobby", accepted[0]!);
    void rooms.join("lobby", accepted[0]!);
    rooms.leave("lobby", accepted[2]!);
    accepted[3]!.socket.destroy();
    void rooms.join("lobby", accepted[5]!);
  });
  const receipt = rooms.broadcast("lobby", "x".repeat(100));
  rooms.broadcast("lobby", "end");
  for (const index of [0, 1, 4, 5]) while (heard.get(index)?.at(-1) !== "end") await arrive();
  const texts = (index: number) => (heard.get(index) ?? []).map((line) => line[0]).join("");
  assertEquals([0, 1, 2, 3, 4, 5].map(texts), ["xe", "xe", "", "", "xe", "e"]);
  assertEquals(receipt, { members: 4, queued: 3, skipped: 1, disconnected: 0 });
  for (const client of clients) client.destroy();
  await Promise.all(clients.map((client) => client.closed));
});

Deno.test("Rooms refuses members of another codec, and what is no member", async () => {
  const rooms = roomsOf();
  const [near, far] = socketPair();
  for (const stranger of [framed(near, lines()), new MessageProtocol(near), near, {}, undefined]) {
    assertThrows(() => rooms.join("lobby", stranger as RoomMember<string>), TypeError);
  }
  near.destroy();
  await far.closed;
});

Deno.test("Rooms without a codec take protocols with the default one, and those with a limit theirs", async () => {
  const [near, far] = socketPair();
  await new Rooms().join("lobby", new MessageProtocol(near));
  const limited = new MessageProtocol(near, { maxFrameBytes: 1_000 });
  assertStrictEquals(limited.codec, new MessageProtocol(near, { maxFrameBytes: 1_000 }).codec);
  await new Rooms({ codec: limited.codec }).join("lobby", limited);
  assertThrows(() => new Rooms().join("lobby", limited), TypeError);
  near.destroy();
  await far.closed;
});

Deno.test("Rooms refuses options that make no sense", () => {
  const wrong: [object, string][] = [
    [{ slow: "drop" }, 'Option "slow" must be "queue", "skip" or "disconnect"; it is "drop"'],
    [{ maxRoomsPerMember: 0 }, 'Option "maxRoomsPerMember" must be an integer from 1 to 9007199254740991; it is 0'],
    [{ size: 1 }, 'Option "size" is unknown; "options" takes codec, slow, maxRoomsPerMember, bus, wire, presence'],
    [{ codec: lines }, 'Option "codec"'],
  ];
  for (const [options, message] of wrong) {
    const error = assertThrows(() => new Rooms(options), Error);
    assert(error.message.startsWith(message), error.message);
  }
});

Deno.test("A message that cannot be said throws, and nobody gets anything", async () => {
  const codec = json<unknown>({ framing: lengthPrefixed({ maxFrameBytes: 50 }) });
  const rooms = new Rooms<unknown>({ codec });
  const [near, far] = socketPair();
  void rooms.join("lobby", framed(near, codec));
  const circle: Record<string, unknown> = {};
  circle.circle = circle;
  for (const message of ["x".repeat(100), undefined, circle, 1n]) {
    assertThrows(() => rooms.broadcast("lobby", message), Error);
  }
  assertEquals(near.bytesWritten, 0);
  near.destroy();
  await far.closed;
});

Deno.test("A message whose making joins and leaves reaches those who are there when it is sent", async () => {
  const codec = json<unknown>();
  const rooms = new Rooms<unknown>({ codec });
  const pairs = [socketPair(), socketPair()];
  const [ann, bob] = pairs.map(([near]) => framed(near, codec));
  void rooms.join("lobby", ann!);
  const receipt = rooms.broadcast("lobby", {
    toJSON() {
      void rooms.join("lobby", bob!);
      rooms.leave("lobby", ann!);
      return "odd";
    },
  });
  assertEquals(receipt.members, 1);
  assertEquals([ann!.socket.bytesWritten, bob!.socket.bytesWritten > 0], [0, true]);
  for (const [near, far] of pairs) await Promise.all([near.destroy().closed, far.destroy().closed]);
});

Deno.test("Rooms.close() lets everybody leave and keeps the sockets", async () => {
  const rooms = roomsOf();
  const [ann, bob] = [person(), person()];
  for (const { member } of [ann, bob]) void rooms.join("lobby", member);
  await rooms.close();
  assertEquals([rooms.names(), ann.member.socket.destroyed], [[], false]);
  await part(ann, bob);
});

Deno.test("nobody joins rooms that were closed, and nobody hears what is said to them", async () => {
  const rooms = roomsOf();
  const ann = person();
  void rooms.join("lobby", ann.member);
  const closed = rooms.close();
  for (const name of ["lobby", "garden"]) {
    const error = assertThrows(() => rooms.join(name, ann.member), TcpError, "Cannot join: the rooms were closed");
    assertEquals(error.code, "ERR_ROOMS_CLOSED");
  }
  assertEquals(rooms.broadcast("lobby", "hello").members, 0);
  assertEquals([rooms.size("lobby"), rooms.metrics().members, rooms.leave("lobby", ann.member)], [0, 0, false]);
  await closed;
  await rooms.close();
  await part(ann);
});

// ---- slow members ----

const BIG = "x".repeat(20_000);
const LIMITS = { highWaterMarkBytes: 64 * 1_024, maxWriteQueueBytes: 256 * 1_024 };

/** Members over a network, one of which does not read. */
async function crowd(network: Network, rooms: Rooms<string>) {
  const { createServer } = await import("../../mod.ts");
  const members: FramedSocket<string>[] = [];
  const app = createServer("tcp", { limits: LIMITS }).onError(() => {}).onConnection((socket) => {
    const member = framed(socket, CODEC);
    members.push(member);
    socket.on("error", () => {});
    void rooms.join("lobby", member);
  });
  const port = network.listen(app);
  const slow = await network.connect(port);
  const readers = [await network.connect(port), await network.connect(port)];
  const bytes = readers.map((reader) => {
    const count = { bytes: 0 };
    reader.on("data", (data) => count.bytes += data.length);
    return count;
  });
  await network.advance(10);
  return { members, slow, bytes };
}

Deno.test('slow: "queue" queues up to the bound of the socket, then the member goes and the others miss nothing', async () => {
  await using network = createNetwork();
  const rooms = roomsOf();
  const { members, bytes } = await crowd(network, rooms);
  let disconnected = 0;
  for (let round = 0; round < 40; round++) {
    disconnected += rooms.broadcast("lobby", BIG).disconnected;
    await network.advance(10);
  }
  assertEquals(disconnected, 1);
  assertEquals((await members[0]!.socket.closed).reason, "overflow");
  assertEquals(bytes.map(({ bytes }) => bytes), [40 * 20_001, 40 * 20_001]);
  assertEquals(rooms.size("lobby"), 2);
});

Deno.test('slow: "skip" leaves a member out at its high-water mark, and tells what it missed when it has caught up', async () => {
  await using network = createNetwork();
  const rooms = roomsOf({ slow: "skip" });
  const { members, slow, bytes } = await crowd(network, rooms);
  const lagged: unknown[] = [];
  rooms.on(
    "lagged",
    (member, room, missed) => lagged.push([members.indexOf(member as FramedSocket<string>), room, missed]),
  );
  let skipped = 0;
  for (let round = 0; round < 40; round++) {
    skipped += rooms.broadcast("lobby", BIG).skipped;
    await network.advance(10);
  }
  assert(skipped > 20, `${skipped} skipped`);
  assertEquals(lagged, []);
  slow.on("data", () => {});
  await network.advance(1_000);
  assertEquals(lagged, [[0, "lobby", skipped]]);
  assertEquals(members[0]!.socket.listenerCount("drain"), 0);
  assertEquals(rooms.broadcast("lobby", BIG), { members: 3, queued: 3, skipped: 0, disconnected: 0 });
  await network.advance(100);
  assertEquals(bytes.map(({ bytes }) => bytes), [41 * 20_001, 41 * 20_001]);
});

Deno.test('slow: "disconnect" destroys a member at its high-water mark', async () => {
  await using network = createNetwork();
  const rooms = roomsOf({ slow: "disconnect" });
  const { members, bytes } = await crowd(network, rooms);
  let disconnected = 0;
  for (let round = 0; round < 20; round++) {
    disconnected += rooms.broadcast("lobby", BIG).disconnected;
    await network.advance(10);
  }
  assertEquals(disconnected, 1);
  const { reason, error } = await members[0]!.socket.closed;
  assertEquals([reason, (error as TcpError).code], ["overflow", "EOVERFLOW"]);
  assertEquals(bytes.map(({ bytes }) => bytes), [20 * 20_001, 20 * 20_001]);
});

Deno.test('slow: "skip": a member that does not read, and joins and leaves over and over, piles nothing up', async () => {
  await using network = createNetwork();
  const rooms = roomsOf({ slow: "skip" });
  const { members } = await crowd(network, rooms);
  const [slow] = members;
  for (let round = 0; round < 100; round++) {
    rooms.leaveAll(slow!);
    void rooms.join("lobby", slow!);
    rooms.broadcast("lobby", BIG);
    await network.advance(1);
  }
  assert(slow!.socket.writableNeedDrain);
  assertEquals(slow!.socket.listenerCount("drain"), 1);
  rooms.leaveAll(slow!);
  assertEquals(slow!.socket.listenerCount("drain"), 0);
});
