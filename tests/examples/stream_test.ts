/** The program examples/stream.ts, as a newcomer runs it. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { Peer } from "../documentation/peer.ts";
import { Program } from "./program.ts";

const AUDIO = 1;
const VIDEO = 2;

/** A chunk as it is on the wire, its length in front. */
function chunk(type: number, timestamp: number, sequence: number, payload: string): Buffer {
  const header = Buffer.alloc(4 + 8);
  header.writeUInt32BE(8 + Buffer.byteLength(payload), 0);
  header.writeUInt16BE(type, 4);
  header.writeUInt32BE(timestamp, 6);
  header.writeUInt16BE(sequence, 10);
  return Buffer.concat([header, Buffer.from(payload)]);
}

function ack(sequence: number): Buffer {
  return Buffer.from([0, 0, 0, 4, sequence >> 8, sequence & 0xff, 0, 1]);
}

Deno.test("examples/stream.ts acknowledges chunks by their sequence numbers", async () => {
  await using stream = new Program("examples/stream.ts", ["--port", "0"]);
  using peer = await Peer.connect(await stream.port());
  await peer.write(chunk(AUDIO, 123_456, 0xbeef, "la la"));
  assertEquals(await peer.read(8), ack(0xbeef));
  await stream.line(/^Chunk 48879: audio, 5 bytes at 123456 ms$/);
  await peer.write(chunk(VIDEO, 4_294_967_295, 7, ""));
  assertEquals(await peer.read(8), ack(7));
  await stream.line(/^Chunk 7: video, 0 bytes at 4294967295 ms$/);
  await peer.write(chunk(9, 0, 8, "?"));
  assertEquals(await peer.read(8), ack(8));
  await stream.line(/^Chunk 8: unknown type 9, 1 bytes at 0 ms$/);
});

Deno.test("examples/stream.ts finds the chunks again however TCP cuts them", async () => {
  await using stream = new Program("examples/stream.ts", ["--port", "0"]);
  using peer = await Peer.connect(await stream.port());
  const three = Buffer.concat([1, 2, 3].map((sequence) => chunk(VIDEO, 40, sequence, "picture")));
  const acks = Buffer.concat([1, 2, 3].map(ack));
  await peer.write(three);
  assertEquals(await peer.read(24), acks);
  for (const byte of three) await peer.write(Buffer.from([byte]));
  assertEquals(await peer.read(24), acks);
});

Deno.test("examples/stream.ts cuts off a sender of chunks without a header, and only that one", async () => {
  await using stream = new Program("examples/stream.ts", ["--port", "0"]);
  const port = await stream.port();
  using good = await Peer.connect(port);
  using bad = await Peer.connect(port);
  await bad.write(Buffer.from([0, 0, 0, 2, 1, 2]));
  assertEquals((await bad.readToEnd()).length, 0);
  await good.write(chunk(AUDIO, 0, 1, "still here"));
  assertEquals(await good.read(8), ack(1));
  good.close();
  bad.close();
  stream.interrupt();
  const { code, stderr } = await stream.end();
  assertEquals([code, stderr], [0, "A chunk of 2 bytes has no header\n"]);
});

Deno.test("examples/stream.ts cuts off a sender that announces too long a chunk", async () => {
  await using stream = new Program("examples/stream.ts", ["--port", "0"]);
  using peer = await Peer.connect(await stream.port());
  await peer.write(Buffer.from([0x7f, 0xff, 0xff, 0xff]));
  assertEquals((await peer.readToEnd()).length, 0);
  stream.interrupt();
  const { code, stderr } = await stream.end();
  assertEquals(code, 0);
  assertStringIncludes(stderr, "at most 262144 are allowed");
});

Deno.test("examples/stream.ts --send has all its chunks acknowledged", async () => {
  await using server = new Program("examples/stream.ts", ["--port", "0"]);
  const port = await server.port();
  await using sender = new Program("examples/stream.ts", ["--port", String(port), "--send", "500"]);
  const sent = await sender.end();
  assertEquals([sent.code, sent.rest, sent.stderr], [0, ["500 of 500 chunks acknowledged"], ""]);
  server.interrupt();
  const served = await server.end();
  assertEquals([served.code, served.stderr], [0, ""]);
  assertEquals(served.rest.at(-2), "Chunk 499: video, 4096 bytes at 9960 ms");
});

Deno.test("examples/stream.ts lets a sender finish on Ctrl-C", async () => {
  await using stream = new Program("examples/stream.ts", ["--port", "0"]);
  using peer = await Peer.connect(await stream.port());
  await peer.write(chunk(AUDIO, 0, 1, "before"));
  assertEquals(await peer.read(8), ack(1));
  stream.interrupt();
  await stream.line(/^Closing$/);
  await peer.write(chunk(AUDIO, 40, 2, "after"));
  assertEquals(await peer.read(8), ack(2));
  await peer.end();
  assertEquals((await peer.readToEnd()).length, 0);
  const { code, stderr } = await stream.end();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("examples/stream.ts says why it cannot listen, and ends with exit code 1", async () => {
  using busy = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  await using stream = new Program("examples/stream.ts", ["--port", String(busy.addr.port)]);
  const { code, stderr } = await stream.end();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "EADDRINUSE");
});

Deno.test("examples/stream.ts explains itself with --help", async () => {
  await using stream = new Program("examples/stream.ts", ["--help"]);
  const { code, rest } = await stream.end();
  assertEquals(code, 0);
  assertStringIncludes(rest.join("\n"), "--send NUMBER");
});

Deno.test("examples/stream.ts refuses an unknown flag with exit code 2", async () => {
  await using stream = new Program("examples/stream.ts", ["serve"]);
  const { code, stderr } = await stream.end();
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Unknown argument serve");
});
