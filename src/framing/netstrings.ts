/**
 * Netstrings: the length in decimal digits, a colon, the bytes, a comma. The message `hi` is on the wire
 *
 *     32 3a 68 69 2c
 *     2  :  h  i  ,
 *
 * Specified by D. J. Bernstein, "Netstrings" (1997).
 *
 * @module
 */

import { checkBound, checkKeys, invalid } from "../base/check.ts";
import type { Codec, FrameDecoder } from "./codec.ts";
import { DEFAULT_MAX_FRAME_BYTES, QueuedDecoder, tooLarge } from "./queued_decoder.ts";

/** How large netstrings may be. */
export interface NetstringsOptions {
  /**
   * Longest message in bytes. A longer one is refused as soon as its length says so, before the bytes come.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

/**
 * A codec of bytes as netstrings. Lengths with leading zeros, without digits or with anything but digits are refused,
 * and so is a missing comma, each with `ERR_FRAME_MALFORMED`. Received messages are windows on the chunks that came:
 * copy one before you store it.
 *
 * @throws {TypeError | RangeError} For options that are unknown or out of range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { netstrings } from "@verb/tcp/framing";
 *
 * const bytes = netstrings().encode(new TextEncoder().encode("hello"));
 * assertEquals(new TextDecoder().decode(bytes), "5:hello,");
 * ```
 */
export function netstrings(options: NetstringsOptions = {}): Codec<Uint8Array> {
  checkKeys("options", options, ["maxFrameBytes"]);
  const maxFrameBytes = checkBound("maxFrameBytes", options.maxFrameBytes, DEFAULT_MAX_FRAME_BYTES, 0);
  return {
    decoder: (): FrameDecoder<Uint8Array> => new NetstringDecoder(maxFrameBytes),
    encode(message) {
      if (!(message instanceof Uint8Array)) throw invalid("message", "a Uint8Array", message);
      if (message.length > maxFrameBytes) throw tooLarge("send", message.length, maxFrameBytes);
      const digits = String(message.length);
      const body = digits.length + 1;
      const frame = new Uint8Array(body + message.length + 1);
      for (let i = 0; i < digits.length; i++) frame[i] = digits.charCodeAt(i);
      frame[body - 1] = COLON;
      frame.set(message, body);
      frame[frame.length - 1] = COMMA;
      return frame;
    },
  };
}

const ZERO = 0x30;
const COLON = 0x3a;
const COMMA = 0x2c;

class NetstringDecoder extends QueuedDecoder<Uint8Array> {
  readonly #maxFrameBytes: number;
  // Of the header read last: the length it says.
  #bodyBytes = 0;

  constructor(maxFrameBytes: number) {
    super();
    this.#maxFrameBytes = maxFrameBytes;
  }

  next(): Uint8Array | undefined {
    if (this.failure !== undefined) throw this.failure;
    const { queue } = this;
    let headerBytes: number;
    if (queue.stashed === 0) {
      headerBytes = this.#readHeader(queue.chunk, queue.at, queue.end);
      if (headerBytes < 0 || queue.at + headerBytes + this.#bodyBytes + 1 > queue.end) {
        queue.release();
        return undefined;
      }
      this.#checkComma(queue.chunk[queue.at + headerBytes + this.#bodyBytes]);
    } else {
      headerBytes = this.#gatherHeader();
      if (headerBytes < 0 || !queue.gather(headerBytes + this.#bodyBytes + 1)) return undefined;
      this.#checkComma(queue.stashBytes[headerBytes + this.#bodyBytes]);
    }
    const message = queue.take(headerBytes + this.#bodyBytes, headerBytes);
    queue.skip(1); // the comma
    return message;
  }

  #gatherHeader(): number {
    const { queue } = this;
    for (let atLeast = 2; queue.gather(atLeast); atLeast = queue.stashed + 1) {
      const headerBytes = this.#readHeader(queue.stashBytes, 0, queue.stashed);
      if (headerBytes >= 0) return headerBytes;
    }
    return -1;
  }

  /** Reads digits and colon at `at` and gives how many bytes they are, or -1 if they are not all there. */
  #readHeader(buffer: Uint8Array, at: number, end: number): number {
    let length = 0;
    for (let i = at; i < end; i++) {
      const byte = buffer[i]!; // below end
      if (byte === COLON && i > at) {
        this.#bodyBytes = length;
        return i + 1 - at;
      }
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9) {
        throw this.malformed(`a netstring begins with its length in digits and a colon; there is ${hex(byte)}`);
      }
      if (i > at && length === 0) throw this.malformed("the length of a netstring has no leading zeros");
      length = length * 10 + digit;
      if (length > this.#maxFrameBytes) throw this.fail(tooLarge("read", length, this.#maxFrameBytes));
      if (length > Number.MAX_SAFE_INTEGER) throw this.malformed("the length of a netstring is beyond 2^53");
    }
    return -1;
  }

  #checkComma(byte: number | undefined): void {
    if (byte !== COMMA) throw this.malformed(`a netstring ends with a comma; there is ${hex(byte ?? 0)}`);
  }
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
