/**
 * Frames that all have the same length, with nothing around them. With `fixedLength(4)` the message `de ad be ef` is on
 * the wire
 *
 *     de ad be ef
 *     body
 *
 * @module
 */

import { rangeError } from "../base/argument_errors.ts";
import { checkInteger, invalid } from "../base/check.ts";
import type { Codec, FrameDecoder } from "./codec.ts";
import { QueuedDecoder } from "./queued_decoder.ts";

/**
 * A codec of frames of exactly `frameBytes` bytes (1 to 2^31 - 1). Received messages are windows on the chunks that
 * came: copy one before you store it.
 *
 * @throws {TypeError | RangeError} For a length that is out of range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { fixedLength } from "@verb/tcp/framing";
 *
 * const decoder = fixedLength(2).decoder();
 * decoder.push(new Uint8Array([1, 2, 3]));
 * assertEquals(decoder.next(), new Uint8Array([1, 2]));
 * assertEquals(decoder.bufferedBytes, 1);
 * ```
 */
export function fixedLength(frameBytes: number): Codec<Uint8Array> {
  if (frameBytes === undefined) throw invalid("frameBytes", "an integer from 1 on", frameBytes);
  const size = checkInteger("frameBytes", frameBytes, 0, 1, 0x7fff_ffff);
  return {
    decoder: (): FrameDecoder<Uint8Array> => new FixedLengthDecoder(size),
    encode(message) {
      if (!(message instanceof Uint8Array)) throw invalid("message", "a Uint8Array", message);
      if (message.length !== size) {
        throw rangeError(`Cannot send frame: it must have exactly ${size} bytes; it has ${message.length}`);
      }
      return new Uint8Array(message);
    },
  };
}

class FixedLengthDecoder extends QueuedDecoder<Uint8Array> {
  readonly #frameBytes: number;

  constructor(frameBytes: number) {
    super();
    this.#frameBytes = frameBytes;
  }

  next(): Uint8Array | undefined {
    if (this.failure !== undefined) throw this.failure;
    const { queue } = this;
    const size = this.#frameBytes;
    if (queue.stashed === 0 ? queue.end - queue.at >= size : queue.gather(size)) return queue.take(size);
    queue.release();
    return undefined;
  }
}
