/**
 * The contracts of framing: bytes in, messages out, and back. Pure and synchronous: no sockets, no streams, no timers.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { json } from "@verb/tcp/framing";
 *
 * const decoder = json().decoder();
 * decoder.push(json().encode({ type: "ping" }));
 * for (let message; (message = decoder.next()) !== undefined;) assertEquals(message, { type: "ping" });
 * decoder.end();
 * assertEquals(decoder.next(), undefined); // some codecs have a last message that ends with the stream
 * ```
 *
 * @module
 */

import type { ByteSink } from "./byte_sink.ts";

/** How messages look on the wire. `In` is what one sends, `Out` what one receives. */
export interface Codec<In, Out = In> {
  /** A decoder for one stream of bytes, from its beginning. */
  decoder(): FrameDecoder<Out>;
  /** The whole frame of one message, in a buffer that the codec does not use again. Throws for what cannot be sent. */
  encode(message: In): Uint8Array<ArrayBuffer>;
  /**
   * The same, written straight into a queue; optional, `encode` is used without it. Throws before anything is
   * committed.
   */
  encodeInto?(message: In, sink: ByteSink): void;
  /**
   * No message is a window on a chunk, and a decoder whose `bufferedBytes` is 0 keeps nothing of the chunks it was given:
   * text and objects are such messages. Then a socket reads into the same buffer again and again, which is faster; with
   * windows each chunk needs memory of its own.
   *
   * @default {false}
   */
  readonly copiesMessages?: boolean;
}

/**
 * Cuts one stream of bytes into messages. It guarantees:
 *
 * - However the bytes are cut into chunks, the messages are the same.
 * - It never holds more than one frame of the largest size and one chunk.
 * - The work is linear in the bytes.
 * - `next()` throws a `FrameError` when the stream can no longer be decoded, and the same one at every later call. It
 *   throws a `MessageError` when exactly one frame was bad and consumed; the next call goes on after it.
 */
export interface FrameDecoder<T> {
  /** Takes a chunk over: do not change it any more. Messages may be windows on it. */
  push(chunk: Uint8Array): void;
  /** The next message, or undefined when more bytes are needed. Call it until then after every `push`. */
  next(): T | undefined;
  /**
   * No more bytes will come. Throws a `FrameError` with `ERR_FRAME_TRUNCATED` inside a frame; otherwise `next()` gives
   * what the end has completed, such as a last line without a line ending.
   */
  end(): void;
  /** Bytes pushed and not consumed. */
  readonly bufferedBytes: number;
  /**
   * Hands back the bytes that were not consumed, for a change of protocol. The decoder is then as new. Throws a
   * `FrameError` while the rest of a frame that was too large is being skipped, because the next bytes belong to it.
   */
  takeRest(): Uint8Array;
}
