/** What the chat refuses: each mistake of a client gets an `error` message, and nothing else happens. */

import { assert, assertEquals } from "@std/assert";
import { lengthPrefixed } from "@verb/tcp";
import {
  type ErrorCode,
  MAX_NICKNAME_LENGTH,
  MAX_REQUEST_BYTES,
  MAX_ROOM_LENGTH,
  MAX_TEXT_LENGTH,
} from "../../examples/chat/messages.ts";
import { Hall } from "./chat_hall.ts";

const BEFORE_LOGIN: Record<string, unknown> = {
  "join_room": { type: "join_room", room: "harbour" },
  "leave_room": { type: "leave_room" },
  "chat_message": { type: "chat_message", message: "hello" },
  "private_message": { type: "private_message", to: "Ann", message: "hello" },
  "who": { type: "who" },
};

for (const [request, message] of Object.entries(BEFORE_LOGIN)) {
  Deno.test(`${request} before the login is refused`, async () => {
    await using hall = await Hall.open();
    await hall.guest("Ann", "harbour");
    const guest = await hall.guest();
    guest.send(message);
    assertEquals<unknown>(await guest.next(), {
      type: "error",
      code: "not_logged_in",
      message: "Log in first",
      request,
    });
  });
}

const tooLong = (length: number) => "x".repeat(length + 1);

const REFUSED: { what: string; message: unknown; code: ErrorCode; request?: string }[] = [
  { what: "a number", message: 1, code: "malformed_message" },
  { what: "null", message: null, code: "malformed_message" },
  { what: "a string", message: "login", code: "malformed_message" },
  { what: "an array", message: [{ type: "ping" }], code: "malformed_message" },
  { what: "an object without a type", message: {}, code: "malformed_message" },
  { what: "a type that is no string", message: { type: ["ping"] }, code: "malformed_message" },
  { what: "an unknown type", message: { type: "shout", message: "hello" }, code: "unknown_type" },
  { what: "a type that every object has", message: { type: "constructor" }, code: "unknown_type" },
  { what: "a type in other capitals", message: { type: "PING" }, code: "unknown_type" },

  { what: "a second login", message: { type: "login", nickname: "Bob" }, code: "already_logged_in", request: "login" },

  { what: "a join without a room", message: { type: "join_room" }, code: "malformed_message", request: "join_room" },
  ...[
    "",
    " ",
    " harbour",
    "harbour ",
    "a  b",
    "a\nb",
    "\u001b[31mred",
    "a\u202Eb",
    "\u200B",
    "a<b",
    tooLong(MAX_ROOM_LENGTH),
    7,
    null,
    {},
  ].map(
    (room) => ({
      what: `joining the room ${JSON.stringify(room).slice(0, 20)}`,
      message: { type: "join_room", room },
      code: "malformed_message" as const,
      request: "join_room",
    }),
  ),

  {
    what: "a chat message without a text",
    message: { type: "chat_message" },
    code: "malformed_message",
    request: "chat_message",
  },
  ...["", tooLong(MAX_TEXT_LENGTH), 7, null, ["hello"]].map((text) => ({
    what: `saying ${JSON.stringify(text).slice(0, 20)}`,
    message: { type: "chat_message", message: text },
    code: "malformed_message" as const,
    request: "chat_message",
  })),
  {
    what: "saying something in a room that one is not in",
    message: { type: "chat_message", message: "hello", room: "café" },
    code: "not_in_room",
    request: "chat_message",
  },
  {
    what: "saying something in a room that does not exist",
    message: { type: "chat_message", message: "hello", room: "nowhere" },
    code: "unknown_room",
    request: "chat_message",
  },

  {
    what: "leaving a room that one is not in",
    message: { type: "leave_room", room: "café" },
    code: "not_in_room",
    request: "leave_room",
  },
  {
    what: "leaving a room that does not exist",
    message: { type: "leave_room", room: "nowhere" },
    code: "unknown_room",
    request: "leave_room",
  },
  {
    what: "asking who is in a room that does not exist",
    message: { type: "who", room: "nowhere" },
    code: "unknown_room",
    request: "who",
  },

  {
    what: "whispering to nobody",
    message: { type: "private_message", message: "hello" },
    code: "malformed_message",
    request: "private_message",
  },
  {
    what: "whispering nothing",
    message: { type: "private_message", to: "Ann" },
    code: "malformed_message",
    request: "private_message",
  },
  {
    what: "whispering to somebody who is not here",
    message: { type: "private_message", to: "Dora", message: "hello" },
    code: "unknown_recipient",
    request: "private_message",
  },
];

