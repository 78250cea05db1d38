/** The receiving half of `lengthPrefixed`. */

import { FrameError, MessageError } from "../base/errors.ts";
import { LARGEST_LAST_GROUP, type LengthLayout, LONGEST_VARINT_BYTES, readFixed } from "./length_field.ts";
import { QueuedDecoder, tooLarge, tooLargeText } from "./queued_decoder.ts";

/** Cuts frames by the length in front of them. A frame that lies in one chunk is a window on it. */
export class LengthPrefixedDecoder extends QueuedDecoder<Uint8Array> {
  readonly #layout: LengthLayout;
  // Of the frame whose header was read last: the bytes behind the length field.
  #bodyBytes = 0;
  // What is left to come of an oversize frame that is thrown away.
  #skipBytes = 0;

  constructor(layout: LengthLayout) {
    super();
    this.#layout = layout;
  }

  override push(chunk: Uint8Array): void {
    super.push(chunk);
    if (this.#skipBytes > 0) this.#skipBytes -= this.queue.skip(this.#skipBytes);
  }

  next(): Uint8Array | undefined {
    if (this.failure !== undefined) throw this.failure;
    const { queue } = this;
    const headerBytes = queue.stashed === 0 ? this.#findInChunk() : this.#gatherFrame();
    if (headerBytes < 0) return undefined;
    return queue.take(headerBytes + this.#bodyBytes, this.#strip(headerBytes));
  }

  /** Whether the next frame begins in the chunk pushed last; then {@link nextInChunk} may be asked. */
  get inChunk(): boolean {
    return this.queue.stashed === 0 && this.failure === undefined;
  }

  /** Where the last {@link nextInChunk} ended in the chunk. */
  get endInChunk(): number {
    return this.queue.at;
  }

  /** As `next()`, but makes no window: gives where in the chunk the message begins, or -1 if it is not all there. */
  nextInChunk(): number {
    const headerBytes = this.#findInChunk();
    if (headerBytes < 0) return -1;
    const { queue } = this;
    const at = queue.at + this.#strip(headerBytes);
    queue.at += headerBytes + this.#bodyBytes;
    return at;
  }

  /** The bytes to take off the front of a frame. */
  #strip(headerBytes: number): number {
    const { strip } = this.#layout;
    return strip < 0 ? headerBytes : strip;
  }

  /** Looks whether a whole frame begins the chunk, and gives the size of its header, or -1. */
  #findInChunk(): number {
    const { queue } = this;
    const headerBytes = this.#readHeader(queue.chunk, queue.at, queue.end);
    if (headerBytes >= 0 && queue.at + headerBytes + this.#bodyBytes <= queue.end) return headerBytes;
    queue.release();
    return -1;
  }

  /** The same with the stash, into which it is gathered. */
  #gatherFrame(): number {
    const headerBytes = this.#gatherHeader();
    return headerBytes >= 0 && this.queue.gather(headerBytes + this.#bodyBytes) ? headerBytes : -1;
  }

  override end(): void {
    if (this.failure !== undefined || this.#skipBytes === 0) return super.end();
    throw this.fail(
      new FrameError(
        `Cannot read frame: the stream ended ${this.#skipBytes} bytes before the end of a frame that is being skipped`,
        {
          code: "ERR_FRAME_TRUNCATED",
        },
      ),
    );
  }

  override takeRest(): Uint8Array {
    return this.takeUnless(this.#skipBytes > 0);
  }

  /** The header out of the stash, which grows as far as the header needs it. */
  #gatherHeader(): number {
    const { queue } = this;
    const { offset, bytes } = this.#layout;
    // Of a varint only its first byte is sure to be there.
    for (let atLeast = offset + Math.max(1, bytes); queue.gather(atLeast); atLeast = queue.stashed + 1) {
      const headerBytes = this.#readHeader(queue.stashBytes, 0, queue.stashed);
      if (headerBytes >= 0) return headerBytes;
    }
    return -1;
  }

  /** Reads the header at `at` and gives its size, or -1 if it is not all there. */
  #readHeader(buffer: Uint8Array, at: number, end: number): number {
    const { offset, bytes, adjust } = this.#layout;
    const field = at + offset;
    if (bytes === 0) return this.#readVarint(buffer, field, end);
    if (field + bytes > end) return -1;
    const headerBytes = offset + bytes;
    this.#checkBody(readFixed(buffer, field, this.#layout) + adjust, headerBytes);
    return headerBytes;
  }

  #readVarint(buffer: Uint8Array, field: number, end: number): number {
    const { offset, adjust } = this.#layout;
    let length = 0;
    for (let i = 0; field + i < end; i++) {
      const byte = buffer[field + i]!; // below end
      if (i === LONGEST_VARINT_BYTES - 1 && byte > LARGEST_LAST_GROUP) {
        throw this.malformed(`its length is a varint of more than ${LONGEST_VARINT_BYTES} bytes or 64 bits`);
      }
      length += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        this.#checkBody(length + adjust, offset + i + 1);
        return offset + i + 1;
      }
    }
    return -1;
  }

  /** Notes the size of the body, or refuses it. */
  #checkBody(bodyBytes: number, headerBytes: number): void {
    const { maxFrameBytes, strip, adjust } = this.#layout;
    if (bodyBytes < 0) {
      throw this.malformed(`its length says ${bodyBytes - adjust}, which with "adjust" ${adjust} is a negative length`);
    }
    if (bodyBytes > maxFrameBytes) this.#refuseOversize(bodyBytes, headerBytes);
    if (strip > headerBytes + bodyBytes) {
      throw this.malformed(`it has ${headerBytes + bodyBytes} bytes, fewer than the ${strip} of "strip"`);
    }
    this.#bodyBytes = bodyBytes;
  }

  #refuseOversize(bodyBytes: number, headerBytes: number): never {
    const { maxFrameBytes, skipsOversize } = this.#layout;
    // Beyond 2^53 the bytes cannot be counted, so there is no telling where the next frame begins.
    if (!skipsOversize || !Number.isSafeInteger(headerBytes + bodyBytes)) {
      throw this.fail(tooLarge("read", bodyBytes, maxFrameBytes));
    }
    this.#skipBytes = headerBytes + bodyBytes;
    this.#skipBytes -= this.queue.skip(this.#skipBytes);
    throw new MessageError(tooLargeText("read", bodyBytes, maxFrameBytes), {
      code: "ERR_FRAME_TOO_LARGE",
      frameBytes: bodyBytes,
      maxFrameBytes,
    });
  }
}
