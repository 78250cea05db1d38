// deno-lint-ignore-file no-console -- a program that says what it does
/**
 * Plays what a source sends, into a WAV file: joins in the middle, shows how late the sound is, and puts silence where it
 * lost some.
 *
 *     deno run --allow-net --allow-write examples/media/player.ts tone.wav
 *     deno run --allow-net --allow-write examples/media/player.ts --slow-ms 50 slow.wav     (too slow: it loses chunks)
 *
 * @module
 */

import { connect } from "@verb/tcp";
import { frames } from "@verb/tcp/framing";
import { parseArgs } from "@std/cli";
import { CHUNK_MS, CHUNK_SAMPLES, SAMPLE_RATE } from "./tone.ts";
import { WavFile } from "./wav.ts";
import { AUDIO, LOST, lostCount, PLAYED, playerCodec } from "./wire.ts";

const HELP = `Usage: deno run --allow-net --allow-write examples/media/player.ts [flags] FILE.wav

  --port NUMBER      the source's port (default 3000)
  --host NAME        the source's name or address (default localhost)
  --chunks NUMBER    leave after that many chunks of ${CHUNK_MS} ms, lost ones included (default: never)
  --slow-ms NUMBER   take that long for each chunk, to see what becomes of a slow player
  --help             this text

Ctrl-C ends it, and leaves a whole file. The latency is right if both machines' clocks are.`;

const flags = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["port", "host", "chunks", "slow-ms"],
  default: { port: "3000", host: "localhost", chunks: "Infinity", "slow-ms": "0" },
  unknown: (arg) => arg.startsWith("-") ? refuse(`Unknown argument ${arg}`) : true,
});
const SILENCE = new Uint8Array(CHUNK_SAMPLES * 2);
const NOTHING = new Uint8Array(0);
const REPORT_EVERY = 1_000 / CHUNK_MS;

if (flags.help) console.log(HELP);
else {
  const [path, ...others] = flags._;
  if (path === undefined || others.length > 0) refuse("Name one file to write to");
  try {
    await play(String(path), number("chunks"), number("slow-ms"));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}

async function play(path: string, chunks: number, slowMs: number): Promise<void> {
  const socket = await connect({ port: Number(flags.port), host: flags.host, timeoutMs: 10_000 });
  const wav = await WavFile.create(path, SAMPLE_RATE);
  // The source ends its side when we end ours; what is under way is still played.
  const stop = () => socket.end();
  Deno.addSignalListener("SIGINT", stop);
  let played = 0;
  let lost = 0;
  let latencies: number[] = [];
  try {
    for await (const chunk of frames(socket, playerCodec)) {
      const { streamType, timestamp, sequence, payload } = chunk;
      if (streamType === LOST) {
        const count = lostCount(chunk);
        console.log(`Chunk ${sequence}: lost ${count}`);
        for (let i = 0; i < count; i++) await wav.write(SILENCE);
        lost += count;
      } else if (streamType === AUDIO) {
        if (played === 0) console.log(`Chunk ${sequence}: the first`);
        await wav.write(payload);
        if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
        played++;
        latencies.push(Date.now() - timestamp | 0); // the difference of the lower 32 bits
        if (latencies.length >= REPORT_EVERY) {
          console.log(`Chunk ${sequence}: ${describe(latencies)}`);
          latencies = [];
        }
      }
      if (played + lost >= chunks) break; // leaving the loop ends the connection
      if (streamType !== LOST && !socket.writableEnded) {
        socket.write(playerCodec.encode({ sequence, flags: PLAYED, payload: NOTHING }));
      }
    }
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
    await wav.close();
  }
  console.log(`Played ${played} chunks, lost ${lost}${latencies.length > 0 ? `, ${describe(latencies)}` : ""}`);
}

/** How late the sound was when it was played. */
function describe(latencies: number[]): string {
  latencies.sort((a, b) => a - b);
  return `latency ${latencies[latencies.length >> 1]} ms, at most ${latencies.at(-1)} ms`;
}

function number(flag: "chunks" | "slow-ms"): number {
  const value = Number(flags[flag]);
  return value >= 0 ? value : refuse(`--${flag} takes a number, not "${flags[flag]}"`);
}

function refuse(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  Deno.exit(2);
}
