/** What users give to `write` and `end`, as bytes. */

import { Buffer } from "node:buffer";
import { typeError } from "../base/argument_errors.ts";
import { show } from "../base/check.ts";

/** Throws a TypeError for what is no encoding. */
export function checkEncoding(encoding: unknown): asserts encoding is BufferEncoding {
  if (Buffer.isEncoding(encoding as string)) return;
  const message = `Option "encoding" must be an encoding that Buffer knows; it is ${show(encoding)}`;
  throw typeError("ERR_UNKNOWN_ENCODING", message);
}

/** The bytes of a string or a view; strings are UTF-8 unless `encoding` is another. */
export function toBytes(data: string | Uint8Array, encoding: unknown): Uint8Array {
  if (typeof data === "string") {
    if (encoding === undefined || encoding === null || typeof encoding === "function") return Buffer.from(data);
    checkEncoding(encoding);
    return Buffer.from(data, encoding);
  }
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) {
    const view: ArrayBufferView = data;
    return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
  }
  const code = data === null ? "ERR_STREAM_NULL_VALUES" : "ERR_INVALID_ARG_TYPE";
  throw typeError(code, `Argument "data" must be a string or a Uint8Array; it is ${show(data)}`);
}
