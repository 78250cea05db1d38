// deno-lint-ignore-file no-console -- a program that says what it does
/**
 * An echo server: whatever a client sends comes back with `Echo: ` in front.
 *
 *     deno run --allow-net examples/echo.ts
 *     deno run --allow-net examples/client.ts     (in another terminal)
 *
 * @module
 */

import { createServer } from "@verb/tcp";
import { parseArgs } from "@std/cli";

const HELP = `Usage: deno run --allow-net examples/echo.ts [flags]

  --port NUMBER      where to listen, 0 for any free port (default 3000)
  --hostname NAME    address to listen on, 0.0.0.0 for every network (default 127.0.0.1)
  --help             this text`;

const flags = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["port", "hostname"],
  default: { port: "3000", hostname: "127.0.0.1" },
  unknown: (arg) => {
    console.error(`Unknown argument ${arg}\n\n${HELP}`);
    Deno.exit(2);
  },
});
if (flags.help) {
  console.log(HELP);
  Deno.exit();
}

const app = createServer();

app.onConnection((socket) => {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`;
  console.log(`${peer} connected`);

  socket.on("data", (data) => {
    // TCP carries bytes, not messages: this is whatever has arrived by now, a part of what was sent or several sends at
    // once. Where that matters, use a MessageProtocol (as chat/chat.ts) or `framed` (as media/feed.ts).
    console.log(`${peer} sent ${JSON.stringify(data.toString())}`);
    socket.write(`Echo: ${data}`);
  });
  socket.on("error", (error) => console.error(`${peer} failed: ${error.message}`)); // "close" follows
  socket.on("close", () => console.log(`${peer} disconnected`));
});

app.listen(Number(flags.port), flags.hostname, () => {
  const { address, port } = app.address()!; // there is one: this is called once the server listens
  console.log(`Listening on ${address} port ${port}`);
});

// Ctrl-C: no new clients; those who are here get their last echoes before the connections end.
Deno.addSignalListener("SIGINT", () => {
  console.log("Closing");
  app.close();
});
