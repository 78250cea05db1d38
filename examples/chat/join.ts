// deno-lint-ignore-file no-console -- a command line
/**
 * A chat client for people. It shows a program that reads its keyboard and its socket at the same time and ends properly
 * whichever ends first.
 *
 *     deno run --allow-net examples/chat/join.ts --port 3000 --nickname Ann
 *
 * `server.ts` is the server to join.
 *
 * @module
 */

import { parseArgs } from "@std/cli";
import { TextLineStream } from "@std/streams";
import { type ChatClient, connectChat } from "./client.ts";
import { describe } from "./describe.ts";
import { MAX_TEXT_LENGTH, type Request } from "./messages.ts";

const COMMANDS = `  text               say it to your room
  /join ROOM         enter a room; you leave the one you are in
  /leave             leave your room
  /msg NAME text     say it to NAME alone; a name with spaces goes "in quotes"
  /who               who is in your room
  /nick NAME         log in, if you are not
  /quit              leave the chat, as the end of the input does`;

const HELP = `Usage: deno run --allow-net examples/chat/join.ts [flags]

  --port NUMBER      the server's port (default 3000)
  --host NAME        the server's name or address (default localhost)
  --nickname NAME    who you want to be; asked for where left out
  --help             this text

What you may type:

${COMMANDS}`;

/** Servers disconnect clients from whom nothing comes for minutes; reading along is no reason to be. */
const PING_MS = 60_000;
/** How long to wait for the server's last words after our own. */
const GOODBYE_MS = 2_000;

/** Prints what comes until the server ends. */
async function listen({ messages }: ChatClient): Promise<void> {
  for await (const message of messages) {
    if (message.type !== "pong") console.log(describe(message));
  }
}

/** Sends what is typed until the user ends. */
async function type(client: ChatClient): Promise<void> {
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    if (line.trim() === "") continue;
    if (line.trim() === "/quit") return;
    const request = readLine(line);
    if (request === undefined) console.log(COMMANDS);
    else if (line.length > MAX_TEXT_LENGTH) console.log(`! At most ${MAX_TEXT_LENGTH} characters at a time`);
    else client.send(request);
  }
}

/** What a line asks for; undefined where it is a command that we do not know. */
function readLine(line: string): Request | undefined {
  if (!line.startsWith("/")) return { type: "chat_message", message: line };
  const [, command, rest = ""] = /^\/(\S*)\s*(.*?)\s*$/.exec(line) ?? [];
  switch (command) {
    case "nick":
      return { type: "login", nickname: rest, heartbeat: true };
    case "join":
      return { type: "join_room", room: rest };
    case "leave":
      return { type: "leave_room" };
    case "who":
      return { type: "who" };
    case "msg": {
      const [, quoted, plain = "", message = ""] = /^(?:"([^"]*)"|(\S+))\s*(.*)$/.exec(rest) ?? [];
      return { type: "private_message", to: quoted ?? plain, message };
    }
    default:
      return undefined;
  }
}

async function main(): Promise<void> {
  const { help, port, host, nickname } = parseArgs(Deno.args, {
    boolean: ["help"],
    string: ["port", "host", "nickname"],
    default: { port: "3000", host: "localhost" },
    unknown: (arg) => {
      console.error(`Unknown argument ${arg}\n\n${HELP}`);
      Deno.exit(2);
    },
  });
  if (help) return console.log(HELP);

  const client = await connectChat({ port: Number(port), host });
  const name = nickname ?? prompt("Nickname:");
  if (name) client.send({ type: "login", nickname: name, heartbeat: true });
  console.log("* Connected; /join a room, /quit to leave");

  const ping = setInterval(() => client.send({ type: "ping" }), PING_MS);
  const listening = listen(client).then(() => console.log("* The connection is closed"));
  await Promise.race([listening, type(client)]);
  clearInterval(ping);
  client.socket.end();
  await Promise.race([listening, new Promise((resolve) => setTimeout(resolve, GOODBYE_MS))]);
}

if (import.meta.main) {
  let code = 0;
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    code = 1;
  }
  // A keyboard that is being read would keep the process alive.
  Deno.exit(code);
}
