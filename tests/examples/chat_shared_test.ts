/** One chat in several servers: in this process over an engine in memory, and in the workers of a program. */

import { assertEquals } from "@std/assert";
import type { RoomMember } from "@verb/tcp/rooms";
import { LeasedNicknames } from "../../examples/chat/nicknames.ts";
import type { Answer } from "../../examples/chat/messages.ts";
import type { SharedChat } from "../../examples/chat/chat.ts";
import { MemoryEngine } from "../rooms/memory_bus.ts";
import { Guest, Hall, patiently } from "./chat_hall.ts";
import { Program } from "./program.ts";

/** What a chat shares by that engine, which tells whom it has reached, as Redis does. */
function shareBy(engine: MemoryEngine): SharedChat {
  const bus = engine.bus();
  return {
    bus: {
      ...bus,
      publish: async (channel, payload) => {
        await bus.publish(channel, payload);
        return engine.channels.get(channel)?.size ?? 0;
      },
    },
  };
}

Deno.test("people on two servers talk, whisper, and see each other come and go", async () => {
  const engine = new MemoryEngine();
  await using one = await Hall.open({ shared: shareBy(engine) });
  await using two = await Hall.open({ shared: shareBy(engine) });
  const ann = await one.guest("Ann", "harbour");
  const ben = await two.guest("Ben");
  ben.send({ type: "join_room", room: "harbour" });
  await ben.expect({ type: "room_joined", users: ["Ben", "Ann"] });
  await ann.expect({ type: "user_joined", nickname: "Ben" });
  ann.send({ type: "chat_message", message: "hello" });
  await ben.expect({ type: "chat_message", from: "Ann", message: "hello" });
  ben.send({ type: "private_message", to: "ANN", message: "psst" }, {
    type: "private_message",
    to: "Cleo",
    message: "?",
  });
  await ann.expect({ type: "private_message", from: "Ben", message: "psst" });
  await ben.expect({ type: "error", code: "unknown_recipient" });
  const cleo = await one.guest("Cleo");
  cleo.send({ type: "who", room: "harbour" }, { type: "chat_message", room: "harbour", message: "hello" });
  await cleo.expect({ type: "users", users: ["Ann", "Ben"] });
  await cleo.expect({ type: "error", code: "not_in_room" });
  await ben.leave();
  await ann.expect({ type: "user_left", nickname: "Ben" });
  await ann.expectUsers("Ann");
});

Deno.test("a nickname is taken on all servers, and free when its owner is gone", async () => {
  const engine = new MemoryEngine();
  await using one = await Hall.open({ shared: shareBy(engine) });
  await using two = await Hall.open({ shared: shareBy(engine) });
  const ann = await one.guest("Ann");
  const other = await two.guest();
  other.send({ type: "login", nickname: "aNN" });
  await other.expect({ type: "error", code: "nickname_taken" });
  await ann.leave();
  await other.enter("Ann");
});

Deno.test("of many who log in by one nickname on three servers at once at most one succeeds", async () => {
  const engine = new MemoryEngine();
  await using one = await Hall.open({ shared: shareBy(engine) });
  await using two = await Hall.open({ shared: shareBy(engine) });
  await using three = await Hall.open({ shared: shareBy(engine) });
  for (let round = 0; round < 10; round++) {
    const guests = await Promise.all([one, two, three, one, two, three].map((hall) => hall.guest()));
    for (const guest of guests) guest.send({ type: "login", nickname: `Ann ${round}` });
    const answers = await Promise.all(guests.map((guest) => guest.next()));
    const successes = answers.filter(({ type }) => type === "login_success").length;
    assertEquals(successes <= 1, true, `${successes} are called Ann ${round}`);
  }
});

Deno.test("a room that is full is full on all servers", async () => {
  const engine = new MemoryEngine();
  await using one = await Hall.open({ shared: shareBy(engine), maxRoomMembers: 2 });
  await using two = await Hall.open({ shared: shareBy(engine), maxRoomMembers: 2 });
  await one.guest("Ann", "harbour");
  await two.guest("Ben", "harbour");
  const cleo = await two.guest("Cleo");
  cleo.send({ type: "join_room", room: "harbour" });
  await cleo.expect({ type: "error", code: "room_full" });
});

