/**
 * Newline-delimited JSON. The message `{"a":1}` is on the wire
 *
 *     7b 22 61 22 3a 31 7d  0a
 *     { " a " : 1 }         LF
 *
 * @module
 */

import { checkBound, checkKeys } from "../base/check.ts";
import type { Codec, FrameDecoder } from "./codec.ts";
import { JsonDecoder } from "./json.ts";
import { JSON_VALUE_KEYS, JsonText, jsonTextOf, type JsonValueOptions } from "./json_text.ts";
import { LineDecoder } from "./line_decoder.ts";
import { DEFAULT_MAX_FRAME_BYTES, tooLarge } from "./queued_decoder.ts";
import type { StandardSchema } from "./standard_schema.ts";

/** Which values are accepted, and how long their lines may be. */
export interface NdjsonOptions<In = unknown, Out = In> extends JsonValueOptions<In, Out> {
  /**
   * Longest line in bytes, without its line ending. A longer one is one `MessageError` (`ERR_FRAME_TOO_LARGE`); its
   * bytes are thrown away as they come and the stream goes on with the next line.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

/**
 * A codec of JSON values, one per line. LF and CRLF end a line, a last line needs no ending, and blank lines are
 * ignored. A line that is not JSON, too deep or not valid is a `MessageError` (`ERR_MESSAGE_INVALID`), and the stream
 * goes on after it. A byte order mark before the first value is ignored; elsewhere it is not JSON.
 *
 * @throws {TypeError | RangeError} For options that are unknown or out of range.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { frames, ndjson } from "@verb/tcp/framing";
 *
 * const log = new Blob(['{"level":"info"}\n{"level":"warn"}\n']).stream();
 * assertEquals(await Array.fromAsync(frames(log, ndjson())), [{ level: "info" }, { level: "warn" }]);
 * ```
 */
export function ndjson<In, Out>(options: NdjsonOptions<In, Out> & { schema: StandardSchema<In, Out> }): Codec<In, Out>;
/** Without a schema. `In` is the type of what is sent, `Out` of what is received; they are not checked. */
export function ndjson<In = unknown, Out = In>(options?: Omit<NdjsonOptions, "schema">): Codec<In, Out>;
export function ndjson<In, Out>(options: NdjsonOptions<In, Out> = {}): Codec<In, Out> {
  checkKeys("options", options, ["maxFrameBytes", ...JSON_VALUE_KEYS]);
  const maxFrameBytes = checkBound("maxFrameBytes", options.maxFrameBytes, DEFAULT_MAX_FRAME_BYTES, 0);
  const reader = new JsonText(options);
  return {
    copiesMessages: true,
    decoder: (): FrameDecoder<Out> => new JsonDecoder(new LineDecoder(maxFrameBytes), reader, true, true),
    encode(message) {
      // JSON text has no line end of its own: in strings they are escaped.
      const line = utf8.encode(`${jsonTextOf(message)}\n`);
      if (line.length - 1 > maxFrameBytes) throw tooLarge("send", line.length - 1, maxFrameBytes);
      return line;
    },
  };
}

const utf8 = new TextEncoder();
