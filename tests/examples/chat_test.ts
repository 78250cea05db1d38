/** The chat's documented protocol, over real sockets. */

import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual, assertNotEquals } from "@std/assert";
import net from "node:net";
import { connectChat } from "../../examples/chat/client.ts";
import { createChatServer } from "../../examples/chat/server.ts";
import { MessageProtocol } from "@verb/tcp";
import { Guest, Hall } from "./chat_hall.ts";

/** What people call the rooms that somebody is in; there are others, for nicknames. */
function roomsOf({ chat }: Hall): string[] {
  return chat.rooms.names().filter((name) => name.startsWith("room "));
}

Deno.test("login is answered with the client's address and a welcome", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest();
  ann.send({ type: "login", nickname: "Ann" });
  const clientId = `127.0.0.1:${ann.client.socket.localPort}`;
  assertEquals(await ann.next(), { type: "login_success", clientId, message: "Welcome, Ann!" });
});

Deno.test("join_room tells the others who came, and the newcomer who is there", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben");
  ben.send({ type: "join_room", room: "harbour" });
  assertEquals(await ben.next(), { type: "room_joined", room: "harbour", users: ["Ann", "Ben"] });
  assertEquals(await ann.next(), { type: "user_joined", nickname: "Ben", message: "Ben joined the room" });
  await ben.expectNothing();
});

Deno.test("leave_room tells the others and not the one who leaves", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  ben.send({ type: "leave_room" });
  assertEquals(await ann.next(), { type: "user_left", nickname: "Ben", message: "Ben left the room" });
  await ben.expectNothing();
});

Deno.test("chat_message reaches the others in the room, not the sender and no other room", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  const cleo = await hall.guest("Cleo", "harbour");
  const dora = await hall.guest("Dora", "café");
  await ann.expect({ type: "user_joined" });
  await ann.expect({ type: "user_joined" });
  await ben.expect({ type: "user_joined" });

  const before = Date.now();
  ann.send({ type: "chat_message", message: "hello" });
  for (const guest of [ben, cleo]) {
    const message = await guest.next();
    assert(message.type === "chat_message");
    const { timestamp, ...rest } = message;
    assertEquals(rest, { type: "chat_message", from: "Ann", message: "hello" });
    assertGreaterOrEqual(timestamp, before);
    assertLessOrEqual(timestamp, Date.now());
  }
  await ann.expectNothing();
  await dora.expectNothing();
});

Deno.test("chat messages of one sender arrive in order, however many come in one chunk", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  const texts = Array.from({ length: 1_000 }, (_, i) => `message ${i}`);
  ann.send(...texts.map((message) => ({ type: "chat_message", message })));
  for (const message of texts) await ben.expect({ type: "chat_message", from: "Ann", message });
});

Deno.test("private_message reaches its recipient alone, in whatever room he is", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  const cleo = await hall.guest("Cleo");
  await ann.expect({ type: "user_joined" });

  const before = Date.now();
  ann.send({ type: "private_message", to: "Cleo", message: "psst" });
  const message = await cleo.next();
  assert(message.type === "private_message");
  const { timestamp, ...rest } = message;
  assertEquals(rest, { type: "private_message", from: "Ann", message: "psst" });
  assertGreaterOrEqual(timestamp, before);
  await ann.expectNothing();
  await ben.expectNothing();
});

Deno.test("joining another room leaves the old one", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  const cleo = await hall.guest("Cleo", "café");
  await ann.expect({ type: "user_joined" });
  ben.send({ type: "join_room", room: "café" });
  await ann.expect({ type: "user_left", nickname: "Ben" });
  await cleo.expect({ type: "user_joined", nickname: "Ben" });
  await ben.expect({ type: "room_joined", room: "café", users: ["Cleo", "Ben"] });

  ann.send({ type: "chat_message", message: "anybody?" });
  await ann.expectNothing();
  await ben.expectNothing();
});

Deno.test("joining the room one is in is answered and disturbs nobody", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  ben.send({ type: "join_room", room: "harbour" });
  await ben.expect({ type: "room_joined", room: "harbour", users: ["Ann", "Ben"] });
  await ann.expectNothing();
});

Deno.test("a room is forgotten when its last member leaves it, moves on or disconnects", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  assertEquals(roomsOf(hall).length, 1);
  ann.send({ type: "join_room", room: "café" });
  await ann.expect({ type: "room_joined", users: ["Ann"] });
  assertEquals(roomsOf(hall).length, 1);
  ann.send({ type: "leave_room" });
  await ann.expectNothing();
  assertEquals(roomsOf(hall), []);

  const ben = await hall.guest("Ben", "harbour");
  await ben.leave();
  await ann.expectNothing();
  assertEquals(roomsOf(hall), []);
});

Deno.test("a member that ends the connection has left the room, and the nickname is free", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  await ben.leave();
  assertEquals(await ann.next(), { type: "user_left", nickname: "Ben", message: "Ben left the room" });
  await hall.guest("Ben");
  await ann.expectNothing(); // told once
});

Deno.test("a member whose connection is reset has left the room", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = net.connect(hall.port, "127.0.0.1");
  const closed = new Promise((resolve) => ben.on("close", resolve));
  const frame = (message: unknown) => new MessageProtocol(ann.client.socket).encode(message);
  ben.write(frame({ type: "login", nickname: "Ben" }));
  ben.write(frame({ type: "join_room", room: "harbour" }));
  await ann.expect({ type: "user_joined", nickname: "Ben" });
  ben.resetAndDestroy();
  await ann.expect({ type: "user_left", nickname: "Ben" });
  await closed;
  assertEquals(hall.app.metrics().closed.reset, 1);
});

