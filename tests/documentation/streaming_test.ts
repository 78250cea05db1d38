/** Media chunks with acknowledgements, the header read from the received Buffer itself. */

import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createServer, type TCPSocket } from "@verb/tcp";
import { Peer } from "./peer.ts";

const AUDIO = 1;
const VIDEO = 2;
const ACK = 0x0001;

/** Takes a chunk apart, tells what it is, acknowledges it. */
function process(chunk: Buffer, socket: TCPSocket, tell: (what: string) => void): void {
  const header = chunk.slice(0, 8);
  const payload = chunk.slice(8);
  const timestamp = header.readUInt32BE(2);
  switch (header.readUInt16BE(0)) {
    case AUDIO:
      tell(`audio ${payload} at ${timestamp}`);
      break;
    case VIDEO:
      tell(`video ${payload} at ${timestamp}`);
      break;
    default:
      tell("unknown");
  }
  const ack = Buffer.alloc(4);
  ack.writeUInt16BE(header.readUInt16BE(6), 0);
  ack.writeUInt16BE(ACK, 2);
  socket.write(ack);
}

Deno.test("a media server reads headers from the Buffers it gets and acknowledges each chunk", async () => {
  await using app = createServer();
  const told: string[] = [];
  app.onConnection((socket) => {
    socket.on("data", (chunk) => process(chunk, socket, (what) => told.push(what)));
  });
  app.listen(0, "127.0.0.1");
  using peer = await Peer.connect(app.address()!.port); // listen() has bound at once

  for (const [type, sequence] of [[AUDIO, 0], [VIDEO, 65_535], [9, 258]] as const) {
    const chunk = Buffer.alloc(8);
    chunk.writeUInt16BE(type, 0);
    chunk.writeUInt32BE(3_000_000_000, 2);
    chunk.writeUInt16BE(sequence, 6);
    await peer.write(Buffer.concat([chunk, Buffer.from("payload")]));
    // The next chunk goes out when this one is acknowledged, so that each arrives on its own.
    const ack = await peer.read(4);
    assertEquals([ack.readUInt16BE(0), ack.readUInt16BE(2)], [sequence, ACK]);
  }
  assertEquals(told, ["audio payload at 3000000000", "video payload at 3000000000", "unknown"]);
});
