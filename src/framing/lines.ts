/**
 * Lines of text. The message `hi` is on the wire
 *
 *     68 69  0a
 *     body   LF      (0d 0a with `{ eol: "\r\n" }`; both are understood)
 *
 * @module
 */

import { Buffer, isUtf8 } from "node:buffer";
import { typeError } from "../base/argument_errors.ts";
import { checkBoolean, checkBound, checkKeys, invalid, invalidValue } from "../base/check.ts";
import { MessageError } from "../base/errors.ts";
import type { Codec, FrameDecoder } from "./codec.ts";
import { LineDecoder } from "./line_decoder.ts";
import { DEFAULT_MAX_FRAME_BYTES, tooLarge } from "./queued_decoder.ts";

/** How lines look and how long they may be. */
export interface LinesOptions {
  /**
   * Longest line in bytes, without its line ending. A longer one is one `MessageError` (`ERR_FRAME_TOO_LARGE`); its
   * bytes are thrown away as they come and the stream goes on with the next line.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
  /**
   * A received line that is not UTF-8 is a `MessageError` (`ERR_MESSAGE_INVALID`). Otherwise its bad bytes become U+FFFD.
   *
   * @default {false}
   */
  fatal?: boolean;
  /**
   * What ends the lines that are sent.
   *
   * @default {"\n"}
   */
  eol?: "\n" | "\r\n";
}

/**
 * A codec of lines of UTF-8 text, as strings without their line ending. LF and CRLF end a line, a CR alone does not; a
 * last line needs no ending. A line to send that contains an LF, ends with a CR, or has a lone surrogate is refused
 * with a TypeError, because it would not arrive as it was sent.
 *
 * @throws {TypeError | RangeError} For options that are unknown or out of range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FrameDecoderStream, lines } from "@verb/tcp/framing";
 *
 * const file = new Blob(["one\r\ntwo\nthree"]).stream();
 * assertEquals(await Array.fromAsync(file.pipeThrough(new FrameDecoderStream(lines()))), ["one", "two", "three"]);
 * ```
 */
export function lines(options: LinesOptions = {}): Codec<string> {
  checkKeys("options", options, ["maxFrameBytes", "fatal", "eol"]);
  const maxFrameBytes = checkBound("maxFrameBytes", options.maxFrameBytes, DEFAULT_MAX_FRAME_BYTES, 0);
  const fatal = checkBoolean("fatal", options.fatal, false);
  const { eol = "\n" } = options;
  if (eol !== "\n" && eol !== "\r\n") throw invalidValue("eol", '"\\n" or "\\r\\n"', eol);
  return {
    copiesMessages: true,
    decoder: (): FrameDecoder<string> => new TextLineDecoder(maxFrameBytes, fatal),
    encode(message) {
      checkLine(message);
      const bytes = Buffer.byteLength(message);
      if (bytes > maxFrameBytes) throw tooLarge("send", bytes, maxFrameBytes);
      return utf8.encode(message + eol);
    },
  };
}

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { ignoreBOM: true });

function checkLine(line: unknown): void {
  if (typeof line !== "string") throw invalid("message", "a string", line);
  const at = line.indexOf("\n");
  if (at >= 0) {
    throw typeError("ERR_INVALID_ARG_VALUE", `Cannot send line: it has an end of line in it, at character ${at}`);
  }
  if (line.endsWith("\r")) {
    throw typeError("ERR_INVALID_ARG_VALUE", "Cannot send line: it ends with a CR, which would become part of its end");
  }
  if (!line.isWellFormed()) {
    throw typeError("ERR_INVALID_ARG_VALUE", "Cannot send line: it has a lone surrogate, which UTF-8 cannot encode");
  }
}

class TextLineDecoder implements FrameDecoder<string> {
  readonly #lines: LineDecoder;
  readonly #fatal: boolean;

  constructor(maxFrameBytes: number, fatal: boolean) {
    this.#lines = new LineDecoder(maxFrameBytes);
    this.#fatal = fatal;
  }

  get bufferedBytes(): number {
    return this.#lines.bufferedBytes;
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  next(): string | undefined {
    const line = this.#lines.next();
    if (line === undefined) return undefined;
    // Asked first, because a decoder that throws costs fifty times as much, and a peer chooses how often.
    if (!this.#fatal || isUtf8(line)) return text.decode(line);
    throw new MessageError(`Cannot read line: its ${line.length} bytes are not UTF-8`, {
      code: "ERR_MESSAGE_INVALID",
      frameBytes: line.length,
    });
  }

  end(): void {
    this.#lines.end();
  }

  takeRest(): Uint8Array {
    return this.#lines.takeRest();
  }
}
