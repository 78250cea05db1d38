// deno-lint-ignore-file no-console -- a command line
/**
 * A complete chat server with rooms, in four files: `messages.ts` is the protocol, `rooms.ts` who is where, `chat.ts`
 * what each request does, and here is the server around them, with its limits and its end.
 *
 *     deno run --allow-net examples/chat/server.ts --port 3000
 *
 * `join.ts` is a client for it. What it does not do: it checks no passwords and limits no rates, so that a client may
 * send as fast as the server can read, and members that cannot follow are disconnected.
 *
 * @module
 */

import { createServer, type ServerLimits, ServerProtocol, TcpError, type TcpServer } from "@verb/tcp";
import { parseArgs } from "@std/cli";
import { Chat } from "./chat.ts";

/** How the chat server behaves. */
export interface ChatServerOptions {
  /**
   * Milliseconds without a byte from a client after which it is disconnected; `Infinity` is never.
   *
   * @default {300_000}
   */
  idleMs?: number;
  /**
   * Most members of one room; the list of them must fit into one message.
   *
   * @default {1_000}
   */
  maxRoomMembers?: number;
  /**
   * Milliseconds between pings to clients that promised at the login to answer them; one that misses two is given up. `0`
   * pings nobody.
   *
   * @default {30_000}
   */
  heartbeatMs?: number;
  /**
   * The server's own limits. `maxWriteQueueBytes` is what a client that does not read may have waiting for it before it is
   * disconnected, 1 MiB where left out.
   */
  limits?: ServerLimits;
}

/** The server, to be started by `app.listen` and ended by `app.close`, and the chat that it serves. */
export interface ChatServer {
  readonly app: TcpServer;
  readonly chat: Chat;
}

/** Makes a chat server that does not listen yet. */
export function createChatServer(options: ChatServerOptions = {}): ChatServer {
  const { idleMs = 300_000, maxRoomMembers = 1_000, heartbeatMs = 30_000, limits } = options;
  const chat = new Chat(idleMs, maxRoomMembers, heartbeatMs);
  const app = createServer(ServerProtocol.TCP, { limits: { maxWriteQueueBytes: 1_048_576, ...limits } });
  app.onConnection((socket) => chat.serve(socket));

  let sweeper: ReturnType<typeof setInterval> | undefined;
  app.onListening(() => {
    // A silent client is gone at the latest half as long again, or a minute, after its time.
    sweeper = setInterval(() => chat.disconnectIdle(), Math.min(idleMs / 2, 60_000));
  });
  app.on("close", () => clearInterval(sweeper));
  return { app, chat };
}

const HELP = `Usage: deno run --allow-net examples/chat/server.ts [flags]

  --port NUMBER      where to listen, 0 for any free port (default 3000)
  --hostname NAME    address to listen on, 0.0.0.0 for every network (default 127.0.0.1)
  --help             this text

Ctrl-C disconnects everybody once they have what was sent to them; a second one ends at once.`;

function main(args: string[]): void {
  const { help, port, hostname } = parseArgs(args, {
    boolean: ["help"],
    string: ["port", "hostname"],
    default: { port: "3000", hostname: "127.0.0.1" },
    unknown: (arg) => {
      console.error(`Unknown argument ${arg}\n\n${HELP}`);
      Deno.exit(2);
    },
  });
  if (help) return console.log(HELP);

  const { app } = createChatServer();
  app.onError((error) => {
    if (!(error instanceof TcpError)) return console.error(error); // a mistake in our own code
    console.error(error.message);
    if (error.syscall === "listen") Deno.exit(1);
  });

  app.listen({ port: Number(port), hostname }, () => {
    console.log(`Listening on ${hostname} port ${app.address()?.port}`);
  });

  // Then nothing keeps the process alive.
  void app.closeOnSignals().then(({ ended, forced }) => console.log(`Closed: ${ended} ended, ${forced} cut off`));
}

if (import.meta.main) {
  try {
    main(Deno.args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
