/** The chat's heartbeat: for clients that promised to answer pings, and for no other. */

import { assertEquals, assertMatch } from "@std/assert";
import { Peer } from "../documentation/peer.ts";
import { Hall } from "./chat_hall.ts";

const CODES = (messages: unknown[]) =>
  messages.map((message) => typeof message === "object" && message !== null && "type" in message && message.type);

Deno.test("a client that promised to answer pings and does not is given up, and nobody else is", async () => {
  await using hall = await Hall.open({ heartbeatMs: 50 });
  using silent = await Peer.connect(hall.port);
  using quiet = await Peer.connect(hall.port);
  await quiet.writeMessage({ type: "login", nickname: "Quiet" });
  const speaker = await hall.guest();
  speaker.send({ type: "login", nickname: "Speaker", heartbeat: true });
  await speaker.expect({ type: "login_success" });
  const spoken = speaker.next(); // whoever does not read cannot answer

  await silent.writeMessage({ type: "login", nickname: "Silent", heartbeat: true });
  const seen: unknown[] = [await silent.readMessage(), await silent.readMessage()];
  assertEquals(CODES(seen), ["login_success", "ping"]);
  assertMatch(String(await silent.readToEnd()), /ping/);
  assertEquals(hall.app.metrics().closed.heartbeat, 1);

  speaker.send({ type: "ping" });
  assertEquals(CODES([await spoken]), ["pong"]);
  await quiet.writeMessage({ type: "ping" });
  assertEquals(CODES([await quiet.readMessage(), await quiet.readMessage()]), ["login_success", "pong"]);
  assertEquals(hall.chat.clients.size, 2);
});

Deno.test("a heartbeatMs of 0 pings nobody, and a pong that nobody asked for is ignored", async () => {
  await using hall = await Hall.open({ heartbeatMs: 0 });
  const guest = await hall.guest();
  guest.send({ type: "pong" }, { type: "login", nickname: "Ann", heartbeat: true }, { type: "pong" });
  await guest.expect({ type: "login_success" });
  await guest.expectNothing();
});
