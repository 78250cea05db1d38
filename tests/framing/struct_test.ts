import { assert, assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import type { Codec } from "../../src/framing/codec.ts";
import { delimited } from "../../src/framing/delimited.ts";
import { fixedLength } from "../../src/framing/fixed_length.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { netstrings } from "../../src/framing/netstrings.ts";
import { struct, type StructFieldType } from "../../src/framing/struct.ts";
import { concat, decodeAll, drain, everyCut, frame, frameErrorOf, messagesOf, windowsAt } from "./decode.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const NONE = bytes();

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return bytes(...hex.split(" ").map((it) => Number.parseInt(it, 16)));
}

// ---- the wire ----

const media = struct({ streamType: "u16", timestamp: "u32", sequence: "u16" });

unit("struct() writes the bytes that its module shows", () => {
  const codec = struct({ kind: "u16", at: "u32" });
  const wire = codec.encode({ kind: 1, at: 7, payload: bytes(0xff) });
  assertEquals(wire, fromHex("00 00 00 07 00 01 00 00 00 07 ff"));
});

unit("struct() writes fields in the order of the description, whatever the order of the message", () => {
  const wire = fromHex("00 00 00 0a 00 01 00 01 e2 40 be ef ab cd");
  const payload = bytes(0xab, 0xcd);
  assertEquals(media.encode({ streamType: 1, timestamp: 123_456, sequence: 0xbeef, payload }), wire);
  assertEquals(media.encode({ payload, sequence: 0xbeef, timestamp: 123_456, streamType: 1 }), wire);
});

/** Values of every type with their big-endian bytes. */
const VALUES: { [Type in StructFieldType]: [value: number | bigint, hex: string][] } = {
  u8: [[0, "00"], [1, "01"], [0x7f, "7f"], [0x80, "80"], [0xff, "ff"]],
  i8: [[0, "00"], [1, "01"], [127, "7f"], [-128, "80"], [-1, "ff"]],
  u16: [[0, "00 00"], [1, "00 01"], [0x1234, "12 34"], [0x8000, "80 00"], [0xffff, "ff ff"]],
  i16: [[0, "00 00"], [0x1234, "12 34"], [0x7fff, "7f ff"], [-0x8000, "80 00"], [-1, "ff ff"]],
  u32: [[0, "00 00 00 00"], [0x12345678, "12 34 56 78"], [2 ** 31, "80 00 00 00"], [2 ** 32 - 1, "ff ff ff ff"]],
  i32: [[0x12345678, "12 34 56 78"], [2 ** 31 - 1, "7f ff ff ff"], [-(2 ** 31), "80 00 00 00"], [-1, "ff ff ff ff"]],
  u64: [
    [0n, "00 00 00 00 00 00 00 00"],
    [0x0123456789abcdefn, "01 23 45 67 89 ab cd ef"],
    [2n ** 53n + 1n, "00 20 00 00 00 00 00 01"],
    [2n ** 63n, "80 00 00 00 00 00 00 00"],
    [2n ** 64n - 1n, "ff ff ff ff ff ff ff ff"],
  ],
  i64: [
    [0n, "00 00 00 00 00 00 00 00"],
    [0x0123456789abcdefn, "01 23 45 67 89 ab cd ef"],
    [2n ** 63n - 1n, "7f ff ff ff ff ff ff ff"],
    [-(2n ** 63n), "80 00 00 00 00 00 00 00"],
    [-1n, "ff ff ff ff ff ff ff ff"],
  ],
  f32: [
    [0, "00 00 00 00"],
    [-0, "80 00 00 00"],
    [1, "3f 80 00 00"],
    [-2.5, "c0 20 00 00"],
    [2 ** -149, "00 00 00 01"],
    [(2 - 2 ** -23) * 2 ** 127, "7f 7f ff ff"],
    [Infinity, "7f 80 00 00"],
    [-Infinity, "ff 80 00 00"],
  ],
  f64: [
    [0, "00 00 00 00 00 00 00 00"],
    [-0, "80 00 00 00 00 00 00 00"],
    [1, "3f f0 00 00 00 00 00 00"],
    [Number.MIN_VALUE, "00 00 00 00 00 00 00 01"],
    [Number.MAX_VALUE, "7f ef ff ff ff ff ff ff"],
    [Infinity, "7f f0 00 00 00 00 00 00"],
    [-Infinity, "ff f0 00 00 00 00 00 00"],
  ],
};

const TYPES = Object.keys(VALUES).filter((type): type is StructFieldType => Object.hasOwn(VALUES, type));

