// The worked examples of Netty's LengthFieldBasedFrameDecoder. Its names in ours: lengthFieldOffset is `offset`,
// lengthFieldLength `bytes`, lengthAdjustment `adjust`, initialBytesToStrip `strip` (theirs is 0 by default, ours the end of
// the field). maxFrameLength counts the whole frame: `maxFrameBytes` is that less `offset` and `bytes`. After a frame over
// the limit Netty goes on behind it, which is `onOversize: "skip"`; its failFast (report by the length, not by the last
// byte) is how ours always is.

import { assertEquals, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../src/framing/length_prefixed.ts";
import { concat, decodeAll, drain, everyCut, frameErrorOf, messagesOf, utf8 } from "./decode.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const HELLO = utf8("HELLO, WORLD");

interface Example {
  what: string;
  lengthFieldOffset: number;
  lengthFieldLength: 2 | 3;
  lengthAdjustment: number;
  initialBytesToStrip: number;
  /** All in front of the 12 bytes of content. */
  head: Uint8Array;
  /** How much of `head` is left in the decoded frame, from its end. */
  headLeft: number;
}

const EXAMPLES: Example[] = [
  {
    what: "2 bytes of length, header kept",
    lengthFieldOffset: 0,
    lengthFieldLength: 2,
    lengthAdjustment: 0,
    initialBytesToStrip: 0,
    head: bytes(0x00, 0x0c),
    headLeft: 2,
  },
  {
    what: "2 bytes of length, header stripped",
    lengthFieldOffset: 0,
    lengthFieldLength: 2,
    lengthAdjustment: 0,
    initialBytesToStrip: 2,
    head: bytes(0x00, 0x0c),
    headLeft: 0,
  },
  {
    what: "2 bytes of length that count the whole message",
    lengthFieldOffset: 0,
    lengthFieldLength: 2,
    lengthAdjustment: -2,
    initialBytesToStrip: 0,
    head: bytes(0x00, 0x0e),
    headLeft: 2,
  },
  {
    what: "3 bytes of length at the end of a header of 5",
    lengthFieldOffset: 2,
    lengthFieldLength: 3,
    lengthAdjustment: 0,
    initialBytesToStrip: 0,
    head: bytes(0xca, 0xfe, 0x00, 0x00, 0x0c),
    headLeft: 5,
  },
  {
    what: "3 bytes of length at the beginning of a header of 5",
    lengthFieldOffset: 0,
    lengthFieldLength: 3,
    lengthAdjustment: 2,
    initialBytesToStrip: 0,
    head: bytes(0x00, 0x00, 0x0c, 0xca, 0xfe),
    headLeft: 5,
  },
  {
    what: "2 bytes of length in the middle of a header of 4, stripped up to their end",
    lengthFieldOffset: 1,
    lengthFieldLength: 2,
    lengthAdjustment: 1,
    initialBytesToStrip: 3,
    head: bytes(0xca, 0x00, 0x0c, 0xfe),
    headLeft: 1,
  },
  {
    what: "the same with a length that counts the whole message",
    lengthFieldOffset: 1,
    lengthFieldLength: 2,
    lengthAdjustment: -3,
    initialBytesToStrip: 3,
    head: bytes(0xca, 0x00, 0x10, 0xfe),
    headLeft: 1,
  },
];

/** Their options as ours. */
function ours(example: Example, maxFrameLength: number): LengthPrefixedOptions {
  return {
    offset: example.lengthFieldOffset,
    bytes: example.lengthFieldLength,
    adjust: example.lengthAdjustment,
    strip: example.initialBytesToStrip,
    maxFrameBytes: maxFrameLength - example.lengthFieldOffset - example.lengthFieldLength,
  };
}

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

for (const example of EXAMPLES) {
  const wire = concat(example.head, HELLO);
  const decoded = concat(example.head.subarray(example.head.length - example.headLeft), HELLO);

  unit(`Netty's example "${example.what}" is decoded as they say, however it is cut`, () => {
    const codec = lengthPrefixed(ours(example, 1_024));
    for (const chunks of everyCut(concat(wire, wire))) {
      assertEquals(messagesOf(codec.decoder(), chunks), [decoded, decoded]);
    }
  });

  unit(
    `Netty's example "${example.what}" passes a maxFrameLength of exactly its size, and one byte less refuses it`,
    () => {
      assertEquals(messagesOf(lengthPrefixed(ours(example, wire.length)).decoder(), [wire]), [decoded]);
      const decoder = lengthPrefixed(ours(example, wire.length - 1)).decoder();
      const head = example.lengthFieldOffset + example.lengthFieldLength;
      decoder.push(wire.slice(0, head)); // the length is enough
      const error = frameErrorOf(() => decoder.next());
      assertEquals(
        [error.code, error.frameBytes, error.maxFrameBytes],
        ["ERR_FRAME_TOO_LARGE", wire.length - head, wire.length - head - 1],
      );
    },
  );

  unit(`Netty's example "${example.what}" one byte over is thrown away once, and what follows is decoded`, () => {
    const codec = lengthPrefixed({ ...ours(example, wire.length), onOversize: "skip" });
    const longHead = Uint8Array.from(example.head);
    const lastOfLength = example.lengthFieldOffset + example.lengthFieldLength - 1;
    longHead[lastOfLength] = (longHead[lastOfLength] ?? 0) + 1;
    for (const chunks of everyCut(concat(longHead, HELLO, bytes(0x21), wire))) {
      assertEquals(decodeAll(codec.decoder(), chunks), [{ invalid: "ERR_FRAME_TOO_LARGE" }, { message: decoded }]);
    }
  });
}

// ---- the oversize cases of its tests ----

const COUNTED = Uint8Array.from({ length: 32 }, (_, i) => i);

for (const [how, cut] of [["at once", 0], ["in pieces of 14 and 27 bytes", 14]] as const) {
  unit(`Netty's maxFrameLength 16 throws away a frame of 36 bytes that came ${how} and gives the next`, () => {
    const codec = lengthPrefixed({ bytes: 4, strip: 0, maxFrameBytes: 12, onOversize: "skip" });
    const wire = concat(bytes(0, 0, 0, 32), COUNTED, bytes(0, 0, 0, 1, 0x61));
    assertEquals(decodeAll(codec.decoder(), [wire.slice(0, cut), wire.slice(cut)]), [
      { invalid: "ERR_FRAME_TOO_LARGE" },
      { message: bytes(0, 0, 0, 1, 0x61) },
    ]);
  });
}

unit("Netty's maxFrameLength 5 recovers from a body of 2 bytes, time and again, and reports it by its length", () => {
  const decoder = lengthPrefixed({ bytes: 4, strip: 4, maxFrameBytes: 1, onOversize: "skip" }).decoder();
  for (let round = 0; round < 2; round++) {
    decoder.push(bytes(0, 0, 0, 2));
    assertThrows(() => decoder.next(), MessageError);
    decoder.push(bytes(0, 0));
    assertEquals(drain(decoder), []);
    decoder.push(bytes(0, 0, 0, 1, 0x41));
    assertEquals(drain(decoder), [{ message: bytes(0x41) }]);
  }
});

// ---- what Netty calls corrupted ----

const CORRUPTED: [what: string, options: LengthPrefixedOptions, wire: Uint8Array, code: string][] = [
  [
    "a length that the adjustment makes negative",
    { bytes: 2, adjust: -2, strip: 0 },
    bytes(0, 1),
    "ERR_FRAME_MALFORMED",
  ],
  ["a frame shorter than what is to be stripped", { bytes: 2, strip: 4 }, bytes(0, 1, 9), "ERR_FRAME_MALFORMED"],
  // Netty reads eight bytes as a signed number, we as an unsigned one.
  ["eight bytes with the highest bit set", { bytes: 8 }, bytes(128, 0, 0, 0, 0, 0, 0, 0), "ERR_FRAME_TOO_LARGE"],
];

for (const [what, options, wire, code] of CORRUPTED) {
  unit(`Netty refuses ${what}, and so do we`, () => {
    for (const chunks of everyCut(wire)) {
      assertEquals(frameErrorOf(() => decodeAll(lengthPrefixed(options).decoder(), chunks)).code, code);
    }
  });
}
