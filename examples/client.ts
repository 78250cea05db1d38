// deno-lint-ignore-file no-console -- a program for the terminal
/**
 * A client for the terminal: sends the lines that are typed, prints what the server sends. Works with echo.ts and
 * connections.ts, and with any other server that speaks text.
 *
 *     deno run --allow-net examples/client.ts --port 3000
 *
 * @module
 */

import { TCPSocket } from "@verb/tcp";
import { parseArgs } from "@std/cli";
import process from "node:process";

const HELP = `Usage: deno run --allow-net examples/client.ts [flags]

  --port NUMBER    the server's port (default 3000)
  --host NAME      the server's name or address (default localhost)
  --help           this text

Ctrl-D (the end of the input) or Ctrl-C ends the connection.`;

const flags = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["port", "host"],
  default: { port: "3000", host: "localhost" },
  unknown: (arg) => {
    console.error(`Unknown argument ${arg}\n\n${HELP}`);
    Deno.exit(2);
  },
});
if (flags.help) {
  console.log(HELP);
  Deno.exit();
}

const socket = new TCPSocket();

socket.connect(Number(flags.port), flags.host, () => {
  console.error(`Connected to ${socket.remoteAddress} port ${socket.remotePort}`);
  // Every socket is a pair of web streams, too. `pipeTo` sends at the pace at which the server takes the bytes, and
  // ends our side at the end of the input; the server's last words still arrive.
  Deno.stdin.readable.pipeTo(socket.writable).catch(() => {}); // the "error" event below tells what went wrong
  Deno.addSignalListener("SIGINT", () => socket.destroySoon()); // once everything is sent
});

socket.pipe(process.stdout, { end: false }); // reads no faster than we print
socket.on("error", (error) => console.error(error.message));
// A line that is being typed would keep the process alive.
socket.on("close", (hadError) => Deno.exit(hadError ? 1 : 0));
