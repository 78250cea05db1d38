// deno-lint-ignore-file no-console -- a program that says what it does
/**
 * Media chunks with acknowledgements: the server, and a sender to try it with.
 *
 *     deno run --allow-net examples/stream.ts
 *     deno run --allow-net examples/stream.ts --send 100     (in another terminal)
 *
 * On the wire, numbers big-endian:
 *
 *     chunk   type u16 (1 audio, 2 video) | timestamp u32 | sequence u16 | payload
 *     ack     sequence u16 | flags u16 (1 received)
 *
 * TCP does not keep chunks apart: it carries bytes, and one `data` event may bring half a chunk, or three and a half. So
 * each chunk travels behind its length in 4 bytes, and the codec below cuts the stream where the sender meant it.
 *
 * @module
 */

import {
  connect,
  createServer,
  FrameDecoderStream,
  FrameEncoderStream,
  lengthPrefixed,
  MessageProtocol,
  ServerProtocol,
  TcpError,
} from "@verb/tcp";
import { parseArgs } from "@std/cli";

const HELP = `Usage: deno run --allow-net examples/stream.ts [flags]

  --port NUMBER      where to listen, 0 for any free port, or where to send to (default 3000)
  --hostname NAME    address to listen on, 0.0.0.0 for every network, or to send to (default 127.0.0.1)
  --send NUMBER      send that many chunks to a running server instead of being one
  --help             this text`;

const flags = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["port", "hostname", "send"],
  default: { port: "3000", hostname: "127.0.0.1" },
  unknown: (arg) => refuse(`Unknown argument ${arg}`),
});

const HEADER_BYTES = 8;
const AUDIO = 1;
const VIDEO = 2;
const RECEIVED = 0x0001;
// A peer that announces a longer chunk is cut off before it can make us store it.
const codec = lengthPrefixed({ maxFrameBytes: 256 * 1_024 });

if (flags.help) console.log(HELP);
else if (flags.send === undefined) serve(Number(flags.port), flags.hostname);
else await send(Number.parseInt(flags.send, 10), Number(flags.port), flags.hostname);

function serve(requestedPort: number, hostname: string): void {
  const app = createServer(ServerProtocol.TCP);

  app.onConnection((socket) => {
    const protocol = new MessageProtocol(socket, { codec }).attach();
    protocol.onMessage = (chunk) => protocol.send(acknowledge(chunk));
    // When the server closes, a recording is not cut off: whoever listens here ends the socket himself, and our side
    // ends when the sender's does.
    socket.on("shutdown", () => {});
  });
  // Whatever goes wrong with a connection ends it and comes here: a reset, a chunk too long, an error thrown above. So
  // does a port that is taken.
  app.onError((error) => {
    console.error(error.message);
    if (error instanceof TcpError && error.syscall === "listen") Deno.exit(1);
  });

  app.listen(requestedPort, hostname, () => {
    const { address, port } = app.address()!; // there is one: this is called once the server listens
    console.log(`Listening on ${address} port ${port}`);
  });
  // Ctrl-C: no new senders; those who are here have ten seconds to finish, the default of close().
  Deno.addSignalListener("SIGINT", () => {
    console.log("Closing");
    app.close();
  });
}

/** Takes one whole chunk, gives its acknowledgement. */
function acknowledge(chunk: Uint8Array): Uint8Array {
  if (chunk.length < HEADER_BYTES) throw new RangeError(`A chunk of ${chunk.length} bytes has no header`);
  const header = new DataView(chunk.buffer, chunk.byteOffset, HEADER_BYTES);
  const type = header.getUint16(0);
  const timestamp = header.getUint32(2);
  const sequence = header.getUint16(6);
  const payload = chunk.subarray(HEADER_BYTES); // copy it if you keep it: it is a window on a larger buffer

  const name = type === AUDIO ? "audio" : type === VIDEO ? "video" : `unknown type ${type}`;
  console.log(`Chunk ${sequence}: ${name}, ${payload.length} bytes at ${timestamp} ms`);

  const ack = new DataView(new ArrayBuffer(4));
  ack.setUint16(0, sequence);
  ack.setUint16(2, RECEIVED);
  return new Uint8Array(ack.buffer);
}

/** Sends chunks as fast as the server takes them, then waits for the acknowledgements that are still on their way. */
async function send(count: number, port: number, host: string): Promise<void> {
  if (!(count >= 0)) refuse("--send takes a number of chunks");
  const socket = await connect({ port, host });
  // The socket's other face: web streams. They wait for each other, and the end of the chunks ends our side.
  const chunks = ReadableStream.from(recording(count)).pipeThrough(new FrameEncoderStream(codec));
  const answers = socket.readable.pipeThrough(new FrameDecoderStream(codec));
  const [acks] = await Promise.all([Array.fromAsync(answers), chunks.pipeTo(socket.writable)]);
  console.log(`${acks.length} of ${count} chunks acknowledged`);
}

/** A stand-in for a camera: a picture every 40 ms of its own clock, with sound. */
function* recording(count: number): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    const [type, payloadBytes] = i % 2 === 0 ? [AUDIO, 160] : [VIDEO, 4_096];
    const chunk = new Uint8Array(HEADER_BYTES + payloadBytes);
    const header = new DataView(chunk.buffer);
    header.setUint16(0, type);
    header.setUint32(2, Math.floor(i / 2) * 40);
    header.setUint16(6, i % 65_536);
    yield chunk;
  }
}

function refuse(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  Deno.exit(2);
}
