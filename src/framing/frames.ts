/** A codec as an async iteration: one frame per pull. */

import { checkFunction, checkKeys, invalid } from "../base/check.ts";
import { MessageError } from "../base/errors.ts";
import { KEEPS, type KeptSource } from "../base/keeping.ts";
import { BAD_MESSAGES_A_TURN, nextTurn } from "./bad_messages.ts";
import { checkCodec } from "./check_codec.ts";
import type { Codec, FrameDecoder } from "./codec.ts";

/** Where bytes come from: a stream, a socket, a file, anything that iterates over chunks. */
export type FrameSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** Options of {@link frames}. */
export interface FrameReadOptions {
  /** Called for each bad message; the iteration goes on. Without it a bad message ends the iteration with its error. */
  onInvalid?: (error: MessageError) => void;
}

/**
 * Iterates over the messages in a source of bytes. A message is decoded when it is asked for and a chunk is taken when
 * the one before is used up, so a slow loop holds the source back. A source that ends inside a frame is an error
 * (`ERR_FRAME_TRUNCATED`).
 *
 * However the loop is left, early or by an error, the source is cancelled: a stream by `cancel()`, an iteration by its
 * `return()` (which destroys a socket).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { frames, lines } from "@verb/tcp/framing";
 *
 * const source = ReadableStream.from([new TextEncoder().encode("one\r\ntwo\nquit\nthree")]);
 * const seen: string[] = [];
 * for await (const line of frames(source, lines())) {
 *   if (line === "quit") break; // what comes behind is lost: to go on with another codec, use a decoder or `framed`
 *   seen.push(line);
 * }
 * assertEquals(seen, ["one", "two"]);
 * ```
 */
export function frames<T>(
  source: FrameSource,
  codec: Pick<Codec<never, T>, "decoder">,
  options: FrameReadOptions = {},
): AsyncIterableIterator<T, undefined> {
  checkKeys("options", options, ["onInvalid"]);
  if (options.onInvalid !== undefined) checkFunction("onInvalid", options.onInvalid);
  checkCodec("codec", codec);
  if (typeof source?.[Symbol.asyncIterator] !== "function") {
    throw invalid("source", "a ReadableStream or an async iterable of Uint8Arrays", source);
  }
  const decoder = codec.decoder(); // before the source is locked
  return new FrameIteration(source[Symbol.asyncIterator](), decoder, options.onInvalid);
}

const BAD = Symbol("a bad message, which was told");

/** One run over a source, which is let go of exactly once. */
class FrameIteration<T> implements AsyncIterableIterator<T, undefined> {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #decoder: FrameDecoder<T>;
  readonly #onInvalid: ((error: MessageError) => void) | undefined;
  // A generator keeps concurrent calls in their order.
  readonly #messages: AsyncGenerator<T, undefined>;
  // The source has ended or failed, or was let go of: nothing is asked of it any more.
  #ended = false;
  #left: Promise<unknown> | undefined;
  #bad = 0;
  // Tells the source that more or less of its bytes is kept.
  readonly #kept: (() => void) | undefined;

  constructor(
    chunks: AsyncIterator<Uint8Array>,
    decoder: FrameDecoder<T>,
    onInvalid: ((error: MessageError) => void) | undefined,
  ) {
    this.#chunks = chunks;
    this.#decoder = decoder;
    this.#onInvalid = onInvalid;
    this.#kept = (chunks as Partial<KeptSource>)[KEEPS]?.(decoder);
    this.#messages = this.#run();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#messages.next();
  }

  /** Lets go of the source at once, also under a `next()` that waits for it. */
  async return(): Promise<IteratorResult<T, undefined>> {
    try {
      await this.#leave();
    } finally {
      await this.#messages.return(undefined);
    }
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#run(): AsyncGenerator<T, undefined> {
    try {
      for (;;) {
        const message = this.#next();
        if (message === BAD) {
          if (++this.#bad % BAD_MESSAGES_A_TURN === 0) await new Promise<void>(nextTurn);
        } else if (message !== undefined) yield message;
        else if (this.#ended) return;
        else await this.#pull();
      }
    } catch (error) {
      await this.#leave(error).catch(() => {}); // the first error is the one to tell
      throw error;
    }
  }

  #next(): T | typeof BAD | undefined {
    try {
      return this.#decoder.next();
    } catch (error) {
      if (!(error instanceof MessageError) || this.#onInvalid === undefined) throw error;
      this.#onInvalid(error);
      return BAD;
    }
  }

  /** Takes a chunk, or the end. */
  async #pull(): Promise<void> {
    let result: IteratorResult<Uint8Array>;
    this.#kept?.();
    try {
      result = await this.#chunks.next();
    } catch (error) {
      this.#ended = true; // what has failed is not to be let go of
      throw error;
    }
    if (!result.done) {
      if (result.value instanceof Uint8Array) {
        this.#decoder.push(result.value);
        return this.#kept?.();
      }
      throw invalid("source", "a source of Uint8Arrays (a socket with setEncoding gives text)", result.value);
    }
    this.#ended = true;
    // A source that was let go of may end anywhere.
    if (this.#left === undefined) this.#decoder.end();
  }

  /** `reason` is why, where something is wrong: a stream hears of it, and a socket ends with it. */
  #leave(reason?: unknown): Promise<unknown> {
    if (this.#ended) return this.#left ?? Promise.resolve();
    this.#ended = true;
    return this.#left = (async () => await this.#chunks.return?.(reason))();
  }
}
