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
import { checkCodec } from "./check_codec.ts";
import type { Codec, FrameDecoder } from "./codec.ts";
import { JSON_VALUE_KEYS, JsonText, jsonTextOf, type JsonValueOptions } from "./json_text.ts";
import { lengthPrefixed, LengthPrefixedCodec } from "./length_prefixed.ts";
import { LengthPrefixedDecoder } from "./length_prefixed_decoder.ts";
import type { StandardSchema } from "./standard_schema.ts";

/** The framing of JSON messages, and which values are accepted. */
export interface JsonOptions<In = unknown, Out = In> extends JsonValueOptions<In, Out> {
  /**
   * The codec of bytes that frames the text; `lengthPrefixed()` where left out. Its `maxFrameBytes` limits the text.
   * Over a framing whose received messages are not those that were sent (such as `lengthPrefixed` with `offset`) the
   * codec is for receiving only.
   */
  framing?: Codec<Uint8Array>;
}

/**
 * A codec of JSON values over any framing. A schema validates what is received, and gives the codec its types. A frame
 * that is not JSON, too deep or not valid is a `MessageError` (`ERR_MESSAGE_INVALID`), and the stream goes on after it.
 *
 * What JSON cannot express (`undefined`, a function, a cycle, a BigInt) is refused with a TypeError before a byte is
 * sent. Text is UTF-8 (RFC 8259); bytes that are not are read as U+FFFD. A byte order mark before the first text of a
 * stream is ignored; elsewhere it is not JSON. A `__proto__` in a message is a property like any other.
 *
 * @throws {TypeError | RangeError} For options that are unknown or out of range.
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
export function json<In, Out>(options: JsonOptions<In, Out> & { schema: StandardSchema<In, Out> }): Codec<In, Out>;
/** Without a schema. `In` is the type of what is sent, `Out` of what is received; they are not checked. */
export function json<In = unknown, Out = In>(options?: Omit<JsonOptions, "schema">): Codec<In, Out>;
export function json<In, Out>(options: JsonOptions<In, Out> = {}): Codec<In, Out> {
  checkKeys("options", options, ["framing", ...JSON_VALUE_KEYS]);
  const { framing = lengthPrefixed() } = options;
  checkCodec("framing", framing);
  return new JsonCodec<In, Out>(framing, new JsonText(options));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
// Texts shorter than this are cut out of the text of their whole chunk: one call to the runtime for all of them.
const SMALL_TEXT_BYTES = 128;
const BYTE_ORDER_MARK = 0xfeff;

class JsonCodec<In, Out> implements Codec<In, Out> {
  readonly copiesMessages: boolean;
  readonly #framing: Codec<Uint8Array>;
  readonly #text: JsonText<Out>;

  constructor(framing: Codec<Uint8Array>, text: JsonText<Out>) {
    this.#framing = framing;
    this.#text = text;
    // Of a framing of the user's own it is not known when its decoders let go of a chunk.
    this.copiesMessages = framing instanceof LengthPrefixedCodec || framing.copiesMessages === true;
  }

  decoder(): FrameDecoder<Out> {
    // Only of our own framing is it known that frames are untouched windows on the chunk.
    return new JsonDecoder(this.#framing.decoder(), this.#text, this.#framing instanceof LengthPrefixedCodec, false);
  }

  encode(message: In): Uint8Array<ArrayBuffer> {
    return this.#framing.encode(encoder.encode(jsonTextOf(message)));
  }

  encodeInto(message: In, sink: ByteSink): void {
    const text = jsonTextOf(message);
    const framing = this.#framing;
    if (framing instanceof LengthPrefixedCodec && framing.takesText) return framing.encodeTextInto(text, sink);
    const frame = framing.encode(encoder.encode(text));
    sink.reserve(frame.length).set(frame, sink.at);
    sink.commit(frame.length);
  }
}

const NO_CHUNK = new Uint8Array(0);

/** Values out of frames of text. */
export class JsonDecoder<Out> implements FrameDecoder<Out> {
  readonly #framing: FrameDecoder<Uint8Array>;
  // The same, if it can tell where frames stand in the chunk.
  readonly #finder: LengthPrefixedDecoder | undefined;
  readonly #reader: JsonText<Out>;
  readonly #hasWindows: boolean;
  readonly #skipsBlank: boolean;
  // The chunk pushed last, and its text where one character stands for one byte; "" where not looked at or not so.
  #chunk = NO_CHUNK;
  #text = "";
  #looked = false;
  // Of the text that was read last.
  #frameBytes = 0;
  // Neither the first text of the stream nor a byte order mark has come yet.
  #isFirst = true;

  /** `hasWindows`: the frames of `framing` are untouched windows on the chunks. */
  constructor(framing: FrameDecoder<Uint8Array>, reader: JsonText<Out>, hasWindows: boolean, skipsBlank: boolean) {
    this.#framing = framing;
    this.#finder = framing instanceof LengthPrefixedDecoder ? framing : undefined;
    this.#reader = reader;
    this.#hasWindows = hasWindows;
    this.#skipsBlank = skipsBlank;
  }

  get bufferedBytes(): number {
    return this.#framing.bufferedBytes;
  }

  push(chunk: Uint8Array<ArrayBuffer>): void {
    this.#framing.push(chunk);
    if (this.#framing.bufferedBytes === 0) return; // it is dead, or skips
    this.#chunk = chunk;
    this.#text = "";
    this.#looked = false;
  }

  next(): Out | undefined {
    for (;;) {
      const text = this.#isFirst ? this.#firstText() : this.#nextText();
      if (text === undefined) {
        this.#forgetChunk();
        return undefined;
      }
      if (this.#skipsBlank && isBlank(text)) continue;
      return this.#reader.read(text, this.#frameBytes);
    }
  }

  /** The next text as long as none has come: without the byte order mark. */
  #firstText(): string | undefined {
    const text = this.#nextText();
    if (text?.charCodeAt(0) === BYTE_ORDER_MARK) {
      this.#isFirst = false;
      return text.substring(1);
    }
    this.#isFirst &&= text === undefined || this.#skipsBlank && isBlank(text);
    return text;
  }

  #nextText(): string | undefined {
    try {
      const finder = this.#finder;
      if (this.#text !== "" && finder?.inChunk === true) {
        const at = finder.nextInChunk();
        if (at < 0) return undefined;
        const end = finder.endInChunk;
        this.#frameBytes = end - at;
        return this.#text.substring(at, end);
      }
      const frame = this.#framing.next();
      if (frame === undefined) return undefined;
      this.#frameBytes = frame.length;
      return this.#textOf(frame);
    } catch (error) {
      this.#isFirst = false;
      if (!(error instanceof MessageError)) this.#forgetChunk(); // there will be no more
      throw error;
    }
  }

  end(): void {
    this.#framing.end();
  }

  takeRest(): Uint8Array {
    this.#forgetChunk();
    this.#isFirst = true;
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

function isBlank(text: string): boolean {
  return text === "" || text.charCodeAt(0) <= 0x20 && /^[ \t\r]*$/.test(text);
}
