/**
 * Framing: messages in a stream of bytes, for any source of bytes.
 *
 * @module
 */

export { FrameError, type FrameErrorInit, MessageError, TcpError, type TcpErrorInit } from "../base/errors.ts";
export type { ByteSink } from "./byte_sink.ts";
export type { Codec, FrameDecoder } from "./codec.ts";
export { FrameDecoderStream, type FrameDecoderStreamOptions, FrameEncoderStream } from "./frame_stream.ts";
export { json, type JsonOptions } from "./json.ts";
export { lengthPrefixed, type LengthPrefixedOptions } from "./length_prefixed.ts";
