// The worked examples of tokio-util's length_delimited. Its names in ours: length_field_offset is `offset`,
// length_field_length (or length_field_type) `bytes`, num_skip `strip`, little_endian `endian: "little"`. length_adjustment
// counts from the end of what num_skip leaves out, not from the end of the field: `adjust` is length_adjustment + num_skip
// - offset - bytes, which is the same number where num_skip is left at its default. max_frame_length is compared with the
// number in the field before it is adjusted; `maxFrameBytes` with what comes behind the field: add `adjust`.

import { assertEquals } from "@std/assert";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../src/framing/length_prefixed.ts";
import { concat, everyCut, frameErrorOf, messagesOf, utf8 } from "./decode.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const HELLO = utf8("Hello world");

interface Builder {
  length_field_offset?: number;
  length_field_length?: 1 | 2 | 3 | 4 | 8;
  length_adjustment?: number;
  num_skip?: number;
  max_frame_length?: number;
  little_endian?: boolean;
}

/** Their options as ours. */
function ours(builder: Builder): LengthPrefixedOptions {
  const { length_field_offset: offset = 0, length_field_length: width = 4, length_adjustment = 0 } = builder;
  const adjust = length_adjustment + (builder.num_skip ?? offset + width) - offset - width;
  return {
    offset,
    bytes: width,
    adjust,
    endian: builder.little_endian ? "little" : "big",
    maxFrameBytes: (builder.max_frame_length ?? 8 * 1_024 * 1_024) + adjust,
    ...(builder.num_skip === undefined ? {} : { strip: builder.num_skip }),
  };
}

interface Example {
  what: string;
  builder: Builder;
  adjust: number;
  head: Uint8Array;
  decoded: Uint8Array;
}

const EXAMPLES: Example[] = [
  {
    what: "1, u16, head left out",
    builder: { length_field_length: 2 },
    adjust: 0,
    head: bytes(0x00, 0x0b),
    decoded: HELLO,
  },
  {
    what: "2, u16, head kept",
    builder: { length_field_length: 2, length_adjustment: 2, num_skip: 0 },
    adjust: 0,
    head: bytes(0x00, 0x0b),
    decoded: concat(bytes(0x00, 0x0b), HELLO),
  },
  {
    what: "3, u16 that counts the head",
    builder: { length_field_length: 2, length_adjustment: -2 },
    adjust: -2,
    head: bytes(0x00, 0x0d),
    decoded: HELLO,
  },
  {
    what: "4, 3 bytes and more head behind them, all kept",
    builder: { length_field_length: 3, length_adjustment: 5, num_skip: 0 },
    adjust: 2,
    head: bytes(0x00, 0x00, 0x0b, 0xca, 0xfe),
    decoded: concat(bytes(0x00, 0x00, 0x0b, 0xca, 0xfe), HELLO),
  },
  {
    what: "5, u16 in the middle, second half of the head kept",
    builder: { length_field_offset: 1, length_field_length: 2, length_adjustment: 1, num_skip: 3 },
    adjust: 1,
    head: bytes(0xca, 0x00, 0x0b, 0xfe),
    decoded: concat(bytes(0xfe), HELLO),
  },
  {
    what: "6, the same with a length that counts all",
    builder: { length_field_offset: 1, length_field_length: 2, length_adjustment: -3, num_skip: 3 },
    adjust: -3,
    head: bytes(0xca, 0x00, 0x0f, 0xfe),
    decoded: concat(bytes(0xfe), HELLO),
  },
  {
    what: "7, 3 bytes and one unused behind them",
    builder: { length_field_length: 3, num_skip: 4 },
    adjust: 1,
    head: bytes(0x00, 0x00, 0x0b, 0xff),
    decoded: HELLO,
  },
  // From its tests: the rest of the options.
  {
    what: "u32 little-endian",
    builder: { little_endian: true },
    adjust: 0,
    head: bytes(0x0b, 0x00, 0x00, 0x00),
    decoded: HELLO,
  },
  { what: "one byte", builder: { length_field_length: 1 }, adjust: 0, head: bytes(0x0b), decoded: HELLO },
  {
    what: "u16 behind four bytes",
    builder: { length_field_offset: 4, length_field_length: 2 },
    adjust: 0,
    head: concat(utf8("zzzz"), bytes(0x00, 0x0b)),
    decoded: HELLO,
  },
  {
    what: "u16 behind two bytes, all kept",
    builder: { length_field_offset: 2, length_field_length: 2, length_adjustment: 4, num_skip: 0 },
    adjust: 0,
    head: concat(utf8("xx"), bytes(0x00, 0x0b)),
    decoded: concat(utf8("xx"), bytes(0x00, 0x0b), HELLO),
  },
];

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

