// `lengthPrefixed` with every width, byte order, offset, adjustment and strip, against a plain model of the wire.

import { assertEquals, assertThrows } from "@std/assert";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../src/framing/length_prefixed.ts";
import { concat, cutAt, everyCut, frameErrorOf, messagesOf, utf8 } from "./decode.ts";
import { RecordingSink } from "./recording_sink.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i + 1);

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

type Field = Pick<LengthPrefixedOptions, "bytes" | "endian">;

const FIELDS: Field[] = [1, 2, 3, 4, 8].flatMap((width): Field[] => {
  const bytes = width === 1 || width === 2 || width === 3 || width === 8 ? width : 4;
  return [{ bytes, endian: "big" }, { bytes, endian: "little" }];
});
FIELDS.push({ bytes: "varint" });

/** A length as it stands on the wire, by way of bigints. */
function fieldOf(length: number, { bytes = 4, endian }: Field): Uint8Array {
  const out: number[] = [];
  let rest = BigInt(length);
  if (bytes === "varint") {
    for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) + 128);
    return Uint8Array.from([...out, Number(rest)]);
  }
  for (let i = 0; i < bytes; i++, rest >>= 8n) out.push(Number(rest & 255n));
  assertEquals(rest, 0n, "the test's own length does not fit");
  return Uint8Array.from(endian === "little" ? out : out.reverse());
}

/** The frame of a message that begins with the `offset` bytes that go in front of the field. */
function frameOf(message: Uint8Array, options: LengthPrefixedOptions): Uint8Array {
  const { offset = 0, adjust = 0 } = options;
  const length = message.length - offset - adjust;
  return concat(message.subarray(0, offset), fieldOf(length, options), message.subarray(offset));
}

for (const field of FIELDS) {
  const name = `${field.bytes} ${field.endian ?? ""}`.trim();

  unit(`lengthPrefixed(${name}) writes and reads every length that changes a byte of the field`, () => {
    const codec = lengthPrefixed(field);
    for (const length of [0, 1, 127, 128, 255, 256, 16_383, 16_384, 65_535, 65_536, 131_329]) {
      if (typeof field.bytes === "number" && length >= 256 ** field.bytes) continue;
      const body = new Uint8Array(length).fill(5);
      const wire = frameOf(body, field);
      assertEquals(codec.encode(body), wire);
      assertEquals(messagesOf(codec.decoder(), [wire]), [body]);
      assertEquals(messagesOf(codec.decoder(), cutAt(wire, 1)), [body]);
    }
  });

  unit(`lengthPrefixed(${name}) takes one less than the limit and the limit, both ways, and refuses one more`, () => {
    const codec = lengthPrefixed({ ...field, maxFrameBytes: 200 });
    for (const length of [199, 200]) {
      assertEquals(messagesOf(codec.decoder(), [codec.encode(counting(length))]), [counting(length)]);
    }
    const encoding = frameErrorOf(() => codec.encode(counting(201)));
    assertEquals([encoding.code, encoding.frameBytes, encoding.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 201, 200]);
    for (const chunks of everyCut(fieldOf(201, field))) {
      const decoding = frameErrorOf(() => messagesOf(codec.decoder(), chunks));
      assertEquals([decoding.code, decoding.frameBytes, decoding.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 201, 200]);
      assertEquals(decoding.message, "Cannot read frame: it has 201 bytes, at most 200 are allowed");
    }
  });

  for (const offset of [0, 1, 3]) {
    for (const adjust of [-9, -1, 0, 1, 4]) {
      const options = { ...field, offset, adjust };

      unit(`lengthPrefixed(${name}, offset ${offset}, adjust ${adjust}) writes, reads and strips by the model`, () => {
        const codec = lengthPrefixed(options);
        const messages = [9, 130].map((body) => counting(offset + body));
        const frames = messages.map((message) => frameOf(message, options));
        assertEquals(messages.map((message) => codec.encode(message)), frames);

        const sink = new RecordingSink();
        for (const message of messages) codec.encodeInto?.(message, sink);
        assertEquals(sink.bytes, concat(...frames));
        assertEquals(sink.reserved, frames.map((frame) => frame.length));

        const wire = concat(...frames);
        const byteByByte = Array.from(wire, (byte) => bytes(byte));
        for (const chunks of [[wire], byteByByte, cutAt(wire, offset + 2), cutAt(wire, offset + 10)]) {
          const bodies = messages.map((message) => message.subarray(offset));
          assertEquals(messagesOf(codec.decoder(), chunks), bodies);
          for (const strip of [0, 1, offset, offset + 2, 9]) {
            const stripped = frames.map((frame) => frame.subarray(strip));
            assertEquals(messagesOf(lengthPrefixed({ ...options, strip }).decoder(), chunks), stripped);
          }
        }
      });
    }
  }
}

unit("lengthPrefixed() reads the header that its module comment shows, and writes it", () => {
  const wire = concat(bytes(0xca, 0xfe, 0x00, 0x06), utf8("hi"));
  const options = { offset: 2, bytes: 2, adjust: -4 } as const;
  assertEquals(messagesOf(lengthPrefixed({ ...options, strip: 0 }).decoder(), [wire]), [wire]);
  assertEquals(lengthPrefixed(options).encode(concat(bytes(0xca, 0xfe), utf8("hi"))), wire);
  assertEquals(lengthPrefixed({ bytes: "varint" }).encode(utf8("hi")), concat(bytes(2), utf8("hi")));
});

