/**
 * Frames that end with a delimiter. With `{ delimiters: ["\r\n\r\n"] }` the message `hi` is on the wire
 *
 *     68 69  0d 0a 0d 0a
 *     body   delimiter
 *
 * @module
 */

import { typeError } from "../base/argument_errors.ts";
import { checkBound, checkKeys, invalid, invalidValue } from "../base/check.ts";
import { MessageError } from "../base/errors.ts";
import type { Codec, FrameDecoder } from "./codec.ts";
import { DelimiterSearch, DelimiterTable, type Found } from "./delimiter_search.ts";
import { DEFAULT_MAX_FRAME_BYTES, QueuedDecoder, tooLarge } from "./queued_decoder.ts";

/** What ends a frame and how large it may be. */
export interface DelimitedOptions {
  /**
   * The delimiters, at least one; a string stands for its UTF-8. The earliest one in the stream ends the frame; of
   * several that begin at the same byte, the longest. The first one of the array is sent.
   */
  delimiters: readonly (string | Uint8Array)[];
  /**
   * Longest message in bytes, without its delimiter. A longer one is one `MessageError` (`ERR_FRAME_TOO_LARGE`); its
   * bytes are thrown away as they come and the stream goes on after its delimiter.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

/**
 * A codec of bytes up to a delimiter, which is not part of the message. A stream that ends without one ends inside a
 * frame (`ERR_FRAME_TRUNCATED`). A message to send that has a delimiter in it is refused with a TypeError. Received
 * messages are windows on the chunks that came: copy one before you store it.
 *
 * The work is one look at each byte, also for delimiters that overlap themselves.
 *
 * @throws {TypeError | RangeError} For options that are unknown or out of range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { delimited } from "@verb/tcp/framing";
 *
 * const decoder = delimited({ delimiters: [";", ";;"] }).decoder();
 * decoder.push(new TextEncoder().encode("a;;b;c"));
 * assertEquals(decoder.next(), new TextEncoder().encode("a"));
 * assertEquals(decoder.next(), new TextEncoder().encode("b"));
 * assertEquals(decoder.bufferedBytes, 1);
 * ```
 */
export function delimited(options: DelimitedOptions): Codec<Uint8Array> {
  if (options === undefined) throw invalid("options", "an object with delimiters", options);
  checkKeys("options", options, ["delimiters", "maxFrameBytes"]);
  const delimiters = bytesOf(options.delimiters);
  const maxFrameBytes = checkBound("maxFrameBytes", options.maxFrameBytes, DEFAULT_MAX_FRAME_BYTES, 0);
  return new DelimitedCodec(delimiters, maxFrameBytes);
}

/** Checks and copies, so that later changes of the caller's arrays change nothing. */
function bytesOf(delimiters: unknown): Uint8Array[] {
  const rule = "an array with at least one delimiter";
  if (!Array.isArray(delimiters)) throw invalid("delimiters", rule, delimiters);
  if (delimiters.length === 0) throw invalidValue("delimiters", rule, delimiters);
  return Array.from(delimiters, (delimiter: unknown, i) => {
    const bytes = typeof delimiter === "string" ? new TextEncoder().encode(delimiter) : delimiter;
    const rule = "a string or Uint8Array that is not empty";
    if (!(bytes instanceof Uint8Array)) throw invalid(`delimiters[${i}]`, rule, delimiter);
    if (bytes.length === 0) throw invalidValue(`delimiters[${i}]`, rule, delimiter);
    return new Uint8Array(bytes);
  });
}

class DelimitedCodec implements Codec<Uint8Array> {
  readonly #delimiters: readonly Uint8Array[];
  readonly #table: DelimiterTable;
  // For what is sent: one for all messages.
  readonly #search: DelimiterSearch;
  readonly #maxFrameBytes: number;

  constructor(delimiters: readonly Uint8Array[], maxFrameBytes: number) {
    this.#delimiters = delimiters;
    this.#table = new DelimiterTable(delimiters);
    this.#search = new DelimiterSearch(this.#table);
    this.#maxFrameBytes = maxFrameBytes;
  }

