/** The chat in two processes with one Redis: people on both are in one chat, and the death of one process is overcome. */

import { assertEquals } from "@std/assert";
import { Guest, patiently } from "../examples/chat_hall.ts";
import { Program } from "../examples/program.ts";
import { EngineServer } from "./rooms_service.ts";

function startChat(redis: EngineServer, ...flags: string[]): Program {
  const args = ["--port", "0", "--redis", `redis://127.0.0.1:${redis.port}`, "--lease", "1", ...flags];
  return new Program("examples/chat/server.ts", args, ["--allow-net", "--allow-env", "--allow-read"]);
}

/** Logs in as soon as the nickname is free. */
async function enterWhenFree(guest: Guest, nickname: string): Promise<void> {
  for (;;) {
    guest.send({ type: "login", nickname });
    const { type } = await guest.next();
    if (type === "login_success") return;
    await new Promise((resolve) => setTimeout(resolve, 25)); // the next look
  }
}

async function closed(...guests: Guest[]): Promise<void> {
  for (const { client: { socket } } of guests) {
    socket.destroy();
    await socket.closed;
  }
}

Deno.test("people on two processes talk, whisper, see each other come and go, and outlive the other process", async () => {
  await using redis = new EngineServer("redis-server");
  await redis.start();
  await using one = startChat(redis);
  await using two = startChat(redis);
  const ports = [await one.port(), await two.port()] as const;

  const ann = await (await Guest.connect(ports[0])).enter("Ann", "harbour");
  const ben = await (await Guest.connect(ports[1])).enter("Ben", "harbour");
  await ann.expect({ type: "user_joined", nickname: "Ben" });
  const cleo = await (await Guest.connect(ports[1])).enter("Cleo", "harbour");
  for (const guest of [ann, ben]) await guest.expect({ type: "user_joined", nickname: "Cleo" });
  for (const guest of [ann, ben, cleo]) await guest.expectUsers("Ann", "Ben", "Cleo");

  for (const message of ["hello", "again", "🦕"]) {
    ann.send({ type: "chat_message", message });
    for (const guest of [ben, cleo]) await guest.expect({ type: "chat_message", from: "Ann", message });
  }
  ben.send({ type: "private_message", to: "ann", message: "psst" });
  await ann.expect({ type: "private_message", from: "Ben", message: "psst" });
  ann.send({ type: "private_message", to: "Cleo", message: "psst" }, {
    type: "private_message",
    to: "Dora",
    message: "?",
  });
  await cleo.expect({ type: "private_message", from: "Ann", message: "psst" });
  await ann.expect({ type: "error", code: "unknown_recipient" });
  await ben.expectNothing();

  const second = await Guest.connect(ports[0]);
  second.send({ type: "login", nickname: "CLEO" });
  await second.expect({ type: "error", code: "nickname_taken" });
  await cleo.leave();
  for (const guest of [ann, ben]) await guest.expect({ type: "user_left", nickname: "Cleo" });
  await ann.expectUsers("Ann", "Ben");
  await enterWhenFree(second, "Cleo");

  two.signal("SIGKILL");
  await two.end();
  await ben.client.socket.closed;
  await patiently(ann.expectUsers("Ann"));
  const heir = await Guest.connect(ports[0]);
  await patiently(enterWhenFree(heir, "Ben"));
  second.send({ type: "join_room", room: "harbour" });
  await second.expect({ type: "room_joined", room: "harbour" });
  await ann.expect({ type: "user_joined", nickname: "Cleo" });
  one.interrupt();
  const { code, stderr } = await patiently(one.end());
  assertEquals([code, stderr], [0, ""]);
  await closed(ann, ben, cleo, second, heir);
});

Deno.test("a process that was stopped for longer than its lease gives a nickname up to whoever got it meanwhile", async () => {
  await using redis = new EngineServer("redis-server");
  await redis.start();
  await using one = startChat(redis);
  await using two = startChat(redis, "--workers", "2");
  const ports = [await one.port(), await two.port()] as const;
  const ann = await (await Guest.connect(ports[0])).enter("Ann", "harbour");
  const ben = await (await Guest.connect(ports[0])).enter("Ben", "harbour");
  await ann.expect({ type: "user_joined", nickname: "Ben" });

  one.signal("SIGSTOP");
  const heir = await Guest.connect(ports[1]);
  await patiently(enterWhenFree(heir, "Ann"));
  one.signal("SIGCONT");
  await ann.expect({ type: "error", code: "nickname_taken" });
  await ann.expectEnd();
  await ben.expect({ type: "user_left", nickname: "Ann" });
  heir.send({ type: "join_room", room: "harbour" });
  await heir.expect({ type: "room_joined" });
  await ben.expect({ type: "user_joined", nickname: "Ann" });
  await patiently(ben.expectUsers("Ann", "Ben"));
  await closed(ann, ben, heir);
});

Deno.test("a Redis that is killed and started again costs people on one process nothing", async () => {
  await using redis = new EngineServer("redis-server");
  await redis.start();
  await using one = startChat(redis);
  await using two = startChat(redis);
  const ports = [await one.port(), await two.port()] as const;
  const ann = await (await Guest.connect(ports[0])).enter("Ann", "harbour");
  const ben = await (await Guest.connect(ports[0])).enter("Ben", "harbour");
  await ann.expect({ type: "user_joined", nickname: "Ben" });

  await redis.kill();
  ann.send({ type: "chat_message", message: "hello" }, { type: "private_message", to: "Ben", message: "psst" });
  await ben.expect({ type: "chat_message", message: "hello" });
  await ben.expect({ type: "private_message", message: "psst" });
  const other = await Guest.connect(ports[1]);
  other.send({ type: "login", nickname: "Cleo" });
  await other.expect({ type: "error", code: "unavailable" });

  await redis.start();
  await patiently(enterWhenFree(other, "Cleo"));
  await other.enter(undefined, "harbour");
  // Until Redis knows again who is where, and both processes hear each other.
  await patiently(other.expectUsers("Ann", "Ben", "Cleo"));
  await closed(ann, ben, other);
});
