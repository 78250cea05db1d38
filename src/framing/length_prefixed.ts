/**
 * Frames with their length in front. With the defaults the message `hi` is on the wire
 *
 *     00 00 00 02  68 69
 *     length       body
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { ByteQueue } from "../base/byte_queue.ts";
import { checkBound, checkKeys, invalid } from "../base/check.ts";
import { FrameError } from "../base/errors.ts";
import type { ByteSink } from "./byte_sink.ts";
import type { Codec, FrameDecoder } from "./codec.ts";

/** How {@link lengthPrefixed} writes and reads the length. */
export interface LengthPrefixedOptions {
  /**
   * Width of the length field in bytes.
   *
   * @default {4}
   */
  bytes?: 1 | 2 | 4;
  /**
   * Order of its bytes.
   *
   * @default {"big"}
   */
  endian?: "big" | "little";
  /**
   * Longest body in bytes. A longer one is refused as soon as its length is read, before the body comes.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

/** The default of every `maxFrameBytes`. */
export const DEFAULT_MAX_FRAME_BYTES = 1_048_576;

/** What one codec works with, checked. */
interface Layout {
  readonly bytes: 1 | 2 | 4;
  readonly little: boolean;
  readonly maxFrameBytes: number;
}

/**
 * Bytes behind a length field. Received messages are windows on the chunks that came: copy one before you store it,
 * because it keeps its whole chunk alive.
 *
 * @throws {TypeError | RangeError} For options that are unknown or out of range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lengthPrefixed } from "@verb/tcp/framing";
 *
 * const codec = lengthPrefixed({ bytes: 2 });
 * assertEquals(codec.encode(new TextEncoder().encode("hi")), new Uint8Array([0, 2, 0x68, 0x69]));
 * ```
 */
export function lengthPrefixed(options: LengthPrefixedOptions = {}): Codec<Uint8Array> {
  checkKeys("options", options, ["bytes", "endian", "maxFrameBytes"]);
  const bytes = options.bytes ?? 4;
  if (bytes !== 1 && bytes !== 2 && bytes !== 4) throw invalid("bytes", "1, 2 or 4", bytes);
  const endian = options.endian ?? "big";
  if (endian !== "big" && endian !== "little") throw invalid("endian", '"big" or "little"', endian);
  const layout: Layout = {
    bytes,
    little: endian === "little",
    // More than the field can say is no limit, but no reason to write lengths that do not fit either.
    maxFrameBytes: Math.min(
      checkBound("maxFrameBytes", options.maxFrameBytes, DEFAULT_MAX_FRAME_BYTES, 0),
      2 ** (8 * bytes) - 1,
    ),
  };
  return new LengthPrefixedCodec(layout);
}

const utf8 = new TextEncoder();
// Below this many UTF-16 units three bytes for each are reserved; above, counting the bytes is cheaper than the room.
const COUNTED_TEXT_LENGTH = 1_024;

// Up to here a loop beats the call to the encoder.
const LOOPED_TEXT_LENGTH = 64;

/** Writes a text that is ASCII and gives its length, or gives -1 if it is not. */
function writeAscii(text: string, buffer: Uint8Array, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return -1;
    buffer[at + i] = unit;
  }
  return text.length;
}

/** The codec behind {@link lengthPrefixed}; `json` uses it to write text without a buffer in between. */
export class LengthPrefixedCodec implements Codec<Uint8Array> {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  decoder(): FrameDecoder<Uint8Array> {
    return new LengthPrefixedDecoder(this.#layout);
  }

