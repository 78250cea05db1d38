/**
 * A command line for TCP: a netcat that knows frames.
 *
 * ```sh
 * deno run --allow-net jsr:@verb/tcp/cli --help
 * deno install --global --allow-net --name vtcp jsr:@verb/tcp/cli
 * ```
 *
 * Talk to a server. Each line that you type is sent as a message, and each received message is printed as a line;
 * Ctrl-D ends:
 *
 * ```sh
 * vtcp connect localhost:6379 --codec 'delimited:\r\n'
 * vtcp connect localhost:3000 --codec json
 * vtcp connect example.com:853 --tls --codec length:2 --hex
 * vtcp connect [::1]:80 --codec raw < request > response
 * vtcp connect /run/app.sock
 * ```
 *
 * Run a server, on 127.0.0.1 unless told otherwise: an echo, one that throws everything away (`sink`), or one that
 * sends each message to all other clients (`chat`):
 *
 * ```sh
 * vtcp serve echo 3000
 * vtcp serve chat 0.0.0.0:3000 --cert cert.pem --key key.pem
 * ```
 *
 * Show every message between a client and its server, decoded, with its time and size. Each side can be with or without
 * TLS:
 *
 * ```sh
 * vtcp tap 4000 localhost:3000 --codec json
 * vtcp tap 4000 db.example:5433 --tls --codec raw --hex
 * ```
 *
 * Measure how long answers take at a steady rate. The time of a message counts from the moment at which it was due, so
 * that the pauses of a server are part of the result:
 *
 * ```sh
 * vtcp load localhost:3000 --codec json --message '{"type":"ping"}' --connections 50 --rate 5000 --seconds 30 --json
 * ```
 *
 * Codecs are `lines`, `ndjson`, `json` (behind a length of 4 bytes), `netstring`, `varint`, `length:BYTES` with `:le`
 * for little-endian, `delimited:TEXT` with the escapes of JavaScript, and `raw`. On a terminal, control characters of
 * peers are shown as escapes, so that no peer can control it. Elsewhere text is printed as it is, and with `raw` the
 * bytes are. Ctrl-C ends in order, a second one at once.
 *
 * The exit code is 0, or 1 for a failure, with one line on stderr, or 2 for wrong usage. A reader of stdout that goes
 * away (`| head`) is not a failure. It needs `--allow-net`, `--allow-read` for files of key material, and both
 * `--allow-read` and `--allow-write` for unix sockets.
 *
 * @module
 */

import { readArguments } from "./arguments.ts";
import { runConnect } from "./connect.ts";
import { runLoad } from "./load.ts";
import { ClosedPipe, failureText, Output, say } from "./output.ts";
import { runServe } from "./serve.ts";
import { runTap } from "./tap.ts";
import { UsageError } from "./failure.ts";

/**
 * Runs one command as `deno run jsr:@verb/tcp/cli ARGS` does, with stdin, stdout and stderr of this process, and resolves
 * with its exit code: 0, 1 for a failure, 2 for wrong usage, each with its line on stderr. It never rejects.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { main } from "@verb/tcp/cli";
 *
 * assertEquals(await main(["connect", "--help"]), 0);
 * ```
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const request = readArguments(args);
    switch (request.command) {
      case "help":
        await new Output().line(request.text);
        break;
      case "connect":
        await runConnect(request);
        break;
      case "serve":
        await runServe(request);
        break;
      case "tap":
        await runTap(request);
        break;
      case "load":
        await runLoad(request);
        break;
    }
    return 0;
  } catch (error) {
    if (error instanceof ClosedPipe) return 0;
    say(`vtcp: ${failureText(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

// A keyboard that is being read would keep the process alive.
if (import.meta.main) Deno.exit(await main(Deno.args));
