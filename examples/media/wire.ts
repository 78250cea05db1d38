/**
 * What the source and its players say. Numbers are big-endian, and each message stands behind its length in 4 bytes:
 *
 *     chunk   stream type u16 | timestamp u32 | sequence u16 | payload     from the source
 *     ack     sequence u16 | flags u16 (1: played)                         from a player
 *
 * A chunk of audio is 20 ms of sound. Its timestamp is the source's clock in milliseconds, its sequence counts chunks;
 * both begin again at 0 after their highest value. In place of chunks that a player lost it gets one of type `LOST`, with
 * the sequence of the first of them; its payload is how many there are, as u16.
 *
 * @module
 */

import { type Codec, lengthPrefixed, struct, type StructMessage } from "@verb/tcp/framing";

/** Stream types. Players pass over those that they do not know. */
export const AUDIO = 1;
/** Not sent by this source. */
export const VIDEO = 2;
/** Chunks that did not come. */
export const LOST = 3;
/** Flag of an ack. */
export const PLAYED = 0x0001;

const CHUNK = { streamType: "u16", timestamp: "u32", sequence: "u16" } as const;
const ACK = { sequence: "u16", flags: "u16" } as const;

/** A piece of a stream. */
export type Chunk = StructMessage<typeof CHUNK>;
/** Says that a chunk was played, and with it all before. */
export type Ack = StructMessage<typeof ACK>;

const chunks = struct(CHUNK, { framing: lengthPrefixed({ maxFrameBytes: 64 * 1_024 }) });
// Whoever announces a longer ack is cut off before its body is read.
const acks = struct(ACK, { framing: lengthPrefixed({ maxFrameBytes: 4 }) });

/** Of a source: it sends chunks and receives acks. */
export const sourceCodec: Codec<Chunk, Ack> = {
  encode: (chunk) => chunks.encode(chunk),
  decoder: () => acks.decoder(),
};

/** Of a player: the other way round. */
export const playerCodec: Codec<Ack, Chunk> = {
  encode: (ack) => acks.encode(ack),
  decoder: () => chunks.decoder(),
};

/** The chunk that stands for `count` others, of which this is the first. */
export function lostChunk(first: Pick<Chunk, "timestamp" | "sequence">, count: number): Chunk {
  const payload = new Uint8Array(2);
  new DataView(payload.buffer).setUint16(0, count);
  return { streamType: LOST, timestamp: first.timestamp, sequence: first.sequence, payload };
}

/** How many chunks such a one stands for. */
export function lostCount({ payload }: Chunk): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.length).getUint16(0);
}
