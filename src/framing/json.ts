/**
 * JSON in frames. Over the default framing the message `{"a":1}` is on the wire
 *
 *     00 00 00 07  7b 22 61 22 3a 31 7d
 *     length       { " a " : 1 }
 *
 * @module
 */

import { checkKeys } from "../base/check.ts";
import { MessageError } from "../base/errors.ts";
import type { ByteSink } from "./byte_sink.ts";
import type { Codec, FrameDecoder } from "./codec.ts";
import { lengthPrefixed, LengthPrefixedCodec } from "./length_prefixed.ts";

/** What lies around the text. */
export interface JsonOptions {
  /** The framing below; `lengthPrefixed()` where left out. Its `maxFrameBytes` bounds the text. */
  framing?: Codec<Uint8Array>;
}

/**
 * JSON values over any framing. A frame that is no JSON is a `MessageError` (`ERR_MESSAGE_INVALID`) and the stream goes
 * on behind it. What JSON cannot say (`undefined`, a function, a cycle, a BigInt) is refused with a TypeError before a
 * byte is sent. Text is UTF-8 (RFC 8259); bytes that are not are read as U+FFFD.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { json } from "@verb/tcp/framing";
 *
 * const codec = json<{ type: string }>();
 * const decoder = codec.decoder();
 * decoder.push(codec.encode({ type: "ping" }));
 * assertEquals(decoder.next(), { type: "ping" });
 * ```
 */
export function json<T = unknown>(options: JsonOptions = {}): Codec<T> {
  checkKeys("options", options, ["framing"]);
  return new JsonCodec<T>(options.framing ?? lengthPrefixed());
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
// Texts shorter than this are cut out of the text of their whole chunk: one call to the runtime for all of them.
const SMALL_TEXT_BYTES = 128;

class JsonCodec<T> implements Codec<T> {
  readonly #framing: Codec<Uint8Array>;

  constructor(framing: Codec<Uint8Array>) {
    this.#framing = framing;
  }

  decoder(): FrameDecoder<T> {
    // Only of our own framing is it known that frames are untouched windows on the chunk.
    return new JsonDecoder<T>(this.#framing.decoder(), this.#framing instanceof LengthPrefixedCodec);
  }

  encode(message: T): Uint8Array<ArrayBuffer> {
    return this.#framing.encode(encoder.encode(textOf(message)));
  }

  encodeInto(message: T, sink: ByteSink): void {
    const text = textOf(message);
    if (this.#framing instanceof LengthPrefixedCodec) return this.#framing.encodeTextInto(text, sink);
    const frame = this.#framing.encode(encoder.encode(text));
    sink.reserve(frame.length).set(frame, sink.at);
    sink.commit(frame.length);
  }
}

function textOf(message: unknown): string {
  const text: string | undefined = JSON.stringify(message); // throws a TypeError for cycles and BigInts
  if (text === undefined) throw new TypeError(`Cannot send message: JSON has no value for ${typeof message}`);
  return text;
}

const NO_CHUNK = new Uint8Array(0);

class JsonDecoder<T> implements FrameDecoder<T> {
  readonly #framing: FrameDecoder<Uint8Array>;
  // The chunk pushed last, and its text where one character stands for one byte; "" where not looked at or not so.
  #chunk = NO_CHUNK;
  #text = "";
  #looked = false;

  readonly #hasWindows: boolean;

  constructor(framing: FrameDecoder<Uint8Array>, hasWindows: boolean) {
    this.#framing = framing;
    this.#hasWindows = hasWindows;
  }

  get bufferedBytes(): number {
    return this.#framing.bufferedBytes;
  }

  push(chunk: Uint8Array<ArrayBuffer>): void {
    this.#chunk = chunk;
    this.#text = "";
    this.#looked = false;
    this.#framing.push(chunk);
  }

  next(): T | undefined {
    const frame = this.#framing.next();
    if (frame === undefined) {
      this.#forgetChunk();
      return undefined;
    }
    try {
      return JSON.parse(this.#textOf(frame));
    } catch (cause) {
      throw new MessageError(`Cannot read message: ${frame.length} bytes that are no JSON`, {
        code: "ERR_MESSAGE_INVALID",
        frameBytes: frame.length,
        cause,
      });
    }
  }

  end(): void {
    this.#framing.end();
  }

  takeRest(): Uint8Array {
    return this.#framing.takeRest();
  }

  /** A connection that is quiet now must not keep its last chunk and the text of it. */
  #forgetChunk(): void {
    this.#chunk = NO_CHUNK;
    this.#text = "";
    this.#looked = false;
  }

  #textOf(frame: Uint8Array): string {
    const chunk = this.#chunk;
    if (!this.#hasWindows || frame.length >= SMALL_TEXT_BYTES || frame.buffer !== chunk.buffer) {
      return decoder.decode(frame);
    }
    const at = frame.byteOffset - chunk.byteOffset;
    if (!this.#looked) {
      this.#looked = true;
      const text = decoder.decode(chunk);
      // Every valid sequence of several bytes makes the text shorter than the bytes. Of the same length, each byte has
      // its own character: itself, or U+FFFD, which is what a byte that is no UTF-8 becomes by itself, too.
      if (text.length === chunk.length) this.#text = text;
    }
    return this.#text === "" ? decoder.decode(frame) : this.#text.substring(at, at + frame.length);
  }
}