  encode(message: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#check(message);
    const { bytes } = this.#layout;
    const frame = new Uint8Array(bytes + message.length);
    writeLength(frame, 0, message.length, this.#layout);
    frame.set(message, bytes);
    return frame;
  }

  encodeInto(message: Uint8Array, sink: ByteSink): void {
    this.#check(message);
    const { bytes } = this.#layout;
    const buffer = sink.reserve(bytes + message.length);
    writeLength(buffer, sink.at, message.length, this.#layout);
    buffer.set(message, sink.at + bytes);
    sink.commit(bytes + message.length);
  }

  /** The frame of a text in UTF-8, written where it will be sent from. */
  encodeTextInto(text: string, sink: ByteSink): void {
    const { bytes, maxFrameBytes } = this.#layout;
    const exact = text.length > COUNTED_TEXT_LENGTH || text.length * 3 > maxFrameBytes;
    const room = exact ? Buffer.byteLength(text) : text.length * 3;
    if (room > maxFrameBytes) throw tooLarge("send", room, maxFrameBytes);
    const buffer = sink.reserve(bytes + room);
    const at = sink.at + bytes;
    let written = text.length <= LOOPED_TEXT_LENGTH ? writeAscii(text, buffer, at) : -1;
    if (written < 0) ({ written } = utf8.encodeInto(text, buffer.subarray(at)));
    writeLength(buffer, sink.at, written, this.#layout);
    sink.commit(bytes + written);
  }

  #check(message: Uint8Array): void {
    if (!(message instanceof Uint8Array)) throw invalid("message", "a Uint8Array", message);
    const { maxFrameBytes } = this.#layout;
    if (message.length > maxFrameBytes) throw tooLarge("send", message.length, maxFrameBytes);
  }
}

/** The error of a frame over the limit. */
export function tooLarge(verb: "send" | "read", frameBytes: number, maxFrameBytes: number): FrameError {
  return new FrameError(`Cannot ${verb} frame: it has ${frameBytes} bytes, at most ${maxFrameBytes} are allowed`, {
    code: "ERR_FRAME_TOO_LARGE",
    frameBytes,
    maxFrameBytes,
  });
}

/** Writes a length field. */
export function writeLength(buffer: Uint8Array, at: number, length: number, layout: Layout): void {
  const { bytes, little } = layout;
  for (let i = 0; i < bytes; i++) buffer[at + (little ? i : bytes - 1 - i)] = length >>> (8 * i);
}

function readLength(buffer: Uint8Array, at: number, layout: Layout): number {
  const { bytes, little } = layout;
  let length = 0;
  for (let i = 0; i < bytes; i++) length = length * 256 + buffer[at + (little ? bytes - 1 - i : i)]!; // in range
  return length;
}

class LengthPrefixedDecoder implements FrameDecoder<Uint8Array> {
  readonly #layout: Layout;
  readonly #queue = new ByteQueue();
  #failure: FrameError | undefined;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  get bufferedBytes(): number {
    return this.#queue.length;
  }

  push(chunk: Uint8Array): void {
    if (this.#failure === undefined) this.#queue.push(chunk);
  }

  next(): Uint8Array | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const queue = this.#queue;
    const { bytes } = this.#layout;
    if (queue.stashed === 0) {
      // The whole frame stands in the last chunk: no copy.
      const body = queue.at + bytes;
      if (body > queue.end) {
        queue.release();
        return undefined;
      }
      const end = body + this.#length(queue.chunk, queue.at);
      if (end > queue.end) return undefined;
      const { buffer, byteOffset } = queue.chunk;
      queue.at = end;
      // Not subarray(): whether chunks are Buffers must not show in the messages.
      return new Uint8Array(buffer, byteOffset + body, end - body);
    }
    if (!queue.gather(bytes)) return undefined;
    const frameBytes = bytes + this.#length(queue.stashBytes, 0);
    return queue.gather(frameBytes) ? queue.takeStash(frameBytes).subarray(bytes) : undefined;
  }

  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { length } = this.#queue;
    if (length === 0) return;
    throw this.#failure = new FrameError(
      `Cannot read frame: the stream ended with ${length} bytes of an unfinished frame`,
      {
        code: "ERR_FRAME_TRUNCATED",
        frameBytes: length,
      },
    );
  }

  takeRest(): Uint8Array {
    return this.#queue.takeAll();
  }

  #length(buffer: Uint8Array, at: number): number {
    const length = readLength(buffer, at, this.#layout);
    if (length <= this.#layout.maxFrameBytes) return length;
    this.#queue.clear();
    throw this.#failure = tooLarge("read", length, this.#layout.maxFrameBytes);
  }
}