Deno.test("without the engine people on one server go on, and what cannot be known is not promised", async () => {
  const engine = new MemoryEngine();
  await using one = await Hall.open({ shared: shareBy(engine) });
  await using two = await Hall.open({ shared: shareBy(engine) });
  const ann = await one.guest("Ann", "harbour");
  const ben = await one.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  engine.change("down");
  ann.send({ type: "chat_message", message: "hello" }, { type: "private_message", to: "Ben", message: "psst" });
  await ben.expect({ type: "chat_message", message: "hello" });
  await ben.expect({ type: "private_message", message: "psst" });
  ann.send({ type: "private_message", to: "Cleo", message: "psst" });
  await ann.expect({ type: "error", code: "unavailable" });
  engine.change("up");
  await two.guest("Cleo", "harbour");
  await ann.expect({ type: "user_joined", nickname: "Cleo" });
});

Deno.test("a server that closes tells the members elsewhere who has left", async () => {
  const engine = new MemoryEngine();
  await using one = await Hall.open({ shared: shareBy(engine) });
  const ann = await one.guest("Ann", "harbour");
  {
    await using two = await Hall.open({ shared: shareBy(engine) });
    const [ben, cleo] = [await two.guest("Ben", "harbour"), await two.guest("Cleo", "harbour")];
    await ann.expect({ type: "user_joined" });
    await ann.expect({ type: "user_joined" });
    await ben.expect({ type: "user_joined" });
    const closed = two.app.close();
    await ben.expectEnd(); // nobody here is told
    await cleo.expectEnd();
    await closed;
  }
  await ann.expect({ type: "user_left", nickname: "Ben" });
  await ann.expect({ type: "user_left", nickname: "Cleo" });
});

Deno.test("requests are answered in their order, and before the end, also where others have to be asked", async () => {
  const engine = new MemoryEngine();
  await using one = await Hall.open({ shared: shareBy(engine) });
  await using two = await Hall.open({ shared: shareBy(engine) });
  await two.guest("Ben", "café");
  const ann = await one.guest();
  ann.send(
    { type: "login", nickname: "Ann" },
    { type: "login", nickname: "Bob" },
    { type: "who", room: "café" },
    { type: "ping" },
    { type: "join_room", room: "harbour" },
    { type: "shout" },
    { type: "private_message", to: "Dora", message: "?" },
  );
  ann.client.socket.end();
  await ann.expect({ type: "login_success" });
  await ann.expect({ type: "error", code: "already_logged_in" });
  await ann.expect({ type: "users", users: ["Ben"] });
  await ann.expect({ type: "pong" });
  await ann.expect({ type: "room_joined" });
  await ann.expect({ type: "error", code: "unknown_type" });
  await ann.expect({ type: "error", code: "unknown_recipient" });
  await ann.expectEnd();
});

/** As much of Redis as leases need; what is there runs out when the test says so. */
class Leases {
  readonly values = new Map<string, string>();
  gone = false;

  call(command: string, ...args: string[]): Promise<unknown> {
    if (this.gone) return Promise.reject(new Error("Redis is gone"));
    if (command === "SET") {
      const [key, token] = args as [string, string];
      if (this.values.has(key)) return Promise.resolve(null);
      this.values.set(key, token);
      return Promise.resolve("OK");
    }
    const [script, , key, token] = args as [string, string, string, string];
    if (this.values.get(key) !== token) return Promise.resolve(0);
    if (script.includes("DEL")) this.values.delete(key);
    return Promise.resolve(1);
  }
}