  decoder(): FrameDecoder<Uint8Array> {
    return new DelimitedDecoder(this.#table, this.#maxFrameBytes);
  }

  encode(message: Uint8Array): Uint8Array<ArrayBuffer> {
    if (!(message instanceof Uint8Array)) throw invalid("message", "a Uint8Array", message);
    if (message.length > this.#maxFrameBytes) throw tooLarge("send", message.length, this.#maxFrameBytes);
    const delimiter = this.#delimiters[0]!; // there is at least one
    const frame = new Uint8Array(message.length + delimiter.length);
    frame.set(message);
    frame.set(delimiter, message.length);
    this.#checkSendable(frame, delimiter);
    return frame;
  }

  /**
   * Scans the delimiter of the frame in front, too, because the two may make a longer one. And nothing that begins inside
   * the message may still hang on what comes behind.
   */
  #checkSendable(frame: Uint8Array, delimiter: Uint8Array): void {
    const search = this.#search;
    search.reset();
    const { length } = delimiter;
    const end = frame.length; // of the message, counted from the delimiter in front
    let inFront: Found | undefined;
    for (const piece of [delimiter, frame]) {
      for (let at = 0; at < piece.length && search.found.length === 0;) {
        at = search.scan(piece, at, piece.length);
        inFront ??= search.found.shift();
      }
    }
    const waiting = search.found.length === 0 && search.settled < end;
    search.end();
    inFront ??= search.found.shift();
    const found = search.found[0];
    if (inFront?.bytes === length && found !== undefined && found.at < end) {
      throw typeError(
        "ERR_INVALID_ARG_VALUE",
        `Cannot send frame: the message has a delimiter in it, at byte ${found.at - length}`,
      );
    }
    if (waiting || inFront?.bytes !== length) {
      throw typeError(
        "ERR_INVALID_ARG_VALUE",
        "Cannot send frame: the message and the delimiter next to it would form another delimiter",
      );
    }
  }
}

class DelimitedDecoder extends QueuedDecoder<Uint8Array> {
  readonly #maxFrameBytes: number;
  readonly #search: DelimiterSearch;
  // Where the first byte of the queue stands, counted as the search counts.
  #front = 0;
  // The frame is over the limit: what comes of it is thrown away.
  #skipping = false;
  #ended = false;
  // How many of those that the search has found are taken: to take them out of an array would be quadratic.
  #found = 0;

  constructor(table: DelimiterTable, maxFrameBytes: number) {
    super();
    this.#maxFrameBytes = maxFrameBytes;
    this.#search = new DelimiterSearch(table);
    this.queue.mostBytes = maxFrameBytes + table.longestBytes;
  }

  next(): Uint8Array | undefined {
    if (this.failure !== undefined) throw this.failure;
    const { queue } = this;
    const search = this.#search;
    for (;;) {
      if (search.found.length === 0) this.#scan();
      const found = this.#takeFound();
      const contentBytes = (found?.at ?? search.settled) - this.#front;
      if (this.#skipping) this.#skip(contentBytes);
      else if (contentBytes > this.#maxFrameBytes) {
        this.#skip(contentBytes);
        if (found === undefined) this.#skipping = true;
        else this.#skip(found.bytes);
        throw this.#oversize();
      }
      if (found === undefined) {
        if (this.#ended) this.#checkWhole();
        queue.release();
        return undefined;
      }
      const message = this.#skipping ? undefined : queue.take(contentBytes);
      if (message !== undefined) this.#front += contentBytes;
      this.#skip(found.bytes);
      this.#skipping = false;
      if (message !== undefined) return message;
    }
  }

  override end(): void {
    if (this.failure !== undefined) throw this.failure;
    this.#ended = true;
    if (this.#search.found.length === 0) this.#scan();
    if (this.#search.found.length === 0) this.#checkWhole(); // else that comes first
  }

  override takeRest(): Uint8Array {
    this.#search.reset();
    this.#front = 0;
    this.#found = 0;
    this.#ended = false;
    return this.takeUnless(this.#skipping);
  }

  #takeFound(): Found | undefined {
    const { found } = this.#search;
    const next = found[this.#found++];
    if (this.#found >= found.length) found.length = this.#found = 0;
    return next;
  }

  /** No more bytes will come: nothing may be left of a frame. */
  #checkWhole(): void {
    if (this.#skipping || this.queue.length > 0) throw this.truncated();
  }

  /** Scans what was not scanned yet, up to the next delimiter. */
  #scan(): void {
    const { queue } = this;
    const search = this.#search;
    const scanned = search.position - this.#front;
    if (scanned < queue.stashed) search.scan(queue.stashBytes, scanned, queue.stashed);
    if (search.found.length > 0) return;
    const at = queue.at + search.position - this.#front - queue.stashed;
    search.scan(queue.chunk, at, queue.end);
    // A delimiter that might have become a longer one is one now.
    if (this.#ended && search.found.length === 0) search.end();
  }

  #skip(bytes: number): void {
    this.queue.skip(bytes);
    this.#front += bytes;
  }

  #oversize(): MessageError {
    const maxFrameBytes = this.#maxFrameBytes;
    return new MessageError(`Cannot read frame: it has more than ${maxFrameBytes} bytes in front of its delimiter`, {
      code: "ERR_FRAME_TOO_LARGE",
      maxFrameBytes,
    });
  }
}
