// deno-lint-ignore-file no-console -- a command line
/**
 * The chat at a glance: starts the server on a free port, lets three clients log in, join rooms, chat, whisper and leave
 * over real sockets, and prints the conversation as each of them saw it and the server's metrics. It shows how to test a
 * server: whoever expects something waits for it, and says so if it does not come.
 *
 *     deno run --allow-net examples/chat/demo.ts
 *
 * With `--inspect` the chat goes on, as `inspect.ts` says.
 *
 * @module
 */

import { parseArgs } from "@std/cli";
import { type ChatClient, connectChat } from "./client.ts";
import { describe } from "./describe.ts";
import { inspectChat } from "./inspect.ts";
import type { Answer, Request } from "./messages.ts";
import { createChatServer } from "./server.ts";

/** Longest wait for anything the demo expects. */
const STEP_MS = 5_000;

/** Gives what `promise` gives, or fails if that takes longer than `ms`. */
async function within<T>(ms: number, waiter: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${waiter}, and nothing came for ${ms} ms`)), ms);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A client with a script: it knows what it should see. */
export class Actor {
  /** What it sent and saw, line by line. */
  readonly transcript: string[] = [];
  readonly #name: string;
  readonly #client: ChatClient;
  readonly #messages: ReadableStreamDefaultReader<Answer>;
  readonly #stepMs: number;

  /** Plays `name` on a connection. */
  constructor(name: string, client: ChatClient, stepMs: number = STEP_MS) {
    this.#name = name;
    this.#client = client;
    this.#messages = client.messages.getReader();
    this.#stepMs = stepMs;
  }

  /** Sends requests. */
  does(...requests: Request[]): void {
    for (const request of requests) {
      const { type, ...fields } = request;
      this.transcript.push(`→ ${[type, ...Object.values(fields)].join(" · ")}`);
      this.#client.send(request);
    }
  }

  /** Waits for that line and no other. */
  async sees(expected: string): Promise<void> {
    const waiter = `${this.#name} waited for "${expected}"`;
    const { done, value } = await within(this.#stepMs, waiter, this.#messages.read());
    if (done) throw new Error(`${waiter}, and the connection ended`);
    const line = describe(value);
    this.transcript.push(line);
    if (line !== expected) throw new Error(`${waiter}, and "${line}" came`);
  }

  /** Ends the connection. */
  leaves(): void {
    this.transcript.push("→ ends the connection");
    this.#client.socket.end();
  }

  /** Waits until the server has ended the connection, too. */
  async seesTheEnd(): Promise<void> {
    const waiter = `${this.#name} waited for the end`;
    const { done, value } = await within(this.#stepMs, waiter, this.#messages.read());
    if (!done) throw new Error(`${waiter}, and "${describe(value)}" came`);
    this.transcript.push("  (the end)");
  }
}

/** Plays the whole conversation; fails at the first thing that is not as expected. */
async function play(ann: Actor, ben: Actor, cleo: Actor): Promise<void> {
  ann.does({ type: "login", nickname: "Ann" });
  await ann.sees("* Welcome, Ann!");
  ben.does({ type: "login", nickname: "Ben" });
  await ben.sees("* Welcome, Ben!");
  cleo.does({ type: "login", nickname: "Ann" });
  await cleo.sees("! The nickname Ann is taken");
  cleo.does({ type: "login", nickname: "Cleo" });
  await cleo.sees("* Welcome, Cleo!");

  ann.does({ type: "join_room", room: "harbour" });
  await ann.sees("* You joined harbour. In it: Ann");
  ben.does({ type: "join_room", room: "harbour" });
  await ben.sees("* You joined harbour. In it: Ann, Ben");
  await ann.sees("* Ben joined the room");
  cleo.does({ type: "join_room", room: "harbour" });
  await cleo.sees("* You joined harbour. In it: Ann, Ben, Cleo");
  await Promise.all([ann, ben].map((actor) => actor.sees("* Cleo joined the room")));

  ann.does({ type: "chat_message", message: "Does the ferry still sail today? 🦕" });
  await Promise.all([ben, cleo].map((actor) => actor.sees("<Ann> Does the ferry still sail today? 🦕")));
  ben.does({ type: "chat_message", message: "At nine, if the wind holds." });
  await Promise.all([ann, cleo].map((actor) => actor.sees("<Ben> At nine, if the wind holds.")));

  cleo.does({ type: "private_message", to: "Ann", message: "He said that yesterday, too." });
  await ann.sees("<Cleo, to you alone> He said that yesterday, too.");
  ann.does({ type: "private_message", to: "Dora", message: "Come and join us!" });
  await ann.sees("! Nobody here is called Dora");

  // Whoever joins another room leaves the one he is in.
  cleo.does({ type: "join_room", room: "café" });
  await cleo.sees("* You joined café. In it: Cleo");
  await Promise.all([ann, ben].map((actor) => actor.sees("* Cleo left the room")));
  ben.does({ type: "leave_room" });
  await ann.sees("* Ben left the room");
  ben.does({ type: "chat_message", message: "Is anybody there?" });
  await ben.sees("! Join a room first");

  ben.leaves();
  await ben.seesTheEnd();
}

const HELP = `Usage: deno run --allow-net examples/chat/demo.ts [flags]

  --inspect  leaves the chat running under a small load, and prints the address of its live page
  --help     this text

Exits with 1 if anything that should come does not come within ${STEP_MS} ms.`;

async function main(): Promise<void> {
  const { help, inspect } = parseArgs(Deno.args, {
    boolean: ["help", "inspect"],
    unknown: (arg) => {
      console.error(`Unknown argument ${arg}\n\n${HELP}`);
      Deno.exit(2);
    },
  });
  if (help) return console.log(HELP);
  if (inspect) return await inspectChat();

  const { app } = createChatServer();
  const listening = Promise.withResolvers<void>();
  app.onError(listening.reject).listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  const { address = "", port = 0 } = app.address() ?? {};
  console.log(`The chat server listens on ${address}:${port}.`);

  const enter = async (name: string) =>
    new Actor(name, await within(STEP_MS, `${name} connected`, connectChat({ host: address, port })));
  const actors = [await enter("Ann"), await enter("Ben"), await enter("Cleo")] as const;
  const [ann, ben, cleo] = actors;
  await play(ann, ben, cleo);
  // The server's end: it stops accepting and ends its connections, each once everything has been sent.
  const closed = app.close();
  await Promise.all([ann.seesTheEnd(), cleo.seesTheEnd()]);
  await within(STEP_MS, "The server was closing", closed);

  for (const [i, name] of ["Ann", "Ben", "Cleo"].entries()) {
    console.log(`\nWhat ${name} sent (→) and saw:\n`);
    for (const line of actors[i]?.transcript ?? []) console.log(`  ${line}`);
  }

  const { closed: reasons, ...numbers } = app.metrics();
  console.log("\nThe server's metrics:\n");
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value === "number") console.log(`  ${name}: ${value}`);
  }
  for (const [reason, count] of Object.entries(reasons)) {
    if (count > 0) console.log(`  closed, reason ${reason}: ${count}`);
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(`The demo failed: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
