/** Decoding 64 KiB: every face beside the direct call, every codec beside the least code that could do it. */

import { Buffer } from "node:buffer";
import {
  type Codec,
  delimited,
  FrameDecoderStream,
  frames,
  json,
  lengthPrefixed,
  lines,
  ndjson,
  netstrings,
  struct,
} from "../../src/framing/mod.ts";
import { framed, TCPSocket } from "../../mod.ts";

const FRAME_BYTES = 64;
const CHUNK_BYTES = 65_536;

/** As many frames of one message as go into a chunk. */
function chunkOf<In>(codec: Codec<In, unknown>, message: In): Uint8Array<ArrayBuffer> {
  const frame = codec.encode(message);
  const chunk = new Uint8Array(Math.floor(CHUNK_BYTES / frame.length) * frame.length);
  for (let at = 0; at < chunk.length; at += frame.length) chunk.set(frame, at);
  return chunk;
}

let sink: unknown;
const body = new Uint8Array(FRAME_BYTES - 4);
const binary = chunkOf(lengthPrefixed(), body);

const faces = { group: "the faces: 64 KiB of 64 B frames" };
Deno.bench("a bare loop over lengths and subarrays", { ...faces, baseline: true }, () => {
  const view = new DataView(binary.buffer);
  for (let at = 0; at < binary.length;) {
    const end = at + 4 + view.getUint32(at);
    sink = binary.subarray(at + 4, end);
    at = end;
  }
});

const decoder = lengthPrefixed().decoder();
Deno.bench("direct calls", faces, () => {
  decoder.push(binary);
  while ((sink = decoder.next()) !== undefined);
});

// Fed by hand, so that no socket is part of the figure.
const socket = new TCPSocket();
const events = framed(socket, lengthPrefixed());
events.on("message", (message) => sink = message);
const data = Buffer.from(binary.buffer);
Deno.bench("framed, message events", faces, () => void socket.emit("data", data));

Deno.bench("frames, async iteration", faces, async () => {
  for await (const message of frames(ReadableStream.from([binary]), lengthPrefixed())) sink = message;
});

Deno.bench("FrameDecoderStream", faces, async () => {
  const messages = ReadableStream.from([binary]).pipeThrough(new FrameDecoderStream(lengthPrefixed()));
  for await (const message of messages) sink = message;
});

const codecs = { group: "the codecs: 64 KiB of 64 B frames, direct calls" };
function benchCodec<In>(
  name: string,
  codec: Codec<In, unknown>,
  message: In,
  options: Deno.BenchDefinition | object = {},
) {
  const chunk = chunkOf(codec, message);
  const decoder = codec.decoder();
  Deno.bench(name, { ...codecs, ...options }, () => {
    decoder.push(chunk);
    while ((sink = decoder.next()) !== undefined);
  });
}
const line = "x".repeat(FRAME_BYTES - 1);
const value = { type: "ping", pad: "x".repeat(FRAME_BYTES - 28) };
benchCodec("lengthPrefixed", lengthPrefixed(), body, { baseline: true });
benchCodec("lengthPrefixed, varint", lengthPrefixed({ bytes: "varint" }), body);
benchCodec("netstrings", netstrings(), body);
benchCodec("delimited, one of 1 byte", delimited({ delimiters: ["\n"] }), body.fill(0x78));
benchCodec("delimited, one of 4 bytes", delimited({ delimiters: ["\r\n\r\n"] }), body);
benchCodec("delimited, two", delimited({ delimiters: ["\n", "\r\n"] }), body);
benchCodec("lines", lines(), line);
benchCodec("struct", struct({ streamType: "u16", timestamp: "u32", sequence: "u16" }), {
  streamType: 1,
  timestamp: 2,
  sequence: 3,
  payload: body.slice(0, FRAME_BYTES - 12),
});
benchCodec("json", json(), value);
benchCodec("ndjson", ndjson(), value);

Deno.bench("JSON.parse of the same texts alone", codecs, () => {
  const text = JSON.stringify(value);
  for (let at = 0; at < CHUNK_BYTES; at += FRAME_BYTES) sink = JSON.parse(text);
});
void sink;