/** A message of such values, whose types the table does not keep apart. */
function encodeAny(codec: Codec<never, unknown>, message: unknown): Uint8Array<ArrayBuffer> {
  return Reflect.apply(codec.encode, codec, [message]);
}

for (const type of TYPES) {
  for (const endian of ["big", "little"] as const) {
    unit(`struct() carries ${type} up to its limits, ${endian}-endian`, () => {
      // Fields in front and behind show that nothing is written beside the place.
      const codec = struct({ before: "u8", value: type, after: "u8" }, { endian });
      for (const [value, hex] of VALUES[type]) {
        const field = fromHex(hex);
        if (endian === "little") field.reverse();
        const wire = frame(concat(bytes(0xaa), field, bytes(0x55, 1, 2)));
        const message = { before: 0xaa, value, after: 0x55, payload: bytes(1, 2) };
        assertEquals(encodeAny(codec, message), wire);
        const [received] = messagesOf(codec.decoder(), [wire]);
        assertEquals(received, message);
        assert(Object.is(Reflect.get(Object(received), "value"), value)); // -0 is not 0
      }
    });
  }
}

unit("struct() carries NaN in fields of floating point", () => {
  const codec = struct({ a: "f32", b: "f64" });
  assertEquals(messagesOf(codec.decoder(), [codec.encode({ a: NaN, b: NaN, payload: NONE })]), [
    { a: NaN, b: NaN, payload: NONE },
  ]);
});

unit("struct() rounds numbers to what 32 bits can say", () => {
  const codec = struct({ a: "f32" });
  const [message] = messagesOf(codec.decoder(), [codec.encode({ a: 0.1, payload: NONE })]);
  assertEquals(message, { a: Math.fround(0.1), payload: NONE });
});

unit("struct() has every type in one header without gaps", () => {
  const fields = Object.fromEntries(TYPES.map((type) => [type, type]));
  const message = { ...Object.fromEntries(TYPES.map((type) => [type, VALUES[type][1]?.[0]])), payload: bytes(9) };
  const codec = struct(fields);
  const wire = encodeAny(codec, message);
  assertEquals(wire, frame(concat(...TYPES.map((type) => fromHex(VALUES[type][1]?.[1] ?? "")), bytes(9))));
  assertEquals(wire.length, 4 + 2 * (1 + 2 + 4 + 8) + 4 + 8 + 1);
  const little = struct(fields, { endian: "little" });
  for (const [codecOf, bytesOf] of [[codec, wire], [little, encodeAny(little, message)]] as const) {
    for (const chunks of everyCut(bytesOf)) assertEquals(messagesOf(codecOf.decoder(), chunks), [message]);
  }
});

unit("struct() reads fields by names that objects have of their own as its own", () => {
  const codec = struct({ constructor: "u8", toString: "u8", then: "u8" });
  const message = { constructor: 1, toString: 2, then: 3, payload: NONE };
  const [received] = messagesOf(codec.decoder(), [encodeAny(codec, message)]);
  assertEquals(Object.entries(Object(received)), Object.entries(message));
});

unit("struct() does not change with the description it was made of", () => {
  const fields: Record<string, StructFieldType> = { a: "u8" };
  const codec = struct(fields);
  fields.b = "u32";
  fields.a = "u64";
  assertEquals(encodeAny(codec, { a: 1, payload: NONE }), frame(bytes(1)));
});

// ---- payload ----

unit("struct() gives a payload that is a window on the chunk", () => {
  const chunk = concat(bytes(9, 9), frame(bytes(1, 2, 3)), bytes(9)).subarray(2);
  const decoder = struct({ a: "u8" }).decoder();
  decoder.push(chunk);
  const message = decoder.next();
  assertInstanceOf(message?.payload, Uint8Array);
  assertStrictEquals(message.payload.buffer, chunk.buffer);
  assertEquals([message.payload.byteOffset, message.payload], [2 + 4 + 1, bytes(2, 3)]);
});

unit("struct() gives a payload of 0 bytes where nothing is behind the header", () => {
  const decoder = media.decoder();
  const message = { streamType: 2, timestamp: 0, sequence: 0, payload: NONE };
  assertEquals(media.encode(message).length, 4 + 8);
  assertEquals(messagesOf(decoder, [media.encode(message)]), [message]);
});

unit("struct() copies the payload that is sent and leaves it as it is", () => {
  const payload = bytes(0, 1, 2, 3).subarray(1, 3);
  const wire = struct({ a: "u8" }).encode({ a: 7, payload });
  payload.fill(9);
  assertEquals(wire, frame(bytes(7, 1, 2)));
  const again = struct({ a: "u8" }).encode({ a: 7, payload });
  again.fill(0);
  assertEquals(payload, bytes(9, 9));
});

