/** A codec as web streams: what `pipeThrough` takes. The only file of framing that knows streams. */

import { MessageError } from "../base/errors.ts";
import type { Codec } from "./codec.ts";

/** How a {@link FrameDecoderStream} deals with bad messages. */
export interface FrameDecoderStreamOptions {
  /** Called for each bad message; the stream goes on. Without it a bad message ends the stream with its error. */
  onInvalid?: (error: MessageError) => void;
}

/**
 * Bytes to messages. It decodes what one read brought at a time, so it may run ahead of its reader by the messages of
 * one chunk. An end of input inside a frame is an error (`ERR_FRAME_TRUNCATED`).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FrameDecoderStream, FrameEncoderStream, json } from "@verb/tcp/framing";
 *
 * const messages = ReadableStream.from([{ n: 1 }, { n: 2 }])
 *   .pipeThrough(new FrameEncoderStream(json()))
 *   .pipeThrough(new FrameDecoderStream(json()));
 * assertEquals(await Array.fromAsync(messages), [{ n: 1 }, { n: 2 }]);
 * ```
 */
export class FrameDecoderStream<T> extends TransformStream<Uint8Array, T> {
  /** Makes a stream for one sequence of bytes. */
  constructor(codec: Codec<never, T>, options: FrameDecoderStreamOptions = {}) {
    const decoder = codec.decoder();
    super({
      transform(chunk, controller) {
        decoder.push(chunk);
        for (;;) {
          try {
            const message = decoder.next();
            if (message === undefined) return;
            controller.enqueue(message);
          } catch (error) {
            if (!(error instanceof MessageError) || options.onInvalid === undefined) throw error;
            options.onInvalid(error);
          }
        }
      },
      flush() {
        decoder.end();
      },
    });
  }
}

/** Messages to bytes, one chunk a message. */
export class FrameEncoderStream<T> extends TransformStream<T, Uint8Array<ArrayBuffer>> {
  /** Makes a stream for one sequence of messages. */
  constructor(codec: Codec<T, unknown>) {
    super({
      transform(message, controller) {
        controller.enqueue(codec.encode(message));
      },
    });
  }
}
