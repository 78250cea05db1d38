/**
 * A command line for TCP: a netcat that knows frames.
 *
 * ```sh
 * deno run --allow-net jsr:@verb/tcp/cli --help
 * deno install --global --allow-net --name vtcp jsr:@verb/tcp/cli
 * ```
 *
 * Talk to a server. A line that is typed is a message, a message that comes is a line; Ctrl-D ends:
 *
 * ```sh
 * vtcp connect localhost:6379 --codec 'delimited:\r\n'
 * vtcp connect localhost:3000 --codec json
 * vtcp connect example.com:853 --tls --codec length:2 --hex
 * vtcp connect [::1]:80 --codec raw < request > response
 * vtcp connect /run/app.sock
 * ```
 *
 * Be a server, on 127.0.0.1 unless told otherwise: an echo, one that throws everything away, or one that sends every
 * message to everybody else:
 *
 * ```sh
 * vtcp serve echo 3000
 * vtcp serve chat 0.0.0.0:3000 --cert cert.pem --key key.pem
 * ```
 *
 * Stand between a client and its server, and see every message that passes, decoded, with its time and its size. TLS may
 * be spoken on one side and not on the other:
 *
 * ```sh
 * vtcp tap 4000 localhost:3000 --codec json
 * vtcp tap 4000 db.example:5433 --tls --codec raw --hex
 * ```
 *
 * Measure how long answers take at a steady rate. The time of a message begins when it was to be sent, so a server that
 * stops for a second is seen; a generator that waits for one answer before it asks again would have sent nothing:
 *
 * ```sh
 * vtcp load localhost:3000 --codec json --message '{"type":"ping"}' --connections 50 --rate 5000 --seconds 30 --json
 * ```
 *
 * Codecs are `lines`, `ndjson`, `json` (behind a length of 4 bytes), `netstring`, `varint`, `length:BYTES` with `:le` for
 * little-endian, `delimited:TEXT` with the escapes of JavaScript, and `raw`. On a terminal control characters of peers are
 * shown as escapes, so that nothing a peer sends moves the cursor; where stdout is no terminal text is plain, and with
 * `raw` the bytes are untouched. Ctrl-C ends in order, a second one at once.
 *
 * It exits with 0, with 1 and one line on stderr for a failure, and with 2 for wrong usage; a reader of stdout that goes
 * away (`| head`) is no failure. It needs `--allow-net`, `--allow-read` for files of key material, and both `--allow-read`
 * and `--allow-write` for unix sockets.
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
