/** The programs of examples/media, as a newcomer runs them. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { Peer } from "../documentation/peer.ts";
import { Program } from "./program.ts";

const AUDIO = 1;
const LOST = 3;
const CHUNK_BYTES = 640;
const WINDOW = 10;

function startSource(): Program {
  return new Program("examples/media/source.ts", ["--port", "0"]);
}

function startPlayer(port: number, file: string, ...flags: string[]): Program {
  const args = ["--port", `${port}`, "--host", "127.0.0.1", ...flags, file];
  return new Program("examples/media/player.ts", args, ["--allow-net", "--allow-write"]);
}

/** The number of a player's first chunk. */
async function firstChunk(player: Program): Promise<number> {
  return Number((await player.line(/^Chunk (\d+): the first$/))[1]);
}

/** A directory for as long as a test runs. */
async function makeDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** The samples of chunk `index` of the tone, worked out anew. */
function toneOf(index: number): Buffer {
  const bytes = Buffer.alloc(CHUNK_BYTES);
  for (let i = 0; i < 320; i++) {
    bytes.writeInt16LE(Math.round(0.5 * 32_767 * Math.sin(2 * Math.PI * 440 * (index * 320 + i) / 16_000)), i * 2);
  }
  return bytes;
}

/** The sound in a WAV file, in chunks, once its header has been checked. */
async function readWav(path: string): Promise<Buffer[]> {
  const file = Buffer.from(await Deno.readFile(path));
  assertEquals(file.toString("latin1", 0, 4), "RIFF");
  assertEquals(file.readUInt32LE(4), file.length - 8);
  assertEquals(file.toString("latin1", 8, 16), "WAVEfmt ");
  const format = [16, 20, 22, 24, 28, 32, 34].map((at) =>
    [16, 24, 28].includes(at) ? file.readUInt32LE(at) : file.readUInt16LE(at)
  );
  assertEquals(format, [16, 1, 1, 16_000, 32_000, 2, 16]); // PCM, mono, 16,000 Hz, 16 bits
  assertEquals(file.toString("latin1", 36, 40), "data");
  assertEquals(file.readUInt32LE(40), file.length - 44);
  const chunks: Buffer[] = [];
  for (let at = 44; at < file.length; at += CHUNK_BYTES) chunks.push(file.subarray(at, at + CHUNK_BYTES));
  return chunks;
}

/**
 * Checks that a file holds the tone from chunk `first` on, and silence in place of the chunks that the player said to have
 * lost. Gives how many chunks there are.
 */
async function assertTone(path: string, first: number, said: readonly string[]): Promise<number> {
  const holes = said.map((line) => /^Chunk (\d+): lost (\d+)$/.exec(line) ?? []);
  const lost = new Set(
    holes.flatMap(([, from, count]) => Array.from({ length: Number(count ?? 0) }, (_, i) => Number(from) + i)),
  );
  const heard = await readWav(path);
  assertEquals(heard, heard.map((_, i) => lost.has(first + i) ? Buffer.alloc(CHUNK_BYTES) : toneOf(first + i)));
  assertStringIncludes(said.at(-1) ?? "", `Played ${heard.length - lost.size} chunks, lost ${lost.size}`);
  return heard.length;
}

interface Chunk {
  readonly type: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload: Buffer;
}

/** Reads a chunk as it is on the wire, behind its length. */
async function readChunk(peer: Peer): Promise<Chunk> {
  const bytes = await peer.read((await peer.read(4)).readUInt32BE());
  return {
    type: bytes.readUInt16BE(0),
    timestamp: bytes.readUInt32BE(2),
    sequence: bytes.readUInt16BE(6),
    payload: bytes.subarray(8),
  };
}

function ack(sequence: number): Buffer {
  return Buffer.from([0, 0, 0, 4, sequence >> 8, sequence & 0xff, 0, 1]);
}

Deno.test("players of examples/media join in the middle and write what they hear to WAV files", async () => {
  await using directory = await makeDirectory();
  await using source = startSource();
  const port = await source.port();
  const listen = async (name: string, chunks: number) => {
    const path = `${directory.path}/${name}.wav`;
    await using player = startPlayer(port, path, "--chunks", `${chunks}`);
    const first = await firstChunk(player);
    const { code, rest, stderr } = await player.end();
    assertEquals([code, stderr], [0, ""]);
    assertMatch(rest.at(-1) ?? "", /, latency \d+ ms, at most \d+ ms$/);
    assert(await assertTone(path, first, rest) >= chunks); // more if the last it got was a hole
    return first;
  };
  const [ann] = await Promise.all([listen("ann", 5), listen("bob", 20)]);
  assert(await listen("cleo", 3) >= ann + 5);
});

Deno.test("a player of examples/media shows the latency every second", async () => {
  await using directory = await makeDirectory();
  await using source = startSource();
  await using player = startPlayer(await source.port(), `${directory.path}/ann.wav`);
  const first = await firstChunk(player);
  const [, sequence] = await player.line(/^Chunk (\d+): latency \d+ ms, at most \d+ ms$/);
  assert(Number(sequence) >= first + 49);
});

