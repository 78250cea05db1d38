/** A codec as web streams: what `pipeThrough` takes. The only file of framing that knows streams. */

import { checkFunction, checkKeys, invalid } from "../base/check.ts";
import { MessageError } from "../base/errors.ts";
import { BAD_MESSAGES_A_TURN, nextTurn } from "./bad_messages.ts";
import { checkCodec } from "./check_codec.ts";
import type { Codec, FrameDecoder } from "./codec.ts";

/** Options of a {@link FrameDecoderStream}. */
export interface FrameDecoderStreamOptions {
  /** Called for each bad message; the stream goes on. Without it a bad message ends the stream with its error. */
  onInvalid?: (error: MessageError) => void;
}

/** None: whoever asks for no more works on the message that it has, and a server that closes waits for that. */
const READ_AHEAD_MESSAGES = 0;

/**
 * Decodes bytes into messages: a pair of streams for `pipeThrough`. It decodes when it is read, no
 * message ahead; a chunk is taken when the one before is used up. An end of input inside a frame is an error
 * (`ERR_FRAME_TRUNCATED`). Every message before an error can be read before the error comes; a TransformStream would
 * drop them.
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
export class FrameDecoderStream<T> implements TransformStream<Uint8Array, T> {
  /** The messages. */
  readonly readable: ReadableStream<T>;
  /** The bytes. */
  readonly writable: WritableStream<Uint8Array>;

  /** Makes a pair for one sequence of bytes. */
  constructor(codec: Pick<Codec<never, T>, "decoder">, options: FrameDecoderStreamOptions = {}) {
    checkKeys("options", options, ["onInvalid"]);
    if (options.onInvalid !== undefined) checkFunction("onInvalid", options.onInvalid);
    checkCodec("codec", codec);
    const pump = new DecoderPump<T>(codec.decoder(), options.onInvalid);
    this.readable = new ReadableStream<T>({
      start: (controller) => void (pump.reader = controller),
      pull: () => pump.pull(),
      cancel: (reason) => pump.cancel(reason),
    }, { highWaterMark: READ_AHEAD_MESSAGES });
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => void (pump.writer = controller),
      write: (chunk) => pump.write(chunk),
      close: () => pump.close(),
      abort: (reason) => pump.reader?.error(reason),
    });
  }
}

/** Between the two streams: holds one decoder and at most one chunk that is not used up. */
class DecoderPump<T> {
  reader: ReadableStreamDefaultController<T> | undefined;
  writer: WritableStreamDefaultController | undefined;
  readonly #decoder: FrameDecoder<T>;
  readonly #onInvalid: ((error: MessageError) => void) | undefined;
  #chunk: PromiseWithResolvers<void> | undefined;
  #wanted: PromiseWithResolvers<void> | undefined;
  #closing = false;
  // The decoder has been told.
  #ended = false;
  #failed = false;
  #cancelled = false;
  // Others have their turn, see BAD_MESSAGES_A_TURN.
  #resting = false;
  #bad = 0;
  #failure: unknown;

  constructor(decoder: FrameDecoder<T>, onInvalid: ((error: MessageError) => void) | undefined) {
    this.#decoder = decoder;
    this.#onInvalid = onInvalid;
  }

  /** The reader wants more: gives what there is, or waits for a chunk. */
  pull(): Promise<void> | undefined {
    if (this.#advance()) return undefined;
    this.#wanted = Promise.withResolvers();
    return this.#wanted.promise;
  }

  /** Done when the chunk is used up. */
  write(chunk: Uint8Array): Promise<void> {
    try {
      if (!(chunk instanceof Uint8Array)) throw invalid("chunk", "a Uint8Array", chunk);
      this.#decoder.push(chunk);
    } catch (error) {
      this.#failWith(error);
    }
    return this.#whenUsed();
  }

  close(): Promise<void> {
    this.#closing = true;
    return this.#whenUsed();
  }

  #whenUsed(): Promise<void> {
    const { promise } = this.#chunk = Promise.withResolvers<void>();
    promise.catch(() => {}); // it may be rejected before it is given back
    this.#deliver();
    return promise;
  }

  /** The reader is gone: so is the use of writing. */
  cancel(reason: unknown): void {
    this.#cancelled = true;
    this.writer?.error(reason);
    this.#chunk?.reject(reason);
  }

  #deliver(): void {
    if (this.#wanted === undefined || !this.#advance()) return;
    const wanted = this.#wanted;
    this.#wanted = undefined;
    wanted.resolve();
  }

  /** Gives the reader one message. False: nothing came and more bytes are needed. */
  #advance(): boolean {
    const reader = this.reader!; // set when the stream was made, before anybody can pull
    if (!this.#failed && !this.#cancelled && !this.#resting) {
      const message = this.#next();
      if (message !== undefined && !this.#cancelled) {
        reader.enqueue(message);
        return true;
      }
    }
    if (this.#cancelled) return true;
    if (this.#resting) return false;
    if (this.#failed) {
      this.#fail(reader); // what was decoded before has been read
      return true;
    }
    const chunk = this.#chunk;
    this.#chunk = undefined;
    if (!this.#closing) {
      chunk?.resolve();
      return false;
    }
    reader.close();
    chunk?.resolve();
    return true;
  }

  /** The next message; a failure is kept for when its turn comes. */
  #next(): T | undefined {
    try {
      for (;;) {
        try {
          const message = this.#decoder.next();
          if (message !== undefined || !this.#closing || this.#ended) return message;
          this.#ended = true;
          this.#decoder.end();
          return this.#decoder.next(); // the end may have completed a last one
        } catch (error) {
          if (!(error instanceof MessageError) || this.#onInvalid === undefined) throw error;
          this.#onInvalid(error);
          if (++this.#bad % BAD_MESSAGES_A_TURN === 0) return this.#rest();
          if (this.#cancelled) return undefined;
        }
      }
    } catch (error) {
      this.#failWith(error);
      return undefined;
    }
  }

  #rest(): undefined {
    this.#resting = true;
    nextTurn(() => {
      this.#resting = false;
      this.#deliver();
    });
  }

  #failWith(failure: unknown): void {
    this.#failed = true;
    this.#failure = failure;
  }

  #fail(reader: ReadableStreamDefaultController<T>): void {
    reader.error(this.#failure);
    this.writer?.error(this.#failure);
    this.#chunk?.reject(this.#failure);
  }
}

/** Encodes messages into bytes, one chunk for each: a pair of streams for `pipeThrough`. */
export class FrameEncoderStream<T> extends TransformStream<T, Uint8Array<ArrayBuffer>> {
  /** Makes a stream for one sequence of messages. */
  constructor(codec: Codec<T, unknown>) {
    checkCodec("codec", codec, "encode");
    super({
      transform(message, controller) {
        controller.enqueue(codec.encode(message));
      },
    });
  }
}
