// deno-lint-ignore-file no-console -- a program that says what it does
/**
 * A live source of sound: a tone, 50 chunks a second, for any number of players, who come and go as they like.
 *
 *     deno run --allow-net examples/media/source.ts
 *     deno run --allow-net --allow-write examples/media/player.ts tone.wav     (in other terminals)
 *
 * `wire.ts` is what they say to each other, `feed.ts` what one player gets, and what it loses if it is slow.
 *
 * @module
 */

import { createServer, TcpError } from "@verb/tcp";
import { parseArgs } from "@std/cli";
import { type EncodedChunk, Feed } from "./feed.ts";
import { CHUNK_MS, tone } from "./tone.ts";
import { AUDIO, type Chunk, sourceCodec } from "./wire.ts";

const HELP = `Usage: deno run --allow-net examples/media/source.ts [flags]

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

const feeds = new Set<Feed>();
const app = createServer("tcp", {
  deadlines: { idleReadMs: 10_000 }, // who has played nothing for so long is gone
});

app.onConnection((socket) => {
  const player = `${socket.remoteAddress}:${socket.remotePort}`;
  const feed = new Feed(socket, (news) => console.log(`${player} ${news}`));
  feeds.add(feed); // it begins with the next chunk
  console.log(`${player} came`);
  socket.on("close", () => {
    feeds.delete(feed);
    console.log(`${player} left, having lost ${feed.lost} chunks`);
  });
});
app.onError((error) => {
  console.error(error.message);
  if (error instanceof TcpError && error.syscall === "listen") Deno.exit(1);
});

// A timer that fires late must not slow the sound down: the clock says how many chunks are due.
const startedAt = performance.now();
let count = 0;
const ticker = setInterval(() => {
  for (; count * CHUNK_MS <= performance.now() - startedAt; count++) {
    const encoded = record(count);
    for (const feed of feeds) feed.push(encoded);
  }
}, CHUNK_MS);

function record(index: number): EncodedChunk {
  const chunk: Chunk = {
    streamType: AUDIO,
    timestamp: Date.now() >>> 0, // the lower 32 bits
    sequence: index % 65_536,
    payload: tone(index),
  };
  return { chunk, frame: sourceCodec.encode(chunk) };
}

app.listen(Number(flags.port), flags.hostname, () => {
  const { address, port } = app.address()!; // there is one: this is called once the server listens
  console.log(`Listening on ${address} port ${port}`);
});

// Ctrl-C: the players get what is under way.
await app.closeOnSignals();
clearInterval(ticker);
console.log(`Closed after ${count} chunks`);
