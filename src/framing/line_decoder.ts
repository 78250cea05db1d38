/** Lines as bytes: below `lines` and `ndjson`. Not `TextLineStream` of @std/streams, which has no maximum. */

import { MessageError } from "../base/errors.ts";
import { QueuedDecoder } from "./queued_decoder.ts";

const LF = 0x0a;
const CR = 0x0d;

/**
 * Cuts at LF and CRLF. A last line without an end counts. After an overlong line comes one error, as early as it is
 * known, and then the next line.
 */
export class LineDecoder extends QueuedDecoder<Uint8Array> {
  readonly #maxFrameBytes: number;
  // Bytes at the front of the queue that are known to have no LF: they are not searched again.
  #searched = 0;
  // Inside an overlong line: what comes of it is thrown away.
  #skipping = false;
  #ended = false;

  constructor(maxFrameBytes: number) {
    super();
    this.#maxFrameBytes = maxFrameBytes;
    this.queue.mostBytes = maxFrameBytes + 2; // CR and LF
  }

  next(): Uint8Array | undefined {
    if (this.failure !== undefined) throw this.failure;
    const { queue } = this;
    for (;;) {
      const end = this.#findEnd();
      if (end < 0) return this.#unfinished();
      this.#searched = 0;
      if (this.#skipping) {
        this.#skipping = false;
        queue.skip(end + 1);
        continue;
      }
      const lineBytes = end > 0 && queue.byteAt(end - 1) === CR ? end - 1 : end;
      if (lineBytes > this.#maxFrameBytes) {
        queue.skip(end + 1);
        throw this.#overlong();
      }
      const line = queue.take(lineBytes);
      queue.skip(end + 1 - lineBytes);
      return line;
    }
  }

  override end(): void {
    if (this.failure !== undefined) throw this.failure;
    this.#ended = true;
  }

  override takeRest(): Uint8Array {
    this.#searched = 0;
    this.#ended = false;
    return this.takeUnless(this.#skipping);
  }

  /** There is no LF: waits for one, unless the line is too long already or no more bytes will come. */
  #unfinished(): Uint8Array | undefined {
    const { queue } = this;
    const { length } = queue;
    // One byte more may be there as long as it may be the CR of the end.
    const limit = this.#maxFrameBytes + (!this.#ended && length > 0 && queue.byteAt(length - 1) === CR ? 1 : 0);
    if (this.#skipping || length > limit) {
      queue.clear();
      this.#searched = 0;
      if (this.#skipping) return undefined;
      this.#skipping = true;
      throw this.#overlong();
    }
    if (!this.#ended || length === 0) {
      queue.release();
      return undefined;
    }
    this.#searched = 0;
    return queue.take(length);
  }

  /** How many bytes stand in front of the next LF, -1 if there is none. */
  #findEnd(): number {
    const found = this.queue.indexOf(LF, this.#searched);
    if (found < 0) this.#searched = this.queue.length;
    return found;
  }

  #overlong(): MessageError {
    const maxFrameBytes = this.#maxFrameBytes;
    return new MessageError(`Cannot read line: it has more than ${maxFrameBytes} bytes`, {
      code: "ERR_FRAME_TOO_LARGE",
      maxFrameBytes,
    });
  }
}
