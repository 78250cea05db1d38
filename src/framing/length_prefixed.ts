/**
 * Frames with their length in front. With the defaults the message `hi` is on the wire
 *
 *     00 00 00 02  68 69
 *     length       body
 *
 * and with `{ bytes: "varint" }`, as in protobuf's delimited streams,
 *
 *     02      68 69
 *     length  body
 *
 * The length need not stand first nor count just the body. With `{ offset: 2, bytes: 2, adjust: -4, strip: 0 }` the
 * frame of a protocol whose length counts the header too comes whole:
 *
 *     ca fe  00 06   68 69
 *     magic  length  body      (6 = 2 + 2 + 2)
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { rangeError, typeError } from "../base/argument_errors.ts";
import { checkBound, checkInteger, checkKeys, invalid, invalidValue } from "../base/check.ts";
import type { ByteSink } from "./byte_sink.ts";
import type { Codec, FrameDecoder } from "./codec.ts";
import { fieldBytes, largestLength, type LengthLayout, writeLength } from "./length_field.ts";
import { LengthPrefixedDecoder } from "./length_prefixed_decoder.ts";
import { DEFAULT_MAX_FRAME_BYTES, tooLarge } from "./queued_decoder.ts";

/** Where {@link lengthPrefixed} finds the length and what it means. */
export interface LengthPrefixedOptions {
  /**
   * Width of the length field in bytes, or `"varint"`: groups of seven bits, the lowest first, at most ten bytes
   * (protobuf's base 128; longer forms of a number than need be are understood, as there).
   *
   * @default {4}
   */
  bytes?: 1 | 2 | 3 | 4 | 8 | "varint";
  /**
   * Order of its bytes. Not for varints, whose order is fixed.
   *
   * @default {"big"}
   */
  endian?: "big" | "little";
  /**
   * Bytes before the length field, such as a magic number.
   *
   * @default {0}
   */
  offset?: number;
  /**
   * What to add to the number in the field to get the number of bytes after the field: negative where the number counts
   * the header, too; positive where more header bytes follow that it does not count. The same as Netty's
   * `lengthAdjustment`, and as tokio's `length_adjustment` unless `num_skip` is set there: tokio counts from the end of
   * what it skips.
   *
   * @default {0}
   */
  adjust?: number;
  /**
   * Bytes to remove from the front of a received frame. Left out, everything up to the end of the length field is
   * removed and the message is the body; 0 leaves the whole frame. With any other number than the default, the codec is
   * for receiving only.
   */
  strip?: number;
  /**
   * Longest body in bytes: the whole frame without `offset` and the length field. A longer one is refused as soon as
   * its length is read, before the body comes. `Infinity` is no bound.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
  /**
   * What happens to a received frame over the limit: `"fail"` ends the stream with a `FrameError`; `"skip"` throws its
   * bytes away as they come and gives a `MessageError`, after which the stream goes on.
   *
   * @default {"fail"}
   */
  onOversize?: "fail" | "skip";
}

const KEYS = ["bytes", "endian", "offset", "adjust", "strip", "maxFrameBytes", "onOversize"];
const WIDTHS: readonly unknown[] = [1, 2, 3, 4, 8];
const LARGEST_OFFSET = 65_535;

