import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { FrameError } from "../../src/base/errors.ts";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../src/framing/length_prefixed.ts";
import { concat, drain, everyCut, frame, frameErrorOf, messagesOf, utf8, windowsAt } from "./decode.ts";
import { RecordingSink } from "./recording_sink.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

// ---- the wire ----

const WIRE: [options: LengthPrefixedOptions, header: Uint8Array][] = [
  [{}, bytes(0, 0, 1, 4)],
  [{ bytes: 4, endian: "big" }, bytes(0, 0, 1, 4)],
  [{ endian: "little" }, bytes(4, 1, 0, 0)],
  [{ bytes: 2 }, bytes(1, 4)],
  [{ bytes: 2, endian: "little" }, bytes(4, 1)],
  [{ bytes: 3 }, bytes(0, 1, 4)],
  [{ bytes: 3, endian: "little" }, bytes(4, 1, 0)],
  [{ bytes: 8 }, bytes(0, 0, 0, 0, 0, 0, 1, 4)],
  [{ bytes: 8, endian: "little" }, bytes(4, 1, 0, 0, 0, 0, 0, 0)],
  [{ bytes: "varint" }, bytes(0x84, 2)],
];

for (const [options, header] of WIRE) {
  const codec = lengthPrefixed(options);
  const body = new Uint8Array(260).fill(7);

  unit(`lengthPrefixed(${JSON.stringify(options)}) writes 260 as ${header}`, () => {
    assertEquals(codec.encode(body), concat(header, body));
  });

  unit(`lengthPrefixed(${JSON.stringify(options)}) reads what it wrote`, () => {
    assertEquals(messagesOf(codec.decoder(), [codec.encode(body)]), [body]);
  });
}

unit("lengthPrefixed({ bytes: 1 }) writes and reads up to 255 bytes", () => {
  const codec = lengthPrefixed({ bytes: 1 });
  const body = new Uint8Array(255).fill(3);
  assertEquals(codec.encode(body)[0], 255);
  assertEquals(messagesOf(codec.decoder(), [codec.encode(body)]), [body]);
});

for (const width of [1, 2, 3, 4, 8] as const) {
  const codec = lengthPrefixed({ bytes: width });

  unit(`lengthPrefixed({ bytes: ${width} }) knows the empty frame`, () => {
    assertEquals(codec.encode(bytes()), new Uint8Array(width));
    assertEquals(messagesOf(codec.decoder(), [new Uint8Array(3 * width)]), [bytes(), bytes(), bytes()]);
  });

  unit(`lengthPrefixed({ bytes: ${width} }) gives the same frames however the bytes are cut`, () => {
    const bodies = [bytes(), bytes(1), utf8("hello"), bytes(), bytes(0, 0, 0, 9), bytes(255, 255)];
    const wire = concat(...bodies.map((body) => codec.encode(body)));
    for (const chunks of everyCut(wire)) assertEquals(messagesOf(codec.decoder(), chunks), bodies);
  });
}

unit("LengthPrefixedDecoder gives the same frames from windows on one buffer", () => {
  const bodies = [utf8("one"), utf8("two"), utf8("three")];
  const wire = concat(...bodies.map((body) => frame(body)));
  for (let cut = 0; cut <= wire.length; cut++) {
    assertEquals(messagesOf(lengthPrefixed().decoder(), windowsAt(wire, cut)), bodies);
  }
});

unit("LengthPrefixedDecoder.next() gives windows on the chunk, without a copy", () => {
  const decoder = lengthPrefixed().decoder();
  const chunk = concat(frame("one"), frame("two"));
  decoder.push(chunk);
  assertStrictEquals(decoder.next()?.buffer, chunk.buffer);
  assertStrictEquals(decoder.next()?.buffer, chunk.buffer);
});

unit("LengthPrefixedDecoder.next() gives a frame that later chunks do not change", () => {
  const decoder = lengthPrefixed().decoder();
  const wire = concat(frame("first"), frame("other"));
  decoder.push(wire.slice(0, 7));
  decoder.next();
  decoder.push(wire.slice(7));
  const first = decoder.next();
  decoder.next();
  decoder.push(frame("third"));
  decoder.next();
  assertEquals(first, utf8("first"));
});

// ---- several pushes before a next ----

unit("LengthPrefixedDecoder takes whole frames in several pushes before the first next()", () => {
  const decoder = lengthPrefixed().decoder();
  for (const text of ["one", "two", "three"]) decoder.push(frame(text));
  assertEquals([decoder.next(), decoder.next(), decoder.next()], [utf8("one"), utf8("two"), utf8("three")]);
  assertEquals(decoder.next(), undefined);
  decoder.end();
});

unit("LengthPrefixedDecoder takes every cut of the stream pushed before the first next()", () => {
  const bodies = [utf8("ab"), bytes(), utf8("cde"), utf8("f")];
  for (const chunks of everyCut(concat(...bodies.map((body) => frame(body))))) {
    const decoder = lengthPrefixed().decoder();
    for (const chunk of chunks) decoder.push(chunk);
    assertEquals(drain(decoder), bodies.map((message) => ({ message })));
    decoder.end();
  }
});

unit("LengthPrefixedDecoder takes a push between two frames of one chunk", () => {
  const decoder = lengthPrefixed().decoder();
  decoder.push(concat(frame("one"), frame("two")));
  assertEquals(decoder.next(), utf8("one"));
  decoder.push(frame("three"));
  assertEquals([decoder.next(), decoder.next(), decoder.next()], [utf8("two"), utf8("three"), undefined]);
});

// ---- limits ----

