/**
 * Framing: codecs that turn a stream of bytes into messages, for sockets, web streams, files and direct calls.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { frames, lines } from "@verb/tcp/framing";
 *
 * const file = new Blob(["one\r\ntwo\n"]).stream();
 * const texts: string[] = [];
 * for await (const line of frames(file, lines())) texts.push(line);
 * assertEquals(texts, ["one", "two"]);
 * ```
 *
 * @module
 */

export { ByteQueue } from "../base/byte_queue.ts";
export { FrameError, type FrameErrorInit, MessageError, TcpError, type TcpErrorInit } from "../base/errors.ts";
export type { ByteSink } from "./byte_sink.ts";
export type { Codec, FrameDecoder } from "./codec.ts";
export { delimited, type DelimitedOptions } from "./delimited.ts";
export { fixedLength } from "./fixed_length.ts";
export { FrameDecoderStream, type FrameDecoderStreamOptions, FrameEncoderStream } from "./frame_stream.ts";
export { type FrameReadOptions, frames, type FrameSource } from "./frames.ts";
export { json, type JsonOptions } from "./json.ts";
export type { JsonValueOptions } from "./json_text.ts";
export { lengthPrefixed, type LengthPrefixedOptions } from "./length_prefixed.ts";
export { lines, type LinesOptions } from "./lines.ts";
export { ndjson, type NdjsonOptions } from "./ndjson.ts";
export { netstrings, type NetstringsOptions } from "./netstrings.ts";
export type { StandardIssue, StandardResult, StandardSchema } from "./standard_schema.ts";
export {
  struct,
  type StructFields,
  type StructFieldType,
  type StructFieldValue,
  type StructMessage,
  type StructOptions,
} from "./struct.ts";
