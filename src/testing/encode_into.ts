/** What `encodeInto` writes, as one piece. */

import { concat } from "@std/bytes";
import type { ByteSink } from "../framing/byte_sink.ts";
import type { Codec } from "../framing/codec.ts";

// Other bytes stand in front of what is reserved, as in a queue.
const RESERVED_AT = 5;

/** The bytes that a codec writes for a message; undefined where it has no `encodeInto`. */
export function encodeInto<In>(codec: Codec<In, unknown>, message: In): Uint8Array | undefined {
  if (codec.encodeInto === undefined) return undefined;
  const parts: Uint8Array[] = [];
  let buffer = new Uint8Array(0);
  const sink: ByteSink = {
    at: RESERVED_AT,
    // Not a byte more than was asked for.
    reserve: (maxBytes) => buffer = new Uint8Array(RESERVED_AT + maxBytes).fill(0xaa),
    commit: (bytes) => void parts.push(buffer.slice(RESERVED_AT, RESERVED_AT + bytes)),
  };
  codec.encodeInto(message, sink);
  return concat(parts);
}