for (const size of [9, 10]) {
  unit(`lengthPrefixed({ maxFrameBytes: 10 }) takes ${size} bytes both ways`, () => {
    const codec = lengthPrefixed({ maxFrameBytes: 10 });
    const body = new Uint8Array(size).fill(1);
    assertEquals(messagesOf(codec.decoder(), [codec.encode(body)]), [body]);
  });
}

unit("lengthPrefixed().encode() refuses a body over the limit", () => {
  const error = frameErrorOf(() => lengthPrefixed({ maxFrameBytes: 10 }).encode(new Uint8Array(11)));
  assertEquals([error.code, error.frameBytes, error.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 11, 10]);
  assertEquals(error.message, "Cannot send frame: it has 11 bytes, at most 10 are allowed");
});

unit("lengthPrefixed().encodeInto() refuses a body over the limit before it reserves anything", () => {
  const sink = new RecordingSink();
  const codec = lengthPrefixed({ maxFrameBytes: 10 });
  assertEquals(frameErrorOf(() => codec.encodeInto?.(new Uint8Array(11), sink)).code, "ERR_FRAME_TOO_LARGE");
  assertEquals([sink.reserved, sink.bytes], [[], bytes()]);
});

unit("LengthPrefixedDecoder.next() refuses a frame over the limit before its body arrives", () => {
  const decoder = lengthPrefixed({ maxFrameBytes: 10 }).decoder();
  decoder.push(bytes(0, 0, 0, 11));
  const error = frameErrorOf(() => decoder.next());
  assertEquals([error.code, error.recoverable, error.frameBytes, error.maxFrameBytes], [
    "ERR_FRAME_TOO_LARGE",
    false,
    11,
    10,
  ]);
});

unit("LengthPrefixedDecoder.next() refuses a frame over the limit however its header is cut", () => {
  for (const chunks of everyCut(bytes(0, 0, 0, 11, 1))) {
    const decoder = lengthPrefixed({ maxFrameBytes: 10 }).decoder();
    assertEquals(frameErrorOf(() => messagesOf(decoder, chunks)).code, "ERR_FRAME_TOO_LARGE");
  }
});

for (const endian of ["big", "little"] as const) {
  unit(`LengthPrefixedDecoder.next() reads a length of 2^32 - 1, ${endian}-endian, as what it is`, () => {
    const decoder = lengthPrefixed({ endian }).decoder();
    decoder.push(bytes(255, 255, 255, 255));
    assertEquals(frameErrorOf(() => decoder.next()).frameBytes, 4_294_967_295);
  });
}

unit(
  "LengthPrefixedDecoder.next() waits for a body of 2^32 - 1 bytes where that is allowed, and reserves nothing",
  () => {
    const decoder = lengthPrefixed({ maxFrameBytes: 4_294_967_295 }).decoder();
    decoder.push(bytes(255, 255, 255, 255, 1));
    assertEquals(decoder.next(), undefined);
    decoder.push(bytes(2));
    assertEquals(decoder.next(), undefined);
    assertEquals(decoder.bufferedBytes, 6);
  },
);

for (const [width, most] of [[1, 255], [2, 65_535], [3, 16_777_215]] as const) {
  unit(`lengthPrefixed({ bytes: ${width} }) never writes a length that its field cannot hold`, () => {
    for (const maxFrameBytes of [undefined, Infinity, most, most + 1]) {
      const options = { bytes: width, ...(maxFrameBytes === undefined ? {} : { maxFrameBytes }) };
      try {
        const wire = lengthPrefixed(options).encode(new Uint8Array(most + 1));
        const decoder = lengthPrefixed(options).decoder();
        decoder.push(wire);
        assertEquals(decoder.next()?.length, most + 1);
      } catch (error) {
        // Refused, by the options (RangeError) or by the message: both are fine, a broken stream is not.
        if (!(error instanceof RangeError) && !(error instanceof FrameError && error.code === "ERR_FRAME_TOO_LARGE")) {
          throw error;
        }
      }
    }
  });
}

// ---- encoding ----

for (const message of ["text", [1, 2], null, undefined, new ArrayBuffer(2), new Uint16Array(2)]) {
  unit(`lengthPrefixed().encode() refuses ${Object.prototype.toString.call(message)}, which is no Uint8Array`, () => {
    const { encode, encodeInto } = lengthPrefixed();
    const codec = lengthPrefixed();
    assertThrows(() => Reflect.apply(encode, codec, [message]), TypeError, "must be a Uint8Array");
    const sink = new RecordingSink();
    assertThrows(() => encodeInto && Reflect.apply(encodeInto, codec, [message, sink]), TypeError);
    assertEquals(sink.reserved, []);
  });
}

for (const size of [0, 1, 127, 128, 4_092, 4_093, 65_536]) {
  unit(`lengthPrefixed().encodeInto() writes the bytes of encode() for ${size} bytes`, () => {
    const body = Uint8Array.from({ length: size }, (_, i) => i);
    for (const options of [{}, { endian: "little" }] as const) {
      const codec = lengthPrefixed(options);
      const sink = new RecordingSink();
      codec.encodeInto?.(body, sink);
      codec.encodeInto?.(body, sink);
      assertEquals(sink.bytes, concat(codec.encode(body), codec.encode(body)));
    }
  });
}

unit("lengthPrefixed().encode() gives a buffer that is the caller's for good", () => {
  const body = Buffer.from("pooled");
  const encoded = lengthPrefixed().encode(body);
  body.fill(0);
  assertEquals(encoded, frame("pooled"));
  assertEquals([encoded.byteOffset, encoded.buffer.byteLength], [0, encoded.length]);
});
