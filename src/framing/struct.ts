/**
 * Binary headers in front of a payload. With `struct({ kind: "u16", at: "u32" })` the message
 * `{ kind: 1, at: 7, payload: [0xff] }` is, over the default framing, on the wire
 *
 *     00 00 00 07  00 01  00 00 00 07  ff
 *     length       kind   at           payload
 *
 * @module
 */

import { type Coded, rangeError, typeError } from "../base/argument_errors.ts";
import { checkKeys, invalid, invalidValue, show } from "../base/check.ts";
import { MessageError } from "../base/errors.ts";
import { checkCodec } from "./check_codec.ts";
import type { Codec, FrameDecoder } from "./codec.ts";
import { lengthPrefixed } from "./length_prefixed.ts";

/** The type of a field: `u` for unsigned, `i` for signed, `f` for floating point (IEEE 754), and its size in bits. */
export type StructFieldType = "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" | "f32" | "f64";

/** The fields of a header, in their order on the wire. */
export type StructFields = Readonly<Record<string, StructFieldType>>;

/** The value of a field in JavaScript: a number, or a bigint for 64-bit integers. */
export type StructFieldValue<Type extends StructFieldType> = Type extends "u64" | "i64" ? bigint : number;

/** A message in JavaScript: the fields of its header, and the payload. */
export type StructMessage<Fields extends StructFields> =
  & { -readonly [Name in keyof Fields]: StructFieldValue<Fields[Name]> }
  & {
    /** The bytes behind the header. */
    payload: Uint8Array;
  };

/** The byte order of the header, and the framing of the message. */
export interface StructOptions {
  /**
   * Order of the bytes of every field.
   *
   * @default {"big"}
   */
  endian?: "big" | "little";
  /**
   * The codec of bytes that frames header and payload; `lengthPrefixed()` where left out. Its `maxFrameBytes` limits
   * both together.
   */
  framing?: Codec<Uint8Array>;
}

/**
 * A codec of messages with a binary header and a payload, which may have 0 bytes. The types of the fields come from the
 * description of the header. A frame that is shorter than the header is a `MessageError` (`ERR_MESSAGE_INVALID`) and
 * the stream goes on after it. A received payload is a window on the chunk that came: copy it before you store it. A
 * field that is missing, unknown or out of its range is refused before a byte is sent, with an error that names it.
 *
 * @throws {TypeError} For a description or options that are not understood.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { struct } from "@verb/tcp/framing";
 *
 * const media = struct({ streamType: "u16", timestamp: "u32", sequence: "u16" });
 * const decoder = media.decoder();
 * decoder.push(media.encode({ streamType: 1, timestamp: 40, sequence: 2, payload: new Uint8Array([0xff]) }));
 * const chunk = decoder.next();
 * assertEquals(chunk?.timestamp, 40);
 * assertEquals(chunk?.payload, new Uint8Array([0xff]));
 * ```
 */
export function struct<const Fields extends StructFields>(
  fields: Fields,
  options: StructOptions = {},
): Codec<StructMessage<Fields>> {
  checkKeys("options", options, ["endian", "framing"]);
  const { endian = "big", framing = lengthPrefixed() } = options;
  if (endian !== "big" && endian !== "little") throw invalidValue("endian", '"big" or "little"', endian);
  checkCodec("framing", framing);
  const header = new Header(fields, endian === "little");
  return {
    decoder: (): FrameDecoder<StructMessage<Fields>> => new StructDecoder<Fields>(framing.decoder(), header),
    encode: (message) => framing.encode(header.write(message)),
  };
}

/** How one kind of field is read and written. */
interface Kind {
  readonly bytes: number;
  read(view: DataView, at: number, little: boolean): number | bigint;
  /** Checks and writes; `name` is for the error. */
  write(view: DataView, at: number, little: boolean, name: string, value: unknown): void;
}

type Get<T> = (view: DataView, at: number, little: boolean) => T;
type Set<T> = (view: DataView, at: number, value: T, little: boolean) => void;

function integer(bits: number, min: number, max: number, read: Get<number>, set: Set<number>): Kind {
  return {
    bytes: bits / 8,
    read,
    write(view, at, little, name, value) {
      if (typeof value !== "number") throw refused(name, `an integer from ${min} to ${max}`, value);
      if (!Number.isInteger(value) || value < min || value > max) throw outOfRange(name, min, max, value);
      set(view, at, value, little);
    },
  };
}

function bigInteger(min: bigint, max: bigint, read: Get<bigint>, set: Set<bigint>): Kind {
  return {
    bytes: 8,
    read,
    write(view, at, little, name, value) {
      if (typeof value !== "bigint") throw refused(name, `a bigint from ${min} to ${max}`, value);
      if (value < min || value > max) throw outOfRange(name, min, max, value);
      set(view, at, value, little);
    },
  };
}

function float(bits: number, read: Get<number>, set: Set<number>): Kind {
  return {
    bytes: bits / 8,
    read,
    write(view, at, little, name, value) {
      if (typeof value !== "number") throw refused(name, "a number", value);
      if (bits === 32 && Number.isFinite(value) && !Number.isFinite(Math.fround(value))) {
        throw rangeError(
          `Cannot send message: field "${name}" must be a number that 32 bits can hold; it is ${value}`,
        );
      }
      set(view, at, value, little);
    },
  };
}

function refused(name: string, rule: string, value: unknown): Coded<TypeError> {
  return typeError(
    "ERR_INVALID_ARG_TYPE",
    `Cannot send message: field "${name}" must be ${rule}; it is ${show(value)}`,
  );
}