Deno.test("what was asked before the client's end is answered before the server's", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest();
  ann.send({ type: "login", nickname: "Ann" }, { type: "join_room", room: "harbour" }, { type: "who" });
  ann.client.socket.end();
  await ann.expect({ type: "login_success" });
  await ann.expect({ type: "room_joined" });
  await ann.expect({ type: "users", room: "harbour", users: ["Ann"] });
  await ann.expectEnd();
  assertEquals((await ann.client.socket.closed).reason, "local");
});

Deno.test("who lists the members of one's own room, or of the room that is named", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  await hall.guest("Ben", "café");
  ann.send({ type: "who" }, { type: "who", room: "café" });
  assertEquals(await ann.next(), { type: "users", room: "harbour", users: ["Ann"] });
  assertEquals(await ann.next(), { type: "users", room: "café", users: ["Ben"] });
});

Deno.test("ping is answered, before the login, too", async () => {
  await using hall = await Hall.open();
  const guest = await hall.guest();
  guest.send({ type: "ping" });
  await guest.expect({ type: "pong" });
});

Deno.test("nicknames, rooms and texts of any script arrive unchanged", async () => {
  await using hall = await Hall.open();
  const zoe = await hall.guest("Zoë 🦕", "кафе 東京");
  const ann = await hall.guest("Ann", "кафе 東京");
  await zoe.expect({ type: "user_joined" });
  zoe.send({ type: "chat_message", message: "naïve 🦕\n\u0000 ὀδυσσεύς" });
  await ann.expect({ type: "chat_message", from: "Zoë 🦕", message: "naïve 🦕\n\u0000 ὀδυσσεύς" });
  ann.send({ type: "private_message", to: "Zoë 🦕", message: "👋" });
  await zoe.expect({ type: "private_message", from: "Ann", message: "👋" });
});

Deno.test("a nickname of signs that stand for whole phrases is like any other", async () => {
  await using hall = await Hall.open();
  const nickname = "\uFDFA".repeat(32); // each of them is 18 characters when it is compared
  const guest = await hall.guest(nickname, "harbour");
  const other = await hall.guest();
  other.send({ type: "login", nickname });
  await other.expect({ type: "error", code: "nickname_taken" });
  await other.enter("Ann");
  other.send({ type: "private_message", to: nickname, message: "hello" });
  await guest.expect({ type: "private_message", from: "Ann" });
});

for (const name of ["__proto__", "constructor", "hasOwnProperty", "toString"]) {
  Deno.test(`a room and a nickname called ${name} are like any other`, async () => {
    await using hall = await Hall.open();
    const ann = await hall.guest("Ann");
    ann.send({ type: "who", room: name }, { type: "private_message", to: name, message: "hello" });
    await ann.expect({ type: "error", code: "unknown_room" });
    await ann.expect({ type: "error", code: "unknown_recipient" });
    const guest = await hall.guest(name, name);
    ann.send({ type: "join_room", room: name });
    await ann.expect({ type: "room_joined", room: name, users: [name, "Ann"] });
    await guest.expect({ type: "user_joined" });
    ann.send({ type: "private_message", to: name, message: "hello" });
    await guest.expect({ type: "private_message", from: "Ann" });
  });
}

Deno.test("nobody can speak for somebody else: a forged sender is ignored", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  const forged = {
    from: "Ann",
    nickname: "Ann",
    clientId: "127.0.0.1:1",
    timestamp: 0,
    ["__proto__"]: { from: "Ann" },
  };
  ben.send({ ...forged, type: "chat_message", message: "I give up" });
  const message = await ann.expect({ type: "chat_message", from: "Ben" });
  assert(message.type === "chat_message");
  assertNotEquals(message.timestamp, 0);
  ben.send({ ...forged, type: "private_message", to: "Ann", message: "I give up" });
  await ann.expect({ type: "private_message", from: "Ben" });
});

Deno.test("lastActivity moves with what a client sends, not with what it is sent", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  const activity = (nickname: string) => {
    for (const client of hall.chat.clients.values()) if (client.nickname === nickname) return client.lastActivity;
    throw new Error(`${nickname} is not connected`);
  };
  const before = { ann: activity("Ann"), ben: activity("Ben") };
  // Until the clock has moved.
  do {
    ann.send({ type: "chat_message", message: "tick" });
    await ben.expect({ type: "chat_message" });
  } while (activity("Ann") === before.ann);
  assertEquals(activity("Ben"), before.ben);
});

Deno.test("clients of a unix socket, which have no address, have ids of their own", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/chat.sock`;
  const { app, chat } = createChatServer();
  try {
    app.listen({ path });
    const [ann, ben] = [new Guest(await connectChat({ path })), new Guest(await connectChat({ path }))];
    ann.send({ type: "login", nickname: "Ann" });
    ben.send({ type: "login", nickname: "Ben" });
    const answers = [await ann.next(), await ben.next()];
    const ids = answers.map((answer) => answer.type === "login_success" ? answer.clientId : "none");
    assertEquals(new Set(ids).size, 2, `ids: ${ids}`);
    assertEquals([...chat.clients.keys()].sort(), ids.sort());
    await ann.leave();
    await ben.leave();
  } finally {
    await app.close();
    await Deno.remove(directory, { recursive: true });
  }
});
