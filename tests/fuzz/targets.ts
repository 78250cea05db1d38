/** Every codec of ours with random options, beside a random stream that it understands. */

import { concat } from "@std/bytes";
import {
  type Codec,
  delimited,
  fixedLength,
  json,
  lengthPrefixed,
  type LengthPrefixedOptions,
  lines,
  ndjson,
  netstrings,
  struct,
  type StructFieldType,
} from "../../src/framing/mod.ts";
import type { Random } from "../../src/testing/random.ts";
import type { Subject, Target } from "./fuzz_decoders.ts";

/** The longest header in front of a frame: `offset` and a varint. */
const MOST_HEADER_BYTES = 16;

function pick<T>(random: Random, values: readonly [T, ...T[]]): T {
  return values[random.below(values.length)] ?? values[0];
}

function times<T>(random: Random, most: number, make: () => T): T[] {
  return Array.from({ length: random.below(most + 1) }, make);
}

function bytesOf(random: Random, most: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(times(random, most, () => random.below(256)));
}

function textOf(random: Random, alphabet: string, most: number): string {
  const characters = [...alphabet];
  return times(random, most, () => characters[random.below(characters.length)]).join("");
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

function lengthPrefixedSubject(random: Random): Subject {
  const bytes = pick<NonNullable<LengthPrefixedOptions["bytes"]>>(random, [1, 2, 3, 4, 8, "varint"]);
  const options: LengthPrefixedOptions = {
    bytes,
    ...(bytes === "varint" ? {} : { endian: pick(random, ["big", "little"]) }),
    offset: random.below(4),
    adjust: random.below(8) - 4,
    onOversize: pick(random, ["fail", "skip"]),
  };
  const maxFrameBytes = 4 + random.below(pick(random, [40, 300]));
  const encoder = lengthPrefixed({ ...options, maxFrameBytes: Infinity });
  // Some are over the limit.
  const frames = times(
    random,
    5,
    () => encoder.encode(concat([new Uint8Array(8), bytesOf(random, Math.min(240, maxFrameBytes + 4))])),
  );
  const strip = random.below(3) === 0 ? { strip: random.below(8) } : {};
  const codec = lengthPrefixed({ ...options, ...strip, maxFrameBytes });
  return { codec, wire: concat(frames), maxBufferedBytes: maxFrameBytes + MOST_HEADER_BYTES };
}

function linesSubject(random: Random): Subject {
  const maxFrameBytes = random.below(pick(random, [24, 300]));
  const alphabet = pick(random, ["abé€🦕\r\n\n\n", `${"é€".repeat(60)}\r\n`]);
  const wire = utf8(textOf(random, alphabet, 40 + maxFrameBytes));
  const codec = lines({ maxFrameBytes, fatal: random.below(2) === 0 });
  return { codec, wire, maxBufferedBytes: maxFrameBytes + 1 };
}

function delimitedSubject(random: Random): Subject {
  const delimiters = [
    pick(random, ["a", "\r\n", "aab", "aaab"]),
    ...times(random, 3, () => `${textOf(random, "ab\n", 4)}b`),
  ];
  const maxFrameBytes = random.below(16);
  const texts = times(random, 12, () => textOf(random, "ab\n\rc", 6) + pick(random, ["", ...delimiters]));
  const longest = Math.max(...delimiters.map((delimiter) => delimiter.length));
  const codec = delimited({ delimiters, maxFrameBytes });
  return { codec, wire: utf8(texts.join("")), maxBufferedBytes: maxFrameBytes + longest };
}

function fixedLengthSubject(random: Random): Subject {
  const frameBytes = 1 + random.below(pick(random, [9, 300]));
  return { codec: fixedLength(frameBytes), wire: bytesOf(random, 40 + 2 * frameBytes), maxBufferedBytes: frameBytes };
}

function netstringsSubject(random: Random): Subject {
  const maxFrameBytes = random.below(pick(random, [24, 300]));
  const wire = concat(times(random, 6, () => netstrings().encode(bytesOf(random, 10 + maxFrameBytes))));
  return { codec: netstrings({ maxFrameBytes }), wire, maxBufferedBytes: maxFrameBytes + MOST_HEADER_BYTES };
}

/** A framing for texts and structs, its codec without a limit, and what it may hold. */
function framingOf(
  random: Random,
): { framing: Codec<Uint8Array>; encoder: Codec<Uint8Array>; maxBufferedBytes: number } {
  const maxFrameBytes = 8 + random.below(40);
  const maxBufferedBytes = maxFrameBytes + MOST_HEADER_BYTES;
  const make = pick<(maxFrameBytes: number) => Codec<Uint8Array>>(random, [
    (maxFrameBytes) => lengthPrefixed({ maxFrameBytes }),
    (maxFrameBytes) => lengthPrefixed({ bytes: 1, maxFrameBytes, onOversize: "skip" }),
    (maxFrameBytes) => lengthPrefixed({ bytes: "varint", maxFrameBytes }),
    (maxFrameBytes) => netstrings({ maxFrameBytes }),
  ]);
  return { framing: make(maxFrameBytes), encoder: make(Infinity), maxBufferedBytes };
}

function valueText(random: Random, depth = 0): string {
  const inner = () => valueText(random, depth + 1);
  if (depth < 4 && random.below(3) === 0) return `[${times(random, 2, inner).join(",")}]`;
  if (depth < 4 && random.below(3) === 0) {
    return `{${times(random, 1, () => `"${pick(random, ["a", "é", "__proto__"])}":${inner()}`)}}`;
  }
  return pick(random, ["null", "0", "-1.5e3", '""', '"é\\n"', "true", '"🦕"', " 1 ", '"\\ud83e"']);
}

/** Takes what is no string, and throws at `true`. */
const schema = {
  "~standard": {
    version: 1,
    vendor: "ours",
    validate(value: unknown) {
      if (value === true) throw new RangeError("not true");
      return typeof value === "string" ? { issues: [{ message: "a string", path: [0] }] } : { value };
    },
  },
} as const;

function jsonSubject(random: Random): Subject {
  const { framing, encoder, maxBufferedBytes } = framingOf(random);
  const judged = random.below(2) === 0 ? { schema } : {};
  const codec = json({ framing, maxDepth: 1 + random.below(4), ...judged });
  return { codec, wire: concat(times(random, 6, () => encoder.encode(utf8(valueText(random))))), maxBufferedBytes };
}

function ndjsonSubject(random: Random): Subject {
  const maxFrameBytes = 4 + random.below(40);
  const texts = times(random, 8, () => pick(random, ["", " ", valueText(random)]) + pick(random, ["\n", "\r\n"]));
  const codec = ndjson({ maxFrameBytes, maxDepth: 1 + random.below(4) });
  return { codec, wire: utf8(texts.join("")), maxBufferedBytes: maxFrameBytes + 1 };
}

const TYPES: [StructFieldType, ...StructFieldType[]] = [
  "u8",
  "u16",
  "u32",
  "u64",
  "i8",
  "i16",
  "i32",
  "i64",
  "f32",
  "f64",
];

function structSubject(random: Random): Subject {
  const { framing, encoder, maxBufferedBytes } = framingOf(random);
  const fields = Object.fromEntries(
    ["a", ...times(random, 3, () => `f${random.below(9)}`)].map((name) => [name, pick(random, TYPES)]),
  );
  const codec = struct(fields, { framing, endian: pick(random, ["big", "little"]) });
  return { codec, wire: concat(times(random, 6, () => encoder.encode(bytesOf(random, 40)))), maxBufferedBytes };
}

/** All of them. */
export const TARGETS: readonly Target[] = [
  { name: "lengthPrefixed", make: lengthPrefixedSubject },
  { name: "lines", make: linesSubject },
  { name: "delimited", make: delimitedSubject },
  { name: "fixedLength", make: fixedLengthSubject },
  { name: "netstrings", make: netstringsSubject },
  { name: "json", make: jsonSubject },
  { name: "ndjson", make: ndjsonSubject },
  { name: "struct", make: structSubject },
];
