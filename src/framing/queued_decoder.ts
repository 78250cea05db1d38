/** What all our decoders have in common: bytes waiting, and a failure that stays. */

import { ByteQueue } from "../base/byte_queue.ts";
import { invalid } from "../base/check.ts";
import { FrameError } from "../base/errors.ts";
import type { FrameDecoder } from "./codec.ts";

/** The default of every `maxFrameBytes`: 1 MiB. */
export const DEFAULT_MAX_FRAME_BYTES = 1_048_576;

/** A decoder over a byte queue; a codec's own decoder says what `next()` makes of the bytes. */
export abstract class QueuedDecoder<T> implements FrameDecoder<T> {
  protected readonly queue: ByteQueue = new ByteQueue();
  /** Set once the stream cannot be understood any more; `next()` throws it ever after. */
  protected failure: FrameError | undefined;

  get bufferedBytes(): number {
    return this.queue.length;
  }

  push(chunk: Uint8Array): void {
    if (!(chunk instanceof Uint8Array)) throw invalid("chunk", "a Uint8Array", chunk);
    if (this.failure === undefined) this.queue.push(chunk);
  }

  abstract next(): T | undefined;

  end(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.queue.length > 0) throw this.truncated();
  }

  takeRest(): Uint8Array {
    return this.queue.takeAll();
  }

  /** As `takeRest`, unless what comes next is the tail of a frame that was refused: nobody must take that for his own. */
  protected takeUnless(skipping: boolean): Uint8Array {
    if (!skipping) return this.queue.takeAll();
    throw this.fail(
      new FrameError("Cannot hand over the rest: it begins inside a frame that is too large and being skipped", {
        code: "ERR_FRAME_TOO_LARGE",
      }),
    );
  }

  /** Ends the decoder, which holds nothing any more; gives the error to throw. */
  protected fail(failure: FrameError): FrameError {
    this.queue.clear();
    return this.failure = failure;
  }

  /** Ends the decoder because the stream ended inside a frame. */
  protected truncated(): FrameError {
    const { length } = this.queue;
    return this.fail(
      new FrameError(`Cannot read frame: the stream ended with ${length} bytes of an unfinished frame`, {
        code: "ERR_FRAME_TRUNCATED",
        frameBytes: length,
      }),
    );
  }

  /** Ends the decoder because no frame can look like this. */
  protected malformed(what: string): FrameError {
    return this.fail(new FrameError(`Cannot read frame: ${what}`, { code: "ERR_FRAME_MALFORMED" }));
  }
}

/** The error of a frame over the limit. */
export function tooLarge(verb: "send" | "read", frameBytes: number, maxFrameBytes: number): FrameError {
  return new FrameError(tooLargeText(verb, frameBytes, maxFrameBytes), {
    code: "ERR_FRAME_TOO_LARGE",
    frameBytes,
    maxFrameBytes,
  });
}

/** What that error says. */
export function tooLargeText(verb: "send" | "read", frameBytes: number, maxFrameBytes: number): string {
  return `Cannot ${verb} frame: it has ${frameBytes} bytes, at most ${maxFrameBytes} are allowed`;
}
