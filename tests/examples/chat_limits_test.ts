/** A client that is slow, silent or hostile costs nobody but himself. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { json } from "@verb/tcp";
import {
  type Answer,
  MAX_NICKNAME_LENGTH,
  MAX_REQUEST_BYTES,
  MAX_ROOM_LENGTH,
  MAX_TEXT_LENGTH,
} from "../../examples/chat/messages.ts";
import { Hall } from "./chat_hall.ts";

// ---- limits ----

Deno.test("a client that announces a request over the limit is cut off before it is sent, and the room is told", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  const header = new DataView(new ArrayBuffer(4));
  header.setUint32(0, MAX_REQUEST_BYTES + 1);
  ben.client.socket.write(new Uint8Array(header.buffer));
  await ann.expect({ type: "user_left", nickname: "Ben" });
  await ben.expectEnd();
  assertEquals(hall.app.metrics().closed.protocol, 1);
});

Deno.test("a full room takes nobody else, and who is refused stays where he was", async () => {
  await using hall = await Hall.open({ maxRoomMembers: 2 });
  await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  const cleo = await hall.guest("Cleo", "café");
  cleo.send({ type: "join_room", room: "harbour" }, { type: "who" });
  await cleo.expect({ type: "error", code: "room_full", request: "join_room" });
  await cleo.expect({ type: "users", room: "café", users: ["Cleo"] });
  ben.send({ type: "join_room", room: "harbour" }); // a member may ask again
  await ben.expect({ type: "room_joined" });
});

Deno.test("the list of a full room fits into one message, whatever the nicknames", () => {
  const users = Array.from({ length: 1_000 }, () => "東".repeat(MAX_NICKNAME_LENGTH));
  const answer: Answer = { type: "room_joined", room: "京".repeat(MAX_ROOM_LENGTH), users };
  const codec = json<Answer>();
  const decoder = codec.decoder();
  decoder.push(codec.encode(answer));
  assertEquals(decoder.next(), answer);
});

// ---- silence ----

Deno.test("a client from whom nothing comes is told and disconnected, logged in or not", async () => {
  await using hall = await Hall.open({ idleMs: 20 });
  const guest = await hall.guest();
  await guest.expect({ type: "error", code: "idle_timeout" });
  await guest.expectEnd();
});

Deno.test("the idle clean-up takes a silent member out of the room and spares the others", async () => {
  const idleMs = 300_000;
  await using hall = await Hall.open({ idleMs });
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  const [annThere, benThere] = hall.chat.clients.values();
  assert(annThere !== undefined && benThere !== undefined);
  while (annThere.lastActivity <= benThere.lastActivity) await ann.expectNothing();

  hall.chat.disconnectIdle(benThere.lastActivity + idleMs);
  await ben.expectNothing(); // not later than the limit
  while (annThere.lastActivity <= benThere.lastActivity) await ann.expectNothing();
  hall.chat.disconnectIdle(benThere.lastActivity + idleMs + 1);
  await ben.expect({ type: "error", code: "idle_timeout" });
  await ben.expectEnd();
  await ann.expect({ type: "user_left", nickname: "Ben" });
  await ann.expectNothing();
});

// ---- not reading ----

/** Text that fills a message. */
const LONG_TEXT = "x".repeat(MAX_TEXT_LENGTH);
const BATCH = 16;
/** Far more than the system's own buffers for one connection take in. */
const MOST_BATCHES = 2_000;

