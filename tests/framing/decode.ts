/** Runs decoders over chunks and writes down what comes out, messages and errors alike. */

import { FrameError, MessageError } from "../../src/base/errors.ts";
import type { FrameDecoder } from "../../src/framing/codec.ts";

/** What one `next()` gave: a message, or the code of a bad one. */
export type Outcome = { message: unknown } | { invalid: string };

/** Everything that `next()` gives until it wants more. */
export function drain(decoder: FrameDecoder<unknown>): Outcome[] {
  const outcomes: Outcome[] = [];
  for (;;) {
    try {
      const message = decoder.next();
      if (message === undefined) return outcomes;
      outcomes.push({ message });
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      outcomes.push({ invalid: error.code });
    }
  }
}

/** Pushes the chunks one after the other, takes all there is after each, and ends. */
export function decodeAll(decoder: FrameDecoder<unknown>, chunks: readonly Uint8Array[]): Outcome[] {
  const outcomes = chunks.flatMap((chunk) => {
    decoder.push(chunk);
    return drain(decoder);
  });
  decoder.end();
  return outcomes;
}

/** The messages of {@link decodeAll}; throws if one was bad. */
export function messagesOf(decoder: FrameDecoder<unknown>, chunks: readonly Uint8Array[]): unknown[] {
  return decodeAll(decoder, chunks).map((outcome) => {
    if ("invalid" in outcome) throw new Error(`A message was bad: ${outcome.invalid}`);
    return outcome.message;
  });
}

/** Copies of the pieces of `wire` between the cuts. */
export function cutAt(wire: Uint8Array, ...cuts: number[]): Uint8Array[] {
  return [0, ...cuts].map((from, i) => wire.slice(from, cuts[i] ?? wire.length));
}

/** Every way to cut it in one or two places, all at once, and byte by byte. */
export function* everyCut(wire: Uint8Array): Generator<Uint8Array[]> {
  yield cutAt(wire);
  yield Array.from(wire, (_, i) => wire.slice(i, i + 1));
  for (let first = 0; first <= wire.length; first++) {
    yield cutAt(wire, first);
    for (let second = first + 1; second < wire.length; second++) yield cutAt(wire, first, second);
  }
}

/** As {@link cutAt}, but windows on one buffer that start in its middle, as a read loop cuts them. */
export function windowsAt(wire: Uint8Array, ...cuts: number[]): Uint8Array[] {
  const buffer = new Uint8Array(wire.length + 64).fill(0xee);
  buffer.set(wire, 32);
  return [0, ...cuts].map((from, i) => buffer.subarray(32 + from, 32 + (cuts[i] ?? wire.length)));
}

/** The FrameError that `run` throws. */
export function frameErrorOf(run: () => unknown): FrameError {
  try {
    run();
  } catch (error) {
    if (error instanceof FrameError) return error;
    throw error;
  }
  throw new Error("No FrameError was thrown");
}

/** Everything joined. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A text in UTF-8. */
export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A length of 4 bytes, big-endian, and the bytes behind it. */
export function frame(body: Uint8Array | string, length?: number): Uint8Array<ArrayBuffer> {
  const bytes = typeof body === "string" ? utf8(body) : body;
  const header = new Uint8Array(4);
  new DataView(header.buffer).setUint32(0, length ?? bytes.length);
  return concat(header, bytes);
}
