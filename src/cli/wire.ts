/** The codecs by the names that the command line has for them. */

import {
  ByteQueue,
  type Codec,
  delimited,
  type FrameDecoder,
  json,
  lengthPrefixed,
  type LengthPrefixedOptions,
  lines,
  ndjson,
  netstrings,
} from "../framing/mod.ts";
import { Failure, UsageError } from "./failure.ts";

/** The names, as the help shows them. */
export const CODEC_NAMES = "lines|ndjson|json|netstring|varint|length:BYTES[:le|:be]|delimited:TEXT|raw";

/** A codec, and how its messages look to the user. */
export interface Wire {
  /** As it was asked for. */
  readonly name: string;
  /** What is on the wire. */
  readonly codec: Codec<unknown>;
  /** There are no messages, just bytes as they come: they have no lines, typed or shown. */
  readonly isRaw: boolean;
  /** The message that a typed line says, undefined if it says nothing. Throws for what cannot be one. */
  parse(line: string): unknown;
  /** A message to be shown: as text, or as its bytes. */
  show(message: unknown): string | Uint8Array;
}

/** The codec of that name. `hex`: its bytes are typed and shown in hexadecimal digits. */
export function wireOf(name: string, hex: boolean): Wire {
  const [kind = "", ...details] = name.split(":");
  if (hex && ["lines", "ndjson", "json"].includes(kind)) {
    throw new UsageError(
      `--hex needs a codec of bytes; "${name}" has text (for the bytes of lines use "delimited:\\n")`,
    );
  }
  if (kind === "length") return bytesWire(name, lengthPrefixed(lengthOptions(name, details)), hex);
  if (kind === "delimited") return bytesWire(name, delimited({ delimiters: [delimiterOf(name)] }), hex);
  switch (name) {
    case "lines":
      return { name, codec: lines(), isRaw: false, parse: (line) => line, show: (line) => String(line) };
    case "ndjson":
      return { name, codec: ndjson(), isRaw: false, parse: parseJson, show: (value) => JSON.stringify(value) };
    case "json":
      return { name, codec: json(), isRaw: false, parse: parseJson, show: (value) => JSON.stringify(value) };
    case "netstring":
      return bytesWire(name, netstrings(), hex);
    case "varint":
      return bytesWire(name, lengthPrefixed({ bytes: "varint" }), hex);
    case "raw":
      return { ...bytesWire(name, RAW, hex), isRaw: !hex };
    default:
      throw new UsageError(`There is no codec "${name}"; there are ${CODEC_NAMES}`);
  }
}

function bytesWire(name: string, codec: Codec<Uint8Array>, hex: boolean): Wire {
  const parse = hex ? parseHex : (line: string) => new TextEncoder().encode(line);
  const show = hex ? showHex : (bytes: Uint8Array) => bytes;
  const wire: { codec: Codec<Uint8Array>; show(bytes: Uint8Array): string | Uint8Array } = { codec, show };
  return { ...wire, name, isRaw: false, parse };
}

function parseJson(line: string): unknown {
  return line.trim() === "" ? undefined : JSON.parse(line);
}

function parseHex(line: string): Uint8Array {
  const digits = line.replace(/\s/g, "");
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new Failure("expected pairs of hexadecimal digits");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function showHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** `2`, `2:le` or `2:be`. */
function lengthOptions(name: string, [digits = "", order = "be", ...more]: string[]): LengthPrefixedOptions {
  const bytes = ([1, 2, 3, 4, 8] as const).find((bytes) => String(bytes) === digits);
  if (bytes === undefined || !["le", "be"].includes(order) || more.length > 0) {
    throw new UsageError(`A codec "length:BYTES[:le|:be]" has 1, 2, 3, 4 or 8 bytes; there is no "${name}"`);
  }
  return { bytes, endian: order === "le" ? "little" : "big" };
}

const ESCAPES: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", "0": "\0", "\\": "\\" };

/** What stands behind `delimited:`, which shells hand over with its backslashes. */
function delimiterOf(name: string): Uint8Array {
  const text = name.slice("delimited:".length);
  const parts = text.match(/\\x[0-9a-fA-F]{2}|\\[rnt0\\]|[^\\]+|\\/gs) ?? [];
  const bytes = parts.flatMap((part) => {
    if (part === "\\") {
      throw new UsageError(`A delimiter takes the escapes \\r \\n \\t \\0 \\\\ \\xHH; there is "${text}"`);
    }
    if (part.startsWith("\\x")) return [parseInt(part.slice(2), 16)];
    return [...new TextEncoder().encode(part.startsWith("\\") ? ESCAPES[part.slice(1)] : part)];
  });
  if (bytes.length === 0) throw new UsageError('A codec "delimited:TEXT" needs a text, such as "delimited:\\r\\n"');
  return new Uint8Array(bytes);
}

/** No framing: a message is whatever has come, and a frame is the message. */
const RAW: Codec<Uint8Array> = {
  encode: (message) => new Uint8Array(message),
  decoder: () => new RawDecoder(),
};

class RawDecoder implements FrameDecoder<Uint8Array> {
  readonly #queue = new ByteQueue();

  get bufferedBytes(): number {
    return this.#queue.length;
  }

  push(chunk: Uint8Array): void {
    this.#queue.push(chunk);
  }

  next(): Uint8Array | undefined {
    return this.#queue.length === 0 ? undefined : this.#queue.takeAll();
  }

  end(): void {}

  takeRest(): Uint8Array {
    return this.#queue.takeAll();
  }
}
