// deno-lint-ignore-file no-console -- a program that says what it does
/**
 * Media chunks with acknowledgements: the server, and a sender to try it with.
 *
 *     deno run --allow-net examples/stream.ts
 *     deno run --allow-net examples/stream.ts --send 100     (in another terminal)
 *
 * On the wire, numbers big-endian:
 *
 *     chunk   stream type u16 (1 audio, 2 video) | timestamp u32 | sequence u16 | payload
 *     ack     sequence u16 | flags u16 (1 received)
 *
 * TCP does not keep chunks apart: it carries bytes, and one `data` event may bring half a chunk, or three and a half. So
 * each chunk travels behind its length in 4 bytes, and the codecs below cut the stream where the sender meant it.
 *
 * @module
 */

import { connect, createServer, MessageError, MessageProtocol, ServerProtocol, TcpError } from "@verb/tcp";
import {
  type Codec,
  FrameDecoderStream,
  FrameEncoderStream,
  lengthPrefixed,
  struct,
  type StructMessage,
} from "@verb/tcp/framing";
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

const AUDIO = 1;
const VIDEO = 2;
const RECEIVED = 0x0001;

const CHUNK = { streamType: "u16", timestamp: "u32", sequence: "u16" } as const;
const ACK = { sequence: "u16", flags: "u16" } as const;
type Chunk = StructMessage<typeof CHUNK>;
type Ack = StructMessage<typeof ACK>;

// A peer that announces a longer chunk is cut off before it can make us store it.
const framing = lengthPrefixed({ maxFrameBytes: 256 * 1_024 });
const chunks = struct(CHUNK, { framing });
const acks = struct(ACK, { framing });
// What the server sends is not what it receives.
const acksForChunks: Codec<Ack, Chunk> = { decoder: () => chunks.decoder(), encode: (ack) => acks.encode(ack) };

if (flags.help) console.log(HELP);
else if (flags.send === undefined) serve(Number(flags.port), flags.hostname);
else await send(Number.parseInt(flags.send, 10), Number(flags.port), flags.hostname);

function serve(requestedPort: number, hostname: string): void {
  const app = createServer(ServerProtocol.TCP);

  app.onConnection((socket) => {
    const protocol = new MessageProtocol(socket, { codec: acksForChunks }).attach();
    protocol.onMessage = (chunk) => protocol.send(acknowledge(chunk));
    // Behind a chunk that is too short for its header one could go on. Here it means that the peer is no sender of ours.
    protocol.onError = (error) => {
      console.error(
        error instanceof MessageError ? `A chunk of ${error.frameBytes} bytes has no header` : error.message,
      );
      socket.destroy();
    };
    // When the server closes, a recording is not cut off: whoever listens here ends the socket himself, and our side
    // ends when the sender's does.
    socket.on("shutdown", () => {});
  });
  // Whatever else goes wrong with a connection ends it and comes here: a reset, an error thrown above. So does a port
  // that is taken.
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
function acknowledge({ streamType, timestamp, sequence, payload }: Chunk): Ack {
  // Copy the payload if you keep it: it is a window on a larger buffer.
  const name = streamType === AUDIO ? "audio" : streamType === VIDEO ? "video" : `unknown type ${streamType}`;
  console.log(`Chunk ${sequence}: ${name}, ${payload.length} bytes at ${timestamp} ms`);
  return { sequence, flags: RECEIVED, payload: new Uint8Array(0) };
}

/** Sends chunks as fast as the server takes them, then waits for the acknowledgements that are still on their way. */
async function send(count: number, port: number, host: string): Promise<void> {
  if (!(count >= 0)) refuse("--send takes a number of chunks");
  const socket = await connect({ port, host });
  // The socket's other face: web streams. They wait for each other, and the end of the chunks ends our side.
  const sent = ReadableStream.from(recording(count)).pipeThrough(new FrameEncoderStream(chunks));
  const answers = socket.readable.pipeThrough(new FrameDecoderStream(acks));
  const [answered] = await Promise.all([Array.fromAsync(answers), sent.pipeTo(socket.writable)]);
  console.log(`${answered.length} of ${count} chunks acknowledged`);
}

/** A stand-in for a camera: a picture every 40 ms of its own clock, with sound. */
function* recording(count: number): Generator<Chunk> {
  for (let i = 0; i < count; i++) {
    const [streamType, payloadBytes] = i % 2 === 0 ? [AUDIO, 160] : [VIDEO, 4_096];
    const timestamp = Math.floor(i / 2) * 40;
    yield { streamType, timestamp, sequence: i % 65_536, payload: new Uint8Array(payloadBytes) };
  }
}

function refuse(problem: string): never {
  console.error(`${problem}\n\n${HELP}`);
  Deno.exit(2);
}