for (const { what, builder, adjust, head, decoded } of EXAMPLES) {
  const wire = concat(head, HELLO);

  unit(`tokio's example ${what}: decoded as they say, however it is cut`, () => {
    assertEquals(ours(builder).adjust, adjust);
    const codec = lengthPrefixed(ours(builder));
    for (const chunks of everyCut(concat(wire, wire))) {
      assertEquals(messagesOf(codec.decoder(), chunks), [decoded, decoded]);
    }
  });

  unit(`tokio's example ${what}: max_frame_length of its very length takes it, one less refuses it by its head`, () => {
    const { offset = 0, bytes: width } = ours(builder);
    const field = head.slice(offset, offset + Number(width));
    const length = (builder.little_endian ? field : field.reverse()).reduce((sum, byte, i) => sum + byte * 256 ** i, 0);
    assertEquals(messagesOf(lengthPrefixed(ours({ ...builder, max_frame_length: length })).decoder(), [wire]), [
      decoded,
    ]);
    const decoder = lengthPrefixed(ours({ ...builder, max_frame_length: length - 1 })).decoder();
    decoder.push(wire.slice(0, offset + Number(width)));
    const error = frameErrorOf(() => decoder.next());
    assertEquals([error.code, error.frameBytes, error.maxFrameBytes], [
      "ERR_FRAME_TOO_LARGE",
      length + adjust,
      length + adjust - 1,
    ]);
  });
}

// ---- encoding ----

const ENCODED: [what: string, builder: Builder, payload: string, head: Uint8Array][] = [
  ["by default", {}, "hello world", bytes(0, 0, 0, 0x0b)],
  ["behind a u16", { length_field_length: 2 }, "hello world", bytes(0, 0x0b)],
  ["behind one byte", { length_field_length: 1 }, "abcdefghi", bytes(9)],
  ["behind a little-endian u32", { little_endian: true }, "abcdefghi", bytes(9, 0, 0, 0)],
  ["with a length_adjustment of -2", { length_adjustment: -2 }, "abcdefghi", bytes(0, 0, 0, 0x0b)],
];

for (const [what, builder, payload, head] of ENCODED) {
  unit(`tokio's payload "${payload}" is encoded as they say ${what}`, () => {
    assertEquals(lengthPrefixed(ours(builder)).encode(utf8(payload)), concat(head, utf8(payload)));
  });
}

// ---- the oversize cases of its tests ----

unit("tokio's max_frame_length 5 refuses a frame of 9 bytes", () => {
  const wire = concat(bytes(0, 0, 0, 9), utf8("abcdefghi"));
  for (const chunks of everyCut(wire)) {
    const codec = lengthPrefixed(ours({ max_frame_length: 5 }));
    assertEquals(frameErrorOf(() => messagesOf(codec.decoder(), chunks)).frameBytes, 9);
  }
});

unit("tokio's max_frame_length 5 refuses to send 6 bytes", () => {
  const error = frameErrorOf(() => lengthPrefixed(ours({ max_frame_length: 5 })).encode(utf8("abcdef")));
  assertEquals([error.code, error.frameBytes, error.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 6, 5]);
});

unit("tokio's rule that a limit beyond the field is cut to the field holds here, too", () => {
  const codec = lengthPrefixed(ours({ length_field_length: 1, max_frame_length: 1_000 }));
  assertEquals(codec.encode(new Uint8Array(255)).length, 256);
  assertEquals(frameErrorOf(() => codec.encode(new Uint8Array(256))).maxFrameBytes, 255);
});