function outOfRange(
  name: string,
  min: number | bigint,
  max: number | bigint,
  value: number | bigint,
): Coded<RangeError> {
  return rangeError(
    `Cannot send message: field "${name}" must be an integer from ${min} to ${max}; it is ${value}`,
  );
}

const KINDS: Readonly<Record<StructFieldType, Kind>> = {
  u8: integer(8, 0, 2 ** 8 - 1, (v, at) => v.getUint8(at), (v, at, x) => v.setUint8(at, x)),
  u16: integer(16, 0, 2 ** 16 - 1, (v, at, le) => v.getUint16(at, le), (v, at, x, le) => v.setUint16(at, x, le)),
  u32: integer(32, 0, 2 ** 32 - 1, (v, at, le) => v.getUint32(at, le), (v, at, x, le) => v.setUint32(at, x, le)),
  u64: bigInteger(
    0n,
    2n ** 64n - 1n,
    (v, at, le) => v.getBigUint64(at, le),
    (v, at, x, le) => v.setBigUint64(at, x, le),
  ),
  i8: integer(8, -(2 ** 7), 2 ** 7 - 1, (v, at) => v.getInt8(at), (v, at, x) => v.setInt8(at, x)),
  i16: integer(16, -(2 ** 15), 2 ** 15 - 1, (v, at, le) => v.getInt16(at, le), (v, at, x, le) => v.setInt16(at, x, le)),
  i32: integer(32, -(2 ** 31), 2 ** 31 - 1, (v, at, le) => v.getInt32(at, le), (v, at, x, le) => v.setInt32(at, x, le)),
  i64: bigInteger(
    -(2n ** 63n),
    2n ** 63n - 1n,
    (v, at, le) => v.getBigInt64(at, le),
    (v, at, x, le) => v.setBigInt64(at, x, le),
  ),
  f32: float(32, (v, at, le) => v.getFloat32(at, le), (v, at, x, le) => v.setFloat32(at, x, le)),
  f64: float(64, (v, at, le) => v.getFloat64(at, le), (v, at, x, le) => v.setFloat64(at, x, le)),
};

/** The fields of a header with their places. */
class Header {
  readonly bytes: number;
  readonly #little: boolean;
  readonly #fields: readonly { readonly name: string; readonly at: number; readonly kind: Kind }[];
  readonly #names: ReadonlySet<string>;

  constructor(fields: StructFields, little: boolean) {
    const rule = "an object with at least one field";
    if (typeof fields !== "object" || fields === null) throw invalid("fields", rule, fields);
    if (Object.keys(fields).length === 0) throw invalidValue("fields", rule, fields);
    let at = 0;
    this.#fields = Object.entries(fields).map(([name, type]) => {
      // An object puts names that look like indexes first, whatever their place in the description.
      if (name === "payload" || name === "__proto__" || /^\d+$/.test(name)) {
        throw typeError("ERR_INVALID_ARG_VALUE", `Option "fields" cannot have a field named ${show(name)}`);
      }
      if (typeof type !== "string" || !Object.hasOwn(KINDS, type)) {
        throw invalidValue(`fields.${name}`, `one of ${Object.keys(KINDS).join(", ")}`, type);
      }
      const kind = KINDS[type];
      const field = { name, at, kind };
      at += kind.bytes;
      return field;
    });
    this.#names = new Set([...Object.keys(fields), "payload"]);
    this.bytes = at;
    this.#little = little;
  }

  /** Header and payload in one piece. */
  write(message: Readonly<Record<string, unknown>>): Uint8Array<ArrayBuffer> {
    if (typeof message !== "object" || message === null) throw invalid("message", "an object", message);
    for (const name of Object.keys(message)) {
      if (!this.#names.has(name)) {
        throw typeError("ERR_INVALID_ARG_VALUE", `Cannot send message: the header has no field ${show(name)}`);
      }
    }
    const { payload } = message;
    if (!(payload instanceof Uint8Array)) throw refused("payload", "a Uint8Array", payload);
    const bytes = new Uint8Array(this.bytes + payload.length);
    const view = new DataView(bytes.buffer);
    for (const { name, at, kind } of this.#fields) kind.write(view, at, this.#little, name, message[name]);
    bytes.set(payload, this.bytes);
    return bytes;
  }

  /** The message of a frame, which has at least as many bytes as the header. */
  read(frame: Uint8Array): Record<string, number | bigint | Uint8Array> {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const message: Record<string, number | bigint | Uint8Array> = {};
    for (const { name, at, kind } of this.#fields) message[name] = kind.read(view, at, this.#little);
    message.payload = frame.subarray(this.bytes);
    return message;
  }
}

class StructDecoder<Fields extends StructFields> implements FrameDecoder<StructMessage<Fields>> {
  readonly #framing: FrameDecoder<Uint8Array>;
  readonly #header: Header;

  constructor(framing: FrameDecoder<Uint8Array>, header: Header) {
    this.#framing = framing;
    this.#header = header;
  }

  get bufferedBytes(): number {
    return this.#framing.bufferedBytes;
  }

  push(chunk: Uint8Array): void {
    this.#framing.push(chunk);
  }

  next(): StructMessage<Fields> | undefined {
    const frame = this.#framing.next();
    if (frame === undefined) return undefined;
    const { bytes } = this.#header;
    if (frame.length < bytes) {
      throw new MessageError(`Cannot read message: its header takes ${bytes} bytes; the frame has ${frame.length}`, {
        code: "ERR_MESSAGE_INVALID",
        frameBytes: frame.length,
      });
    }
    return this.#header.read(frame) as StructMessage<Fields>; // what read() makes is what the description says
  }

  end(): void {
    this.#framing.end();
  }

  takeRest(): Uint8Array {
    return this.#framing.takeRest();
  }
}