unit("struct() takes a Buffer for a payload and gives a plain Uint8Array", () => {
  const codec = struct({ a: "u8" });
  const decoder = codec.decoder();
  decoder.push(Buffer.from(codec.encode({ a: 1, payload: Buffer.from("hi") })));
  const payload = decoder.next()?.payload;
  assertEquals(payload?.constructor, Uint8Array);
  assertEquals(payload, bytes(0x68, 0x69));
});

// ---- frames that are too short ----

unit("struct() reports a frame shorter than the header and goes on behind it", () => {
  const wire = concat(frame(bytes(0, 1, 0, 0, 0, 7, 0)), frame(NONE), frame(bytes(0, 1, 0, 0, 0, 7, 0, 9)));
  const bad = { invalid: "ERR_MESSAGE_INVALID" };
  const good = { message: { streamType: 1, timestamp: 7, sequence: 9, payload: NONE } };
  for (const chunks of everyCut(wire)) assertEquals(decodeAll(media.decoder(), chunks), [bad, bad, good]);
});

unit("struct() says how long the header is and how short the frame", () => {
  const decoder = media.decoder();
  decoder.push(frame(bytes(1, 2)));
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals(error.message, "Cannot read message: its header takes 8 bytes; the frame has 2");
  assertEquals([error.code, error.frameBytes, error.recoverable], ["ERR_MESSAGE_INVALID", 2, true]);
});

// ---- framings ----

const FRAMINGS: [name: string, framing: Codec<Uint8Array>][] = [
  ["lengthPrefixed({ bytes: 1 })", lengthPrefixed({ bytes: 1 })],
  ['lengthPrefixed({ bytes: 8, endian: "little" })', lengthPrefixed({ bytes: 8, endian: "little" })],
  ['lengthPrefixed({ bytes: "varint" })', lengthPrefixed({ bytes: "varint" })],
  ["netstrings()", netstrings()],
  ["delimited()", delimited({ delimiters: ["END"] })],
  ["fixedLength()", fixedLength(8 + 3)],
];

for (const [name, framing] of FRAMINGS) {
  unit(`struct() stands on ${name}`, () => {
    const codec = struct({ streamType: "u16", timestamp: "u32", sequence: "u16" }, { framing });
    const messages = [1, 2].map((sequence) => ({ streamType: 1, timestamp: 2, sequence, payload: bytes(7, 8, 9) }));
    const wire = messages.map((message) => codec.encode(message));
    assertEquals(wire[0], framing.encode(bytes(0, 1, 0, 0, 0, 2, 0, 1, 7, 8, 9)));
    for (const chunks of everyCut(concat(...wire))) assertEquals(messagesOf(codec.decoder(), chunks), messages);
    for (let cut = 0; cut < 20; cut++) {
      assertEquals(messagesOf(codec.decoder(), windowsAt(concat(...wire), cut)), messages);
    }
  });
}

unit("struct() counts header and payload together for the limit, both when it sends and receives", () => {
  const codec = struct({ a: "u16" }, { framing: lengthPrefixed({ maxFrameBytes: 5 }) });
  const message = { a: 1, payload: bytes(1, 2, 3) };
  assertEquals(messagesOf(codec.decoder(), [codec.encode(message)]), [message]);
  const sent = frameErrorOf(() => codec.encode({ a: 1, payload: bytes(1, 2, 3, 4) }));
  assertEquals([sent.code, sent.frameBytes, sent.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 6, 5]);
  const decoder = codec.decoder();
  decoder.push(frame(bytes(0, 1, 2, 3, 4, 5)));
  const received = frameErrorOf(() => decoder.next());
  assertEquals([received.code, received.frameBytes], ["ERR_FRAME_TOO_LARGE", 6]);
  assertEquals(frameErrorOf(() => decoder.next()), received);
});

unit("struct() has the end, the buffered bytes and the rest of its framing", () => {
  const decoder = media.decoder();
  const wire = media.encode({ streamType: 1, timestamp: 2, sequence: 3, payload: bytes(4) });
  decoder.push(concat(wire, wire.subarray(0, 6)));
  assertEquals([drain(decoder).length, decoder.bufferedBytes], [1, 6]);
  assertEquals(decoder.takeRest(), wire.subarray(0, 6));
  decoder.end();
  decoder.push(wire.slice(0, 6));
  assertEquals(drain(decoder), []);
  assertEquals(frameErrorOf(() => decoder.end()).code, "ERR_FRAME_TRUNCATED");
});