Deno.test("a member that does not read is cut off, and the others miss nothing meanwhile or afterwards", async () => {
  await using hall = await Hall.open({ limits: { maxWriteQueueBytes: 262_144 } });
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  const slow = await hall.guest("Slow", "harbour"); // reads nothing from here on
  await ben.expect({ type: "user_joined", nickname: "Slow" });

  let sent = 0;
  let cutOff = false;
  const sayAndHear = async () => {
    const texts = Array.from({ length: BATCH }, () => `${sent++} ${LONG_TEXT}`.slice(0, MAX_TEXT_LENGTH));
    ann.send(...texts.map((message) => ({ type: "chat_message", message })));
    for (const text of texts) {
      let heard = await ben.next();
      if (heard.type === "user_left") {
        assertEquals(heard.nickname, "Slow");
        cutOff = true;
        heard = await ben.next();
      }
      assert(heard.type === "chat_message");
      assertEquals(heard.message, text);
    }
  };
  while (!cutOff && sent < MOST_BATCHES * BATCH) await sayAndHear();
  assert(cutOff, `Slow was still there after ${sent} messages`);
  await sayAndHear();
  assertEquals(hall.app.metrics().closed.overflow, 1);

  // What had left the server arrives without a gap, and then Slow knows that he was cut off.
  let got = 0;
  const reading = (async () => {
    for (;;) {
      const message = await slow.next();
      if (message.type !== "chat_message") throw new Error(`Slow got ${message.type}`);
      assertEquals(Number(message.message.split(" ")[0]), got++);
    }
  })();
  const end = await reading.catch((error) => String(error));
  assert(/has ended the connection|unfinished frame|reset/.test(String(end)), String(end));
  assertGreater(got, 0);
  assertLess(got, sent);
});

Deno.test("a client that asks and asks and does not read the answers is cut off", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  const { socket } = ben.client;
  for (let batches = 0; !socket.destroyed && batches < MOST_BATCHES; batches++) {
    ben.send(...Array.from({ length: BATCH }, () => ({ type: "private_message", to: "Ben", message: LONG_TEXT })));
    if (!socket.writableNeedDrain) continue;
    await Promise.race([new Promise<void>((resolve) => socket.once("drain", resolve)), socket.closed]);
  }
  await ann.expect({ type: "user_left", nickname: "Ben" });
  assertEquals(hall.app.metrics().closed.overflow, 1);
});

Deno.test("a client that has ended has left the room, and still gets every answer that waits for it", async () => {
  await using hall = await Hall.open({ limits: { maxWriteQueueBytes: Infinity } });
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  await ann.expect({ type: "user_joined" });
  const served = [...hall.chat.clients.values()].find((client) => client.nickname === "Ben");
  assert(served !== undefined);
  // More than the system takes in, so that the rest waits in the server.
  let asked = 0;
  for (; served.socket.writableLength < 1_000_000 && asked < MOST_BATCHES * BATCH; asked += BATCH) {
    ben.send(...Array.from({ length: BATCH }, () => ({ type: "private_message", to: "Ben", message: LONG_TEXT })));
    await ann.expectNothing();
  }
  ben.client.socket.end();
  await ann.expect({ type: "user_left", nickname: "Ben" });
  assertGreater(served.socket.writableLength, 0);
  ann.send({ type: "chat_message", message: "Is Ben gone?" });
  await ann.expectNothing();
  for (let i = 0; i < asked; i++) await ben.expect({ type: "private_message", message: LONG_TEXT });
  await ben.expectEnd();
});

// ---- the end ----

Deno.test("closing the server sends everybody what was said, ends everybody, and answers nobody any more", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann", "harbour");
  const ben = await hall.guest("Ben", "harbour");
  const cleo = await hall.guest("Cleo", "harbour");
  for (const nickname of ["Ben", "Cleo"]) await ann.expect({ type: "user_joined", nickname });
  await ben.expect({ type: "user_joined" });
  ann.send(...Array.from({ length: 100 }, (_, i) => ({ type: "chat_message", message: `${i}` })));
  await cleo.expect({ type: "chat_message", message: "0" });

  const closed = hall.app.close();
  ann.send({ type: "chat_message", message: "Is anybody there?" }); // on its way while the server is closing
  ben.send({ type: "ping" });
  for (let i = 0; i < 100; i++) await ben.expect({ type: "chat_message", message: `${i}` });
  for (let i = 1; i < 100; i++) await cleo.expect({ type: "chat_message", message: `${i}` });
  for (const guest of [ann, ben, cleo]) await guest.expectEnd();
  await closed;
  const { closed: reasons, open } = hall.app.metrics();
  assertEquals([open, reasons.local], [0, 3]);
  assertEquals(hall.chat.clients.size, 0);
});