// ---- the limit counts what is behind the field ----

for (const [offset, adjust] of [[0, 0], [5, 0], [0, -4], [3, 2], [2, -5]] as const) {
  unit(`lengthPrefixed({ offset: ${offset}, adjust: ${adjust} }) counts the limit behind the field, both ways`, () => {
    const options = { offset, adjust, maxFrameBytes: 20 };
    const codec = lengthPrefixed(options);
    const most = counting(offset + 20);
    assertEquals(messagesOf(codec.decoder(), [codec.encode(most)]), [most.subarray(offset)]);
    const over = counting(offset + 21);
    const encoding = frameErrorOf(() => codec.encode(over));
    const decoding = frameErrorOf(() => messagesOf(codec.decoder(), [frameOf(over, options)]));
    for (const error of [encoding, decoding]) assertEquals([error.frameBytes, error.maxFrameBytes], [21, 20]);
  });
}

unit("lengthPrefixed() has a field of one byte say more than 255 with a positive adjust, and no more than that", () => {
  const codec = lengthPrefixed({ bytes: 1, adjust: 10 });
  const most = counting(265);
  assertEquals(codec.encode(most)[0], 255);
  assertEquals(messagesOf(codec.decoder(), [codec.encode(most)]), [most]);
  assertEquals(frameErrorOf(() => codec.encode(counting(266))).maxFrameBytes, 265);
});

unit("lengthPrefixed() has a field of one byte say less than 255 with a negative adjust", () => {
  const codec = lengthPrefixed({ bytes: 1, adjust: -10 });
  assertEquals(codec.encode(counting(245))[0], 255);
  assertEquals(frameErrorOf(() => codec.encode(counting(246))).maxFrameBytes, 245);
});

// ---- messages without the header that the options ask for ----

const TOO_SHORT: [options: LengthPrefixedOptions, least: number][] = [
  [{ offset: 3 }, 3],
  [{ adjust: 2 }, 2],
  [{ offset: 3, adjust: 2 }, 5],
  [{ offset: 3, adjust: -2 }, 3],
];

for (const [options, least] of TOO_SHORT) {
  unit(
    `lengthPrefixed(${JSON.stringify(options)}) sends ${least} bytes and refuses fewer, before a byte is reserved`,
    () => {
      const codec = lengthPrefixed(options);
      assertEquals(codec.encode(counting(least)), frameOf(counting(least), options));
      const { offset = 0, adjust = 0 } = options;
      for (let length = 0; length < least; length++) {
        const message = `Cannot send frame: the message must have at least ${least} bytes ` +
          `("offset" ${offset}, "adjust" ${adjust}); it has ${length}`;
        assertEquals(assertThrows(() => codec.encode(counting(length)), RangeError).message, message);
        const sink = new RecordingSink();
        assertThrows(() => codec.encodeInto?.(counting(length), sink), RangeError);
        assertEquals(sink.reserved, []);
      }
    },
  );
}

// ---- frames that cannot be ----

unit("LengthPrefixedDecoder takes a length that adjust makes 0 and refuses one less", () => {
  const options = { bytes: 2, adjust: -6, strip: 0 } as const;
  assertEquals(messagesOf(lengthPrefixed(options).decoder(), [bytes(0, 6)]), [bytes(0, 6)]);
  for (const chunks of everyCut(bytes(0, 5, 1, 2))) {
    const error = frameErrorOf(() => messagesOf(lengthPrefixed(options).decoder(), chunks));
    assertEquals([error.code, error.recoverable], ["ERR_FRAME_MALFORMED", false]);
    assertEquals(
      error.message,
      'Cannot read frame: its length says 5, which with "adjust" -6 is a negative length',
    );
  }
});

unit(
  "LengthPrefixedDecoder takes a frame of exactly what strip takes away and refuses a shorter one by its length",
  () => {
    const options = { bytes: 1, strip: 4 } as const;
    assertEquals(messagesOf(lengthPrefixed(options).decoder(), [bytes(3, 7, 8, 9, 4, 1, 2, 3, 4)]), [
      bytes(),
      bytes(4),
    ]);
    for (const chunks of everyCut(bytes(3, 7, 8, 9, 2))) {
      const decoder = lengthPrefixed(options).decoder();
      const error = frameErrorOf(() => messagesOf(decoder, chunks));
      assertEquals(error.code, "ERR_FRAME_MALFORMED");
      assertEquals(error.message, 'Cannot read frame: it has 3 bytes, fewer than the 4 of "strip"');
      assertEquals(frameErrorOf(() => decoder.next()), error);
    }
  },
);

unit("lengthPrefixed({ offset: 65535 }) waits for its header, however it comes", () => {
  for (const field of FIELDS) {
    const options = { ...field, offset: 65_535 };
    const message = Uint8Array.from({ length: 65_538 }, (_, i) => i % 251);
    const wire = lengthPrefixed(options).encode(message);
    assertEquals(wire, frameOf(message, options));
    for (const cut of [1, 65_534, 65_535, 65_536, wire.length - 1]) {
      assertEquals(messagesOf(lengthPrefixed(options).decoder(), cutAt(wire, cut)), [message.subarray(65_535)]);
    }
  }
});
