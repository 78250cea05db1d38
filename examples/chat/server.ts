// deno-lint-ignore-file no-console -- a command line
/**
 * A complete chat server with rooms: `messages.ts` is the protocol, `chat.ts` what each request does, `nicknames.ts` who is
 * called what, and here is the server around them, with its limits and its end.
 *
 *     deno run --allow-net examples/chat/server.ts --port 3000
 *
 * It runs on several cores with `--workers 4` (`worker.ts`), on several machines with `--redis URL` (`redis.ts`).
 *
 * `join.ts` is a client for it. What it does not do: it checks no passwords and limits no rates, so that a client may
 * send as fast as the server can read, and members that cannot follow are disconnected.
 *
 * @module
 */

import { createServer, type ServerLimits, TcpError, type TcpServer } from "@verb/tcp";
import { parseArgs } from "@std/cli";
import { startWorkers } from "@verb/tcp/workers";
import { Chat, type SharedChat } from "./chat.ts";
import { shareOverRedis } from "./redis.ts";

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
  /** What it shares with chat servers in other processes; nothing where left out. */
  shared?: SharedChat;
}

/** The server, to be started by `app.listen` and ended by `app.close`, and the chat that it serves, to be closed behind it. */
export interface ChatServer {
  readonly app: TcpServer;
  readonly chat: Chat;
}

/** Makes a chat server that does not listen yet. */
export function createChatServer(options: ChatServerOptions = {}): ChatServer {
  const { idleMs = 300_000, maxRoomMembers = 1_000, heartbeatMs = 30_000, limits, shared } = options;
  const chat = new Chat({ idleMs, maxRoomMembers, heartbeatMs }, shared);
  const app = createServer("tcp", {
    limits: { maxWriteQueueBytes: 1_048_576, ...limits },
    tcp: { allowHalfOpen: true }, // a client that has ended gets the answers to what it asked
  });
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
  --workers NUMBER   run on that many cores (needs --allow-read, too)
  --redis URL        share rooms and nicknames with every server at that Redis (needs --allow-env, too)
  --lease SECONDS    how long names of a process that died are kept in Redis (default 15)
  --help             this text

Ctrl-C disconnects everybody once they have what was sent to them; a second one ends at once.`;

/** What each worker is told. */
export interface ChatSettings {
  readonly port: number;
  readonly hostname: string;
  readonly redis: string | undefined;
  readonly leaseMs: number;
}

/** One process that serves by itself. */
async function serveAlone({ port, hostname, redis, leaseMs }: ChatSettings): Promise<void> {
  const shared = redis === undefined ? undefined : await shareOverRedis(redis, leaseMs);
  const { app, chat } = createChatServer(shared === undefined ? {} : { shared });
  app.onError((error) => {
    if (!(error instanceof TcpError)) return console.error(error); // a mistake in our own code
    console.error(error.message);
    if (error.syscall === "listen") Deno.exit(1);
  });
  chat.rooms.on("busState", (state) => console.error(`Redis is ${state}`));

  app.listen({ port, hostname }, () => {
    console.log(`Listening on ${hostname} port ${app.address()?.port}`);
  });

  const { ended, forced } = await app.closeOnSignals();
  await chat.close();
  console.log(`Closed: ${ended} ended, ${forced} cut off`); // then nothing keeps the process alive
}

/** Several workers that share the port. */
async function serveInWorkers(settings: ChatSettings, count: number): Promise<void> {
  const workers = startWorkers(new URL("./worker.ts", import.meta.url), { count, data: settings });
  workers.on("workerFailed", (error, worker) => console.error(`Worker ${worker}: ${error.message}`));
  const closed = workers.closeOnSignals();
  await workers.ready;
  console.log(`Listening on ${settings.hostname} port ${workers.address()?.port}`);
  const { ended, forced } = await closed;
  console.log(`Closed: ${ended} ended, ${forced} cut off`);
}

async function main(args: string[]): Promise<void> {
  const { help, port, hostname, workers, redis, lease } = parseArgs(args, {
    boolean: ["help"],
    string: ["port", "hostname", "workers", "redis", "lease"],
    default: { port: "3000", hostname: "127.0.0.1", lease: "15" },
    unknown: (arg) => {
      console.error(`Unknown argument ${arg}\n\n${HELP}`);
      Deno.exit(2);
    },
  });
  if (help) return console.log(HELP);

  const settings = { port: Number(port), hostname, redis, leaseMs: Number(lease) * 1_000 };
  if (workers === undefined) await serveAlone(settings);
  else await serveInWorkers(settings, Number(workers));
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
