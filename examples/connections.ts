// deno-lint-ignore-file no-console -- a program that says what it does
/**
 * Who is connected: a map with one entry for each connection, and two ways to part from those that are silent. Send a
 * line and the list of all connections comes back.
 *
 *     deno run --allow-net examples/connections.ts
 *     deno run --allow-net examples/client.ts     (in other terminals, as many as you like)
 *
 * The server keeps its sockets in `app.connections`, each with its `connectedAt` and `lastActivity`. A map of your own,
 * as here, is for what only your program knows.
 *
 * @module
 */

import { createServer, ServerProtocol, type TCPSocket } from "@verb/tcp";
import { parseArgs } from "@std/cli";

const HELP = `Usage: deno run --allow-net examples/connections.ts [flags]

  --port NUMBER        where to listen, 0 for any free port (default 3000)
  --hostname NAME      address to listen on, 0.0.0.0 for every network (default 127.0.0.1)
  --timeout-ms NUMBER  close after that long without a byte in either direction, 0 never (default 300000)
  --idle-ms NUMBER     close after that long without a byte from the client (default 300000)
  --sweep-ms NUMBER    how often to look for idle clients (default 60000)
  --help               this text`;

const flags = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["port", "hostname", "timeout-ms", "idle-ms", "sweep-ms"],
  default: { port: "3000", hostname: "127.0.0.1", "timeout-ms": "300000", "idle-ms": "300000", "sweep-ms": "60000" },
  unknown: (arg) => refuse(`Unknown argument ${arg}`),
});
if (flags.help) {
  console.log(HELP);
  Deno.exit();
}
const timeoutMs = milliseconds("timeout-ms");
const idleMs = milliseconds("idle-ms");
const sweepMs = milliseconds("sweep-ms");

/** What we know of one client. */
interface Client {
  readonly socket: TCPSocket;
  readonly connectedAt: number;
  /** When something last came from it. */
  lastActivity: number;
}

const clients = new Map<string, Client>();
const app = createServer(ServerProtocol.TCP);

app.onConnection((socket) => {
  const clientId = `${socket.remoteAddress}:${socket.remotePort}`;
  const client: Client = { socket, connectedAt: Date.now(), lastActivity: Date.now() };
  clients.set(clientId, client);
  tellAll(`${clientId} came`);

  socket.on("data", () => {
    client.lastActivity = Date.now();
    socket.write(list());
  });
  // However a connection ends, "close" is its last event: the one place to forget it.
  socket.on("close", () => {
    clients.delete(clientId);
    tellAll(`${clientId} left`);
  });
  socket.on("error", (error) => console.error(`${clientId} failed: ${error.message}`));

  // First way: the socket's own clock, which any byte sets back, also those that we send. It only tells.
  socket.setTimeout(timeoutMs);
  socket.on("timeout", () => {
    console.log(`${clientId} timed out`);
    socket.destroy();
  });
});

// Second way: a look at all of them from time to time. It finds those, too, who read along and never say a word.
const sweeper = setInterval(() => {
  const now = Date.now();
  for (const [clientId, client] of clients) {
    if (now - client.lastActivity <= idleMs) continue;
    console.log(`${clientId} swept out`);
    client.socket.destroy(); // "close" takes it out of the map
  }
}, sweepMs);

app.listen(Number(flags.port), flags.hostname, () => {
  const { address, port } = app.address()!; // there is one: this is called once the server listens
  console.log(`Listening on ${address} port ${port}`);
});

// Ctrl-C: no new clients; those who are here get what is on its way to them before the connections end.
Deno.addSignalListener("SIGINT", () => {
  console.log("Closing");
  clearInterval(sweeper);
  app.close();
});

function tellAll(news: string): void {
  console.log(news);
  for (const { socket } of clients.values()) {
    // Our side may be ended while the entry is still there, and a write after the end is an error.
    if (!socket.writableEnded) socket.write(`${news}\n`);
  }
}

function list(): string {
  const now = Date.now();
  const lines = Array.from(clients, ([clientId, { connectedAt, lastActivity }]) => {
    return `${clientId} connected ${seconds(now - connectedAt)} ago, idle for ${seconds(now - lastActivity)}\n`;
  });
  return lines.join("");
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}

function milliseconds(flag: "timeout-ms" | "idle-ms" | "sweep-ms"): number {
  const ms = Number.parseInt(flags[flag], 10);
  return ms >= 0 ? ms : refuse(`--${flag} takes a number of milliseconds, not "${flags[flag]}"`);
}

function refuse(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  Deno.exit(2);
}