for (const { what, message, code, request } of REFUSED) {
  Deno.test(`${what} is refused as ${code}, heard by nobody, and the client stays where it is`, async () => {
    await using hall = await Hall.open();
    const ann = await hall.guest("Ann", "harbour");
    await hall.guest("Cleo", "café");
    const ben = await hall.guest("Ben", "harbour");
    await ann.expect({ type: "user_joined" });
    ben.send(message);
    const error = await ben.next();
    assert(error.type === "error" && error.message !== "");
    assertEquals([error.code, error.request], [code, request]);
    await ann.expectNothing();
    ben.send({ type: "who" });
    await ben.expect({ type: "users", room: "harbour", users: ["Ann", "Ben"] });
  });
}

for (const request of ["leave_room", "chat_message", "who"]) {
  Deno.test(`${request} outside of any room is refused`, async () => {
    await using hall = await Hall.open();
    const ann = await hall.guest("Ann");
    ann.send({ type: request, message: "hello" });
    assertEquals<unknown>(await ann.next(), {
      type: "error",
      code: "not_in_room",
      message: "Join a room first",
      request,
    });
  });
}

for (
  const nickname of ["", " ", "A\tnn", "Ann\u200B", "\u3164", "\uD800", '"Ann"', tooLong(MAX_NICKNAME_LENGTH), 7, null]
) {
  Deno.test(`the nickname ${JSON.stringify(nickname).slice(0, 20)} is refused, and another can be tried`, async () => {
    await using hall = await Hall.open();
    const guest = await hall.guest();
    guest.send({ type: "login", nickname }, { type: "login", nickname: "Ann" });
    await guest.expect({ type: "error", code: "malformed_message", request: "login" });
    await guest.expect({ type: "login_success" });
  });
}

for (const nickname of ["Ann", "ANN", "Ａｎｎ"]) {
  Deno.test(`the nickname ${nickname} is refused while there is an Ann`, async () => {
    await using hall = await Hall.open();
    await hall.guest("Ann");
    const guest = await hall.guest();
    guest.send({ type: "login", nickname }, { type: "who" });
    await guest.expect({ type: "error", code: "nickname_taken", request: "login" });
    await guest.expect({ type: "error", code: "not_logged_in" });
  });
}

Deno.test("names and texts of the greatest length are taken", async () => {
  await using hall = await Hall.open();
  const [nickname, room] = ["東".repeat(MAX_NICKNAME_LENGTH), "京".repeat(MAX_ROOM_LENGTH)];
  // What takes most room in JSON: an escape of six bytes for each character.
  const message = "\u0000".repeat(MAX_TEXT_LENGTH);
  const ann = await hall.guest(nickname, room);
  ann.send({ type: "private_message", to: nickname, message });
  await ann.expect({ type: "private_message", from: nickname, message });
});

Deno.test("invalid JSON is answered with an error, and what follows is understood", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest("Ann");
  const frame = (text: string) => lengthPrefixed().encode(new TextEncoder().encode(text));
  for (const text of ["{", "", "undefined", '{"type":"ping"}}']) {
    ann.client.socket.write(frame(text));
    assertEquals(await ann.next(), { type: "error", code: "invalid_json", message: "A message must be JSON" });
  }
  ann.client.socket.write(frame('{"type":"ping"}'));
  await ann.expect({ type: "pong" });
});

Deno.test("JSON that is nested as deeply as a request can hold is refused like any other", async () => {
  await using hall = await Hall.open();
  const ann = await hall.guest();
  const depth = MAX_REQUEST_BYTES / 2;
  ann.client.socket.write(lengthPrefixed().encode(new TextEncoder().encode("[".repeat(depth) + "]".repeat(depth))));
  await ann.expect({ type: "error", code: "invalid_json" });
});
