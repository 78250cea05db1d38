/** Decoding 64-byte frames out of 64 KiB chunks: by hand, by direct calls, as JSON and through the stream. */

import { FrameDecoderStream, json, lengthPrefixed } from "../../src/framing/mod.ts";

const FRAME_BYTES = 64;
const CHUNK_BYTES = 65_536;

function chunkOf(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = lengthPrefixed().encode(body);
  const chunk = new Uint8Array(Math.floor(CHUNK_BYTES / frame.length) * frame.length);
  for (let at = 0; at < chunk.length; at += frame.length) chunk.set(frame, at);
  return chunk;
}

const binary = chunkOf(new Uint8Array(FRAME_BYTES - 4));
const text = chunkOf(new TextEncoder().encode(`{"type":"ping","pad":"${"x".repeat(FRAME_BYTES - 28)}"}`));
let sink: unknown;

Deno.bench("a bare loop over lengths and subarrays", { group: "decode 64 KiB of 64 B frames", baseline: true }, () => {
  const view = new DataView(binary.buffer);
  for (let at = 0; at < binary.length;) {
    const end = at + 4 + view.getUint32(at);
    sink = binary.subarray(at + 4, end);
    at = end;
  }
});

const frames = lengthPrefixed().decoder();
Deno.bench("lengthPrefixed, direct calls", { group: "decode 64 KiB of 64 B frames" }, () => {
  frames.push(binary);
  while ((sink = frames.next()) !== undefined);
});

Deno.bench("lengthPrefixed, FrameDecoderStream", { group: "decode 64 KiB of 64 B frames" }, async () => {
  const messages = ReadableStream.from([binary]).pipeThrough(new FrameDecoderStream(lengthPrefixed()));
  for await (const message of messages) sink = message;
});

const messages = json().decoder();
Deno.bench("json, direct calls", { group: "decode 64 KiB of 64 B frames" }, () => {
  messages.push(text);
  while ((sink = messages.next()) !== undefined);
});

Deno.bench("JSON.parse of the same texts alone", { group: "decode 64 KiB of 64 B frames" }, () => {
  const one = new TextDecoder().decode(text.subarray(4, FRAME_BYTES));
  for (let at = 0; at < text.length; at += FRAME_BYTES) sink = JSON.parse(one);
});
void sink;
