// `json` over every framing of ours: the same bytes whichever way they are written, the same messages however they are cut.

import { assertEquals, assertThrows } from "@std/assert";
import type { Codec } from "../../src/framing/codec.ts";
import { delimited } from "../../src/framing/delimited.ts";
import { fixedLength } from "../../src/framing/fixed_length.ts";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../src/framing/length_prefixed.ts";
import { netstrings } from "../../src/framing/netstrings.ts";
import { concat, decodeAll, everyCut, frameErrorOf, messagesOf, type Outcome, utf8, windowsAt } from "./decode.ts";
import { RecordingSink } from "./recording_sink.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const WIDTHS: LengthPrefixedOptions["bytes"][] = [1, 2, 3, 4, 8];
const FIXED_MESSAGES = ["plain", "abc\t", "ë€", "🦕x", "", [1, 2], null].map((message) => {
  // As text of exactly 7 bytes: space behind it is no part of a value.
  const text = JSON.stringify(message);
  return [message, text + " ".repeat(7 - utf8(text).length)] as const;
});

const FRAMINGS: [name: string, framing: Codec<Uint8Array>][] = [
  ...WIDTHS.flatMap((bytes = 4) =>
    (["big", "little"] as const).map((endian): [string, Codec<Uint8Array>] => [
      `lengthPrefixed({ bytes: ${bytes}, endian: "${endian}" })`,
      lengthPrefixed({ bytes, endian }),
    ])
  ),
  ['lengthPrefixed({ bytes: "varint" })', lengthPrefixed({ bytes: "varint" })],
  ["lengthPrefixed({ bytes: 2, adjust: -2 })", lengthPrefixed({ bytes: 2, adjust: -2 })],
  ['lengthPrefixed({ bytes: "varint", adjust: -3 })', lengthPrefixed({ bytes: "varint", adjust: -3 })],
  ['lengthPrefixed({ onOversize: "skip" })', lengthPrefixed({ onOversize: "skip" })],
  ['delimited({ delimiters: ["\\n"] })', delimited({ delimiters: ["\n"] })],
  ['delimited({ delimiters: ["\\r\\n\\r\\n", "\\0"] })', delimited({ delimiters: ["\r\n\r\n", "\0"] })],
  ["delimited with a delimiter that UTF-8 never has", delimited({ delimiters: [new Uint8Array([0xff])] })],
  ["netstrings()", netstrings()],
];

const MESSAGES: unknown[] = [{ a: 1 }, [], "ë", "€", "🦕", null, 0, "plain", { nested: [[{ z: "\n\r\n\0" }]] }];
const LONG: unknown[] = ["x".repeat(126), "x".repeat(127), "ë".repeat(63), "x".repeat(200), { a: ["€".repeat(70)] }];

for (const [name, framing] of FRAMINGS) {
  unit(`json() over ${name} puts the text of a message into one of its frames, both ways`, () => {
    const codec = json({ framing });
    const sink = new RecordingSink();
    const wire = [...MESSAGES, ...LONG].map((message) => {
      codec.encodeInto?.(message, sink);
      assertEquals(codec.encode(message), framing.encode(utf8(JSON.stringify(message))));
      return codec.encode(message);
    });
    assertEquals(sink.bytes, concat(...wire));
  });

  unit(`json() over ${name} reads the same messages however they are cut`, () => {
    const codec = json({ framing });
    const wire = concat(...MESSAGES.map((message) => codec.encode(message)));
    for (const chunks of everyCut(wire)) assertEquals(messagesOf(codec.decoder(), chunks), MESSAGES);
    for (let cut = 0; cut <= wire.length; cut++) {
      assertEquals(messagesOf(codec.decoder(), windowsAt(wire, cut)), MESSAGES);
    }
    const all = [...MESSAGES, ...LONG, ...MESSAGES];
    assertEquals(messagesOf(codec.decoder(), all.map((message) => codec.encode(message))), all);
    assertEquals(messagesOf(codec.decoder(), [concat(...all.map((message) => codec.encode(message)))]), all);
  });

  unit(`json() over ${name} goes on behind a message that is bad, too deep or empty`, () => {
    const codec = json({ framing, maxDepth: 2 });
    const texts = ["1", "{", "[[[]]]", "", '"\u00a0"', "\u00a0", "[[2]]"];
    const wire = concat(...texts.map((text) => framing.encode(utf8(text))));
    const bad: Outcome = { invalid: "ERR_MESSAGE_INVALID" };
    const expected = [{ message: 1 }, bad, bad, bad, { message: "\u00a0" }, bad, { message: [[2]] }];
    for (const chunks of everyCut(wire)) assertEquals(decodeAll(codec.decoder(), chunks), expected);
  });
}

unit("json() over fixedLength() reads texts that fill their frames with space", () => {
  const framing = fixedLength(7);
  const codec = json({ framing });
  const wire = concat(...FIXED_MESSAGES.map(([, text]) => framing.encode(utf8(text))));
  const expected = FIXED_MESSAGES.map(([message]) => message);
  for (const chunks of everyCut(wire)) assertEquals(messagesOf(codec.decoder(), chunks), expected);
});