Deno.test("a lease that is lost is claimed anew, never taken up again, and its owner is told if somebody has the name", async () => {
  const redis = new Leases();
  const nicknames = new LeasedNicknames(redis, "n:", 30);
  const member = {} as RoomMember<Answer>; // nobody looks at it
  const lost = Promise.withResolvers<void>();
  const told: string[] = [];
  assertEquals(await nicknames.claim("ann", member, () => lost.resolve()), true);
  assertEquals(await nicknames.claim("ann", member, () => {}), false);
  assertEquals(await nicknames.claim("ben", member, () => told.push("ben")), true);
  const before = redis.values.get("n:ben");

  // Redis is gone for a while and has forgotten everything; somebody else was faster for one of the names.
  redis.gone = true;
  redis.values.clear();
  redis.values.set("n:ann", "somebody else");
  redis.gone = false;
  await patiently(lost.promise);
  while (!redis.values.has("n:ben")) await new Promise((resolve) => setTimeout(resolve, 1)); // the renewal
  assertEquals(redis.values.get("n:ben") === before, false, "a lease of its own");
  assertEquals(told, []);
  await nicknames.close();
  assertEquals([...redis.values], [["n:ann", "somebody else"]], "what is somebody else's stays");
});

Deno.test("whoever loses the nickname is told and disconnected", async () => {
  const redis = new Leases();
  const shared = { ...shareBy(new MemoryEngine()), nicknames: new LeasedNicknames(redis, "n:", 30) };
  await using hall = await Hall.open({ shared });
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  redis.values.set("n:ann", "somebody else");
  await ann.expect({ type: "error", code: "nickname_taken", message: "Somebody else is called Ann now" });
  await ann.expectEnd();
  await ben.expect({ type: "user_left", nickname: "Ann" });
  redis.gone = true;
  const cleo = await hall.guest();
  cleo.send({ type: "login", nickname: "Cleo" });
  await cleo.expect({ type: "error", code: "unavailable" });
});

Deno.test("server.ts --workers 2: people on all workers are in one chat", async () => {
  await using server = new Program("examples/chat/server.ts", ["--port", "0", "--workers", "2"], [
    "--allow-net",
    "--allow-read",
  ]);
  const port = await server.port();
  const nicknames = Array.from({ length: 8 }, (_, n) => `Guest ${n}`);
  const guests: Guest[] = [];
  for (const nickname of nicknames) guests.push(await (await Guest.connect(port)).enter(nickname, "harbour"));
  // Each sees those come who come later.
  for (const [n, guest] of guests.entries()) {
    for (const nickname of nicknames.slice(n + 1)) await guest.expect({ type: "user_joined", nickname });
    await guest.expectUsers(...nicknames);
  }
  guests[0]!.send({ type: "chat_message", message: "hello" });
  for (const guest of guests.slice(1)) await guest.expect({ type: "chat_message", from: "Guest 0", message: "hello" });
  for (const [n, guest] of guests.entries()) {
    const to = (n + 1) % guests.length;
    guest.send({ type: "private_message", to: `guest ${to}`, message: "psst" });
    await guests[to]!.expect({ type: "private_message", from: `Guest ${n}` });
  }
  const other = await Guest.connect(port);
  other.send({ type: "login", nickname: "GUEST 3" });
  await other.expect({ type: "error", code: "nickname_taken" });
  server.signal("SIGTERM");
  const { code, rest, stderr } = await patiently(server.end());
  assertEquals([code, rest, stderr], [0, ["Closed: 9 ended, 0 cut off"], ""]);
  for (const guest of [...guests, other]) await guest.client.socket.closed;
});

Deno.test("a server that closes while a login waits for others parts without a failure, and the nickname is free", async () => {
  const engine = new MemoryEngine();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<boolean>();
  const released: string[] = [];
  const nicknames = {
    claim: () => (asked.resolve(), answer.promise),
    release: (key: string) => void released.push(key),
    close: () => Promise.resolve(),
  };
  await using hall = await Hall.open({ shared: { ...shareBy(engine), nicknames } });
  const ann = await hall.guest();
  ann.send({ type: "login", nickname: "Ann" }, { type: "join_room", room: "harbour" });
  await asked.promise;
  const closed = hall.app.close();
  await ann.expectEnd();
  answer.resolve(true);
  await closed;
  assertEquals([hall.app.metrics().closed.local, released], [1, ["ann"]]);
});