/**
 * A codec of bytes after a length field. Received messages are windows on the chunks that came: copy one before you
 * store it, because it keeps its whole chunk alive.
 *
 * To send with `offset` above 0, put the header in front: the message's first `offset` bytes go before the field.
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
  checkKeys("options", options, KEYS);
  const { bytes = 4, endian = "big", onOversize = "fail" } = options;
  if (bytes !== "varint" && !WIDTHS.includes(bytes)) throw invalidValue("bytes", '1, 2, 3, 4, 8 or "varint"', bytes);
  if (endian !== "big" && endian !== "little") throw invalidValue("endian", '"big" or "little"', endian);
  if (bytes === "varint" && options.endian !== undefined) {
    throw typeError(
      "ERR_INCOMPATIBLE_OPTION_PAIR",
      'Option "endian" is not for "varint" lengths: the order of their bytes is fixed',
    );
  }
  if (onOversize !== "fail" && onOversize !== "skip") throw invalidValue("onOversize", '"fail" or "skip"', onOversize);
  const width = bytes === "varint" ? 0 : bytes;
  const adjust = checkInteger("adjust", options.adjust, 0, -0x8000_0000, 0x7fff_ffff);
  const largest = largestLength(width) + adjust;
  if (largest < 0) {
    throw rangeError(
      `Option "adjust" must be at least ${-largestLength(width)} with "bytes" ${bytes}; it is ${adjust}`,
    );
  }
  const offset = checkInteger("offset", options.offset, 0, 0, LARGEST_OFFSET);
  const strip = checkInteger("strip", options.strip, -1, options.strip === undefined ? -1 : 0, Number.MAX_SAFE_INTEGER);
  return new LengthPrefixedCodec({
    bytes: width,
    little: endian === "little",
    offset,
    adjust,
    strip: width > 0 && strip === offset + width ? -1 : strip,
    // More than the field can say is no limit, but no reason to write lengths that do not fit either.
    maxFrameBytes: Math.min(checkBound("maxFrameBytes", options.maxFrameBytes, DEFAULT_MAX_FRAME_BYTES, 0), largest),
    skipsOversize: onOversize === "skip",
  });
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
  /** Whether a text can be written behind its length with nothing else around it. */
  readonly takesText: boolean;
  readonly #layout: LengthLayout;

  constructor(layout: LengthLayout) {
    this.#layout = layout;
    // A varint's width is known only when the text has been counted.
    this.takesText = layout.bytes > 0 && layout.offset === 0 && layout.adjust === 0 && layout.strip === -1;
  }

  decoder(): FrameDecoder<Uint8Array> {
    return new LengthPrefixedDecoder(this.#layout);
  }

  encode(message: Uint8Array): Uint8Array<ArrayBuffer> {
    const frame = new Uint8Array(this.#frameBytes(message));
    this.#write(message, frame, 0);
    return frame;
  }

  encodeInto(message: Uint8Array, sink: ByteSink): void {
    const frameBytes = this.#frameBytes(message);
    const buffer = sink.reserve(frameBytes);
    this.#write(message, buffer, sink.at);
    sink.commit(frameBytes);
  }

  /** The frame of a text in UTF-8, written where it will be sent from. Only if {@link takesText}. */
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

  /** Checks a message and gives the size of its frame. */
  #frameBytes(message: Uint8Array): number {
    const { offset, adjust, strip, maxFrameBytes } = this.#layout;
    if (strip >= 0) {
      throw typeError(
        "ERR_METHOD_NOT_IMPLEMENTED",
        `Cannot send frame: with the option "strip" (${strip}) the codec is for receiving only`,
      );
    }
    if (!(message instanceof Uint8Array)) throw invalid("message", "a Uint8Array", message);
    const bodyBytes = message.length - offset;
    if (bodyBytes > maxFrameBytes) throw tooLarge("send", bodyBytes, maxFrameBytes);
    if (bodyBytes < Math.max(0, adjust)) {
      throw rangeError(
        `Cannot send frame: the message must have at least ${offset + Math.max(0, adjust)} bytes ` +
          `("offset" ${offset}, "adjust" ${adjust}); it has ${message.length}`,
      );
    }
    return message.length + fieldBytes(bodyBytes - adjust, this.#layout);
  }

  #write(message: Uint8Array, buffer: Uint8Array, at: number): void {
    const { offset, adjust } = this.#layout;
    const field = at + offset;
    const body = field + writeLength(buffer, field, message.length - offset - adjust, this.#layout);
    if (offset === 0) return buffer.set(message, body);
    buffer.set(message.subarray(0, offset), at);
    buffer.set(message.subarray(offset), body);
  }
}
