// deno-lint-ignore-file no-console -- a program that says what it does
/**
 * Who is connected: a map with one entry for each connection, and two ways to close those that are silent. Send a line,
 * and the list of all connections comes back.
 *
 *     deno run --allow-net examples/connections.ts
 *     deno run --allow-net examples/client.ts     (in other terminals, as many as you like)
 *
 * The map is made by hand, as in Verb's documentation. Three lines replace it; they stand beside it below.
 *
 * @module
 */

import { createServer, type TCPSocket } from "@verb/tcp";
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

/**
 * The map made by hand. The server has one of its own, `app.connections`, so three lines do the same as the map, the
 * listeners that fill it, and the sweeper below:
 *
 * ```ts
 * import { createServer } from "@verb/tcp";
 *
 * const app = createServer<{ authenticated: boolean }>();
 * app.onConnection((socket) => socket.state = { authenticated: false }); // what only your program knows
 * const sweeper = setInterval(() => app.connections.closeIdle(300_000), 60_000);
 *
 * for (const { id, connectedAt, lastActivity, state } of app.connections) {
 *   console.log(id, new Date(connectedAt), new Date(lastActivity), state.authenticated);
 * }
 * clearInterval(sweeper);
 * ```
 *
 * `closeIdle` looks at both directions. For silence of the client alone there is the option `deadlines.idleReadMs`.
 */
const clients = new Map<string, Client>();
const app = createServer();

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

  // First way: the timeout of the socket, which any byte starts again, also one that we send. It closes nothing by itself.
  socket.setTimeout(timeoutMs);
  socket.on("timeout", () => {
    console.log(`${clientId} timed out`);
    socket.destroy();
  });
});

// Second way: look at all clients from time to time. This also finds those that only read and never send anything.
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

// Ctrl-C: no new clients. The others get what is queued for them, and then their connections end.
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