Deno.test("a player of examples/media that acknowledges nothing loses the oldest chunks and is told how many", async () => {
  await using source = startSource();
  using peer = await Peer.connect(await source.port());
  const first = await readChunk(peer);
  assertEquals([first.type, first.payload], [AUDIO, toneOf(first.sequence)]);
  const age = Date.now() - first.timestamp | 0; // the clock's lower 32 bits
  assert(age >= 0 && age < 3_600_000, `${age}`);
  for (let i = 1; i < WINDOW; i++) assertEquals((await readChunk(peer)).sequence, first.sequence + i);

  await source.line(/ is too slow: it begins to lose chunks$/);
  await peer.write(ack(first.sequence + WINDOW - 1)); // counts for those before it, too
  const hole = await readChunk(peer);
  assertEquals([hole.type, hole.sequence, hole.payload.length], [LOST, first.sequence + WINDOW, 2]);
  const missing = hole.payload.readUInt16BE();
  assert(missing > 0);
  for (let i = 0; i < WINDOW; i++) {
    const next = await readChunk(peer);
    assertEquals([next.type, next.sequence], [AUDIO, hole.sequence + missing + i]);
    assertEquals(next.payload, toneOf(next.sequence));
  }
  await peer.end();
  await source.line(/ left, having lost [1-9]\d* chunks$/);
});

Deno.test("a slow player of examples/media puts silence where it lost sound, beside one that plays on", async () => {
  await using directory = await makeDirectory();
  const [slowPath, fastPath] = [`${directory.path}/slow.wav`, `${directory.path}/fast.wav`];
  await using source = startSource();
  const port = await source.port();
  await using slow = startPlayer(port, slowPath, "--slow-ms", "50");
  await using fast = startPlayer(port, fastPath);
  const first = await firstChunk(slow);
  const fastFirst = await firstChunk(fast);
  const [hole] = await slow.line(/^Chunk \d+: lost \d+$/);
  slow.interrupt(); // leaves a whole file
  fast.interrupt();
  const ends = await Promise.all([slow.end(), fast.end()]);
  assertEquals(ends.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""]]);
  await assertTone(slowPath, first, [hole, ...ends[0].rest]);
  await assertTone(fastPath, fastFirst, ends[1].rest);
});

Deno.test("the source of examples/media cuts off who sends no acks, and only that one", async () => {
  await using source = startSource();
  const port = await source.port();
  using good = await Peer.connect(port);
  for (const nonsense of [[0, 0, 0, 2, 1, 2], [0x7f, 0xff, 0xff, 0xff]]) {
    using bad = await Peer.connect(port);
    await bad.write(Buffer.from(nonsense));
    await bad.readToEnd();
  }
  await source.line(/ its header takes 4 bytes; the frame has 2$/);
  await source.line(/ at most 4 are allowed/);
  let { sequence } = await readChunk(good);
  await good.write(ack(sequence - 1 & 0xffff)); // was never sent: changes nothing
  for (let i = 0; i < 2 * WINDOW; i++) {
    await good.write(ack(sequence));
    ({ sequence } = await readChunk(good));
  }
});

Deno.test("the source of examples/media ends with its players at Ctrl-C, and their files are whole", async () => {
  await using directory = await makeDirectory();
  await using source = startSource();
  await using player = startPlayer(await source.port(), `${directory.path}/ann.wav`);
  const first = await firstChunk(player);
  source.interrupt();
  const [played, served] = await Promise.all([player.end(), source.end()]);
  assertEquals([played.code, played.stderr, served.code, served.stderr], [0, "", 0, ""]);
  assertMatch(served.rest.at(-1) ?? "", /^Closed after \d+ chunks$/);
  await assertTone(`${directory.path}/ann.wav`, first, played.rest);
});

Deno.test("the programs of examples/media say what is wrong", async () => {
  using busy = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = busy.addr;
  await using directory = await makeDirectory();
  const path = `${directory.path}/ann.wav`;
  await using source = new Program("examples/media/source.ts", ["--port", `${port}`]);
  await using flag = new Program("examples/media/source.ts", ["serve"]);
  await using nameless = new Program("examples/media/player.ts", []);
  await using odd = startPlayer(port, path, "--slow-ms", "very");
  const ends = await Promise.all([source, flag, nameless, odd].map((program) => program.end()));
  assertEquals(ends.map(({ code }) => code), [1, 2, 2, 2]);
  const said = ends.map(({ stderr }) => stderr);
  assertStringIncludes(said[0] ?? "", "EADDRINUSE");
  assertStringIncludes(said[1] ?? "", "Unknown argument serve");
  assertStringIncludes(said[2] ?? "", "Name one file to write to");
  assertStringIncludes(said[3] ?? "", '--slow-ms takes a number, not "very"');

  busy.close();
  await using alone = startPlayer(port, path);
  const { code, stderr } = await alone.end();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "ECONNREFUSED");
});

Deno.test("the programs of examples/media explain themselves with --help", async () => {
  for (const file of ["source", "player"]) {
    await using program = new Program(`examples/media/${file}.ts`, ["--help"]);
    const { code, rest } = await program.end();
    assertEquals(code, 0);
    assertStringIncludes(rest.join("\n"), `examples/media/${file}.ts [flags]`);
  }
});