unit("json() over fixedLength() sends texts of that length and no other, both ways", () => {
  const codec = json({ framing: fixedLength(7) });
  const sink = new RecordingSink();
  codec.encodeInto?.("plain", sink);
  assertEquals([sink.bytes, codec.encode("plain")], [utf8('"plain"'), utf8('"plain"')]);
  for (const message of ["shor", "longer", "ëëë"]) {
    for (const encode of [() => codec.encode(message), () => codec.encodeInto?.(message, sink)]) {
      assertThrows(encode, RangeError, "must have exactly 7 bytes");
    }
  }
  assertEquals(sink.reserved.length, 1);
});

// ---- limits ----

const BOUNDED: [name: string, framing: Codec<Uint8Array>][] = [
  ...[...WIDTHS, "varint" as const].map((bytes = 4): [string, Codec<Uint8Array>] => [
    `lengthPrefixed({ bytes: ${bytes} })`,
    lengthPrefixed({ bytes, maxFrameBytes: 10 }),
  ]),
  ["netstrings()", netstrings({ maxFrameBytes: 10 })],
  ["delimited()", delimited({ delimiters: ["\n"], maxFrameBytes: 10 })],
];

for (const [name, framing] of BOUNDED) {
  unit(`json() over ${name} sends no more bytes of text than its limit, both ways`, () => {
    const codec = json({ framing });
    for (const fits of ["aaaaaaaa", "ëëëë", "🦕🦕"]) {
      const sink = new RecordingSink();
      codec.encodeInto?.(fits, sink);
      assertEquals(sink.bytes, codec.encode(fits));
      assertEquals(messagesOf(codec.decoder(), [sink.bytes]), [fits]);
      for (const encode of [() => codec.encode(`${fits}a`), () => codec.encodeInto?.(`${fits}a`, sink)]) {
        const { code, frameBytes, maxFrameBytes } = frameErrorOf(encode);
        assertEquals([code, frameBytes, maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 11, 10]);
      }
      assertEquals(sink.reserved.length, 1);
    }
  });
}

for (
  const [name, unbounded, framing] of [
    ["delimited()", delimited({ delimiters: ["\n"] }), delimited({ delimiters: ["\n"], maxFrameBytes: 5 })],
    ['onOversize "skip"', lengthPrefixed(), lengthPrefixed({ maxFrameBytes: 5, onOversize: "skip" })],
  ] as const
) {
  unit(`json() over ${name} goes on behind a text over the limit`, () => {
    const wire = concat(...["12345", "123456", "[1,2,3,4,5,6]", "{", "2"].map((text) => unbounded.encode(utf8(text))));
    const oversize: Outcome = { invalid: "ERR_FRAME_TOO_LARGE" };
    const expected = [{ message: 12_345 }, oversize, oversize, { invalid: "ERR_MESSAGE_INVALID" }, { message: 2 }];
    for (const chunks of everyCut(wire)) assertEquals(decodeAll(json({ framing }).decoder(), chunks), expected);
  });
}

unit("json() over netstrings() dies of a text over the limit as its framing does", () => {
  const decoder = json({ framing: netstrings({ maxFrameBytes: 5 }) }).decoder();
  decoder.push(utf8("1:1,6:123456,1:2,"));
  assertEquals(decoder.next(), 1);
  const error = frameErrorOf(() => decoder.next());
  assertEquals(error.code, "ERR_FRAME_TOO_LARGE");
  assertEquals(frameErrorOf(() => decoder.next()), error);
});

// ---- what a framing refuses ----

unit("json() over delimited() refuses a text with a delimiter in it, both ways, before a byte is reserved", () => {
  const codec = json({ framing: delimited({ delimiters: [","] }) });
  const sink = new RecordingSink();
  for (const encode of [() => codec.encode([1, 2]), () => codec.encodeInto?.([1, 2], sink)]) {
    assertThrows(encode, TypeError, "delimiter");
  }
  assertEquals(sink.reserved, []);
  assertEquals(messagesOf(codec.decoder(), [codec.encode([1])]), [[1]]);
});

unit("json() over a framing for receiving only reads, and refuses to send, both ways", () => {
  const codec = json({ framing: lengthPrefixed({ bytes: 1, strip: 2 }) }); // a kind behind the length
  assertEquals(messagesOf(codec.decoder(), [concat(new Uint8Array([4, 0xca]), utf8("[7]"))]), [[7]]);
  const sink = new RecordingSink();
  for (const encode of [() => codec.encode(1), () => codec.encodeInto?.(1, sink)]) {
    assertThrows(encode, TypeError, "receiving only");
  }
  assertEquals(sink.reserved, []);
});

for (
  const [framing, shown] of [
    [null, "null"],
    [{}, "an object"],
    ["varint", '"varint"'],
    [lengthPrefixed, "a function: is the call missing, lengthPrefixed()?"],
  ]
) {
  unit(`json() refuses what is no framing: ${shown}`, () => {
    const error = assertThrows(() => Reflect.apply(json, undefined, [{ framing }]), TypeError);
    assertEquals(error.message, `Option "framing" must be a codec; it is ${shown}`);
  });
}
