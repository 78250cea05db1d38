// deno-lint-ignore-file no-console -- a command line
/**
 * The chat under a small load, with the live page of its server: guests who come, talk for a while and go, in whatever way
 * guests go.
 *
 *     deno run --allow-net examples/chat/demo.ts --inspect
 *
 * @module
 */

import { type InspectedRooms, inspectHandler } from "@verb/tcp/observe";
import type { Chat } from "./chat.ts";
import { type ChatClient, connectChat } from "./client.ts";
import { createChatServer } from "./server.ts";

const GUESTS = ["Ann", "Ben", "Cleo", "Dora", "Emil", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Leo", "Mia", "Nils"];
const ROOMS = ["harbour", "café", "lighthouse", "market"];
const WORDS = [
  "The ferry is late again.",
  "At nine, if the wind holds.",
  "Who has the key?",
  "Good morning! 🦕",
  "Fish. ".repeat(80),
];

function pick<T>(choices: readonly T[]): T {
  return choices[Math.floor(Math.random() * choices.length)]!; // none of them is empty
}

/** Waits between `least` and `most` milliseconds, or until it is over. */
function pause(least: number, most: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      over.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, least + Math.random() * (most - least));
    over.addEventListener("abort", done);
    if (over.aborted) done();
  });
}

/** Hears everything and remembers nothing; that the connection ends is no surprise. */
async function listen({ messages }: ChatClient): Promise<void> {
  try {
    for await (const _ of messages);
  } catch {
    // cut off, as some of them are
  }
}

/** One visit of a guest. */
async function visit(nickname: string, port: number, over: AbortSignal): Promise<void> {
  const client = await connectChat({ port, host: "127.0.0.1" });
  const heard = listen(client);
  client.send({ type: "login", nickname });
  client.send({ type: "join_room", room: pick(ROOMS) });
  for (let line = 5 + Math.random() * 60; line > 0 && !over.aborted; line--) {
    client.send({ type: "chat_message", message: pick(WORDS) });
    if (Math.random() < 0.05) client.send({ type: "private_message", to: pick(GUESTS), message: "Psst!" });
    if (Math.random() < 0.03) client.send({ type: "join_room", room: pick(ROOMS) });
    await pause(100, 1_500, over);
  }
  const manners = Math.random();
  if (manners < 0.1) client.socket.write("GET / HTTP/1.1\r\n\r\n"); // to the server that is a frame of 1.2 GB
  else if (manners < 0.2) client.socket.destroy();
  else client.socket.end();
  await heard;
}

async function comeAndGo(nickname: string, port: number, over: AbortSignal): Promise<void> {
  await pause(0, 5_000, over);
  while (!over.aborted) {
    // Whoever is not let in tries again later.
    await visit(nickname, port, over).catch(() => {});
    await pause(500, 8_000, over);
  }
}

/** The rooms as guests know them: the chat keeps others for nicknames and whispers. */
function guestRooms({ rooms }: Chat): InspectedRooms {
  const prefix = "room ";
  const names = () => rooms.names().filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return {
    names,
    size: (name) => rooms.size(prefix + name),
    metrics: () => ({ rooms: names().length, members: rooms.metrics().members }),
  };
}

/** Runs the chat with its guests and its live page until Ctrl-C. */
export async function inspectChat(): Promise<void> {
  const { app, chat } = createChatServer();
  app.onError((error) => console.error(error.message));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  const { port = 0 } = app.address() ?? {};

  const inspect = inspectHandler(app, { name: "Chat", rooms: guestRooms(chat) });
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, inspect);
  console.log(
    `The chat server listens on 127.0.0.1:${port}, ${GUESTS.length} guests come and go. Its live page, until Ctrl-C:`,
  );
  console.log(`\n  http://127.0.0.1:${http.addr.port}/\n`);

  const over = new AbortController();
  const guests = GUESTS.map((nickname) => comeAndGo(nickname, port, over.signal));
  const { ended, forced } = await app.closeOnSignals();
  over.abort();
  inspect.close();
  await Promise.all([...guests, chat.close(), http.shutdown()]);
  console.log(`Closed: ${ended} ended, ${forced} cut off`);
}
