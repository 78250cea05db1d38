import { assertEquals, assertLessOrEqual, assertStrictEquals, assertThrows } from "@std/assert";
import { fixedLength } from "../../src/framing/fixed_length.ts";
import { concat, drain, everyCut, frameErrorOf, messagesOf, utf8, windowsAt } from "./decode.ts";
import { countCopied } from "../base/count_copied.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const messagesIn = (wire: Uint8Array, size: number) =>
  Array.from({ length: Math.floor(wire.length / size) }, (_, i) => wire.slice(i * size, (i + 1) * size));

const WIRE = utf8("0123456789ab");

for (const size of [1, 2, 3, 4, 6, 12]) {
  unit(`fixedLength(${size}) gives the same frames however the bytes are cut`, () => {
    for (const chunks of everyCut(WIRE)) {
      assertEquals(messagesOf(fixedLength(size).decoder(), chunks), messagesIn(WIRE, size));
    }
  });

  unit(`fixedLength(${size}) gives the same frames with all pushed before the first next()`, () => {
    for (const chunks of everyCut(WIRE)) {
      const decoder = fixedLength(size).decoder();
      for (const chunk of chunks) decoder.push(chunk);
      assertEquals(drain(decoder), messagesIn(WIRE, size).map((message) => ({ message })));
      decoder.end();
    }
  });

  unit(`fixedLength(${size}) reads what it wrote`, () => {
    const codec = fixedLength(size);
    const messages = messagesIn(WIRE, size);
    assertEquals(messagesOf(codec.decoder(), [concat(...messages.map((message) => codec.encode(message)))]), messages);
  });

  unit(`fixedLength(${size}) ends cleanly between frames and fails for good inside one`, () => {
    for (let length = 0; length <= WIRE.length; length++) {
      for (const chunks of everyCut(WIRE.slice(0, length))) {
        const decoder = fixedLength(size).decoder();
        for (const chunk of chunks) {
          decoder.push(chunk);
          drain(decoder);
        }
        const left = length % size;
        assertEquals(decoder.bufferedBytes, left);
        if (left === 0) {
          decoder.end();
          assertEquals(decoder.next(), undefined);
          continue;
        }
        const error = frameErrorOf(() => decoder.end());
        assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TRUNCATED", left]);
        assertEquals(error.message, `Cannot read frame: the stream ended with ${left} bytes of an unfinished frame`);
        decoder.push(WIRE);
        assertStrictEquals(frameErrorOf(() => decoder.next()), error);
        assertStrictEquals(frameErrorOf(() => decoder.end()), error);
        assertEquals([decoder.bufferedBytes, decoder.takeRest()], [0, new Uint8Array(0)]);
        assertStrictEquals(frameErrorOf(() => decoder.next()), error);
      }
    }
  });

  unit(`fixedLength(${size}) hands back at every point what was not consumed, and is as new`, () => {
    for (let cut = 0; cut <= WIRE.length; cut++) {
      for (let count = 0; count * size <= WIRE.length; count++) {
        const decoder = fixedLength(size).decoder();
        decoder.push(WIRE.slice(0, cut));
        let taken = 0;
        while (taken < count && decoder.next() !== undefined) taken++;
        decoder.push(WIRE.slice(cut));
        while (taken < count && decoder.next() !== undefined) taken++;
        const rest = decoder.takeRest();
        assertEquals(rest, WIRE.slice(count * size));
        assertEquals([decoder.bufferedBytes, decoder.next()], [0, undefined]);
        decoder.end();
        assertEquals(messagesOf(decoder, [rest]), messagesIn(rest, size));
      }
    }
  });
}

unit("fixedLength() reads and writes the bytes that the module's comment shows", () => {
  const bytes = new Uint8Array([0xde, 0xad, 0xbe, 0xef]);
  assertEquals(fixedLength(4).encode(bytes), bytes);
  assertEquals(messagesOf(fixedLength(4).decoder(), [bytes]), [bytes]);
});

unit("fixedLength() gives windows on the chunk, without a copy, and plain arrays for Buffers", () => {
  const chunk = Buffer.from("xxabcdef");
  const decoder = fixedLength(3).decoder();
  decoder.push(chunk.subarray(2));
  for (const text of ["abc", "def"]) {
    const message = decoder.next();
    assertEquals(message, utf8(text));
    assertStrictEquals(message?.buffer, chunk.buffer);
    assertStrictEquals(message && Object.getPrototypeOf(message), Uint8Array.prototype);
  }
});

unit("fixedLength() gives the same frames from windows on one buffer", () => {
  for (let cut = 0; cut <= WIRE.length; cut++) {
    assertEquals(messagesOf(fixedLength(4).decoder(), windowsAt(WIRE, cut)), messagesIn(WIRE, 4));
  }
});

unit("fixedLength() gives frames that later chunks do not change", () => {
  const decoder = fixedLength(5).decoder();
  const messages: (Uint8Array | undefined)[] = [];
  for (const chunk of ["fir", "stoth", "erthi", "rd"]) {
    decoder.push(utf8(chunk));
    messages.push(decoder.next());
  }
  assertEquals(messages, [undefined, utf8("first"), utf8("other"), utf8("third")]);
});

unit("fixedLength() copies what comes byte by byte a constant number of times, however large the frame", () => {
  const size = 100_000;
  const decoder = fixedLength(size).decoder();
  const wire = Uint8Array.from({ length: size }, (_, i) => i);
  let message: Uint8Array | undefined;
  const copied = countCopied(() => {
    for (let at = 0; at < size; at++) {
      decoder.push(wire.subarray(at, at + 1));
      message = decoder.next();
    }
  });
  assertEquals(message, wire);
  assertLessOrEqual(copied, 4 * size);
});

unit("fixedLength() reserves nothing for a frame of 2 GiB before its bytes come", () => {
  const decoder = fixedLength(2_147_483_647).decoder();
  for (const chunk of ["a", "bc", ""]) {
    decoder.push(utf8(chunk));
    assertEquals(decoder.next(), undefined);
  }
  assertEquals(decoder.bufferedBytes, 3);
  const rest = decoder.takeRest();
  assertEquals(rest, utf8("abc"));
  assertLessOrEqual(rest.buffer.byteLength, 1_024);
});

// ---- sending ----

for (const length of [0, 2, 4]) {
  unit(`fixedLength(3).encode() refuses ${length} bytes`, () => {
    const error = assertThrows(() => fixedLength(3).encode(new Uint8Array(length)), RangeError);
    assertEquals(error.message, `Cannot send frame: it must have exactly 3 bytes; it has ${length}`);
  });
}

for (const message of ["abc", [1, 2, 3], null, undefined, new ArrayBuffer(3), new Uint16Array(3)]) {
  unit(`fixedLength().encode() refuses ${Object.prototype.toString.call(message)}, which is no Uint8Array`, () => {
    const codec = fixedLength(3);
    assertThrows(() => Reflect.apply(codec.encode, codec, [message]), TypeError, "must be a Uint8Array; it is");
  });
}

unit("fixedLength().encode() gives a buffer that is the caller's for good", () => {
  const body = Buffer.from("pooled");
  const encoded = fixedLength(6).encode(body);
  body.fill(0);
  assertEquals(encoded, utf8("pooled"));
  assertEquals([encoded.byteOffset, encoded.buffer.byteLength], [0, 6]);
  assertStrictEquals(Object.getPrototypeOf(encoded), Uint8Array.prototype);
});

// ---- options ----

const RANGE = 'Option "frameBytes" must be an integer from 1 to 2147483647; it is';

const BAD: [frameBytes: unknown, message: string][] = [
  [undefined, 'TypeError: Option "frameBytes" must be an integer from 1 on; it is undefined'],
  [null, `TypeError: ${RANGE} null`],
  ["4", `TypeError: ${RANGE} "4"`],
  [4n, `TypeError: ${RANGE} 4n`],
  [{ frameBytes: 4 }, `TypeError: ${RANGE} an object`],
  [0, `RangeError: ${RANGE} 0`],
  [-1, `RangeError: ${RANGE} -1`],
  [1.5, `RangeError: ${RANGE} 1.5`],
  [NaN, `RangeError: ${RANGE} NaN`],
  [Infinity, `RangeError: ${RANGE} Infinity`],
  [2_147_483_648, `RangeError: ${RANGE} 2147483648`],
];

for (const [frameBytes, message] of BAD) {
  unit(`fixedLength(${Deno.inspect(frameBytes)}) is refused by option, rule and value`, () => {
    assertEquals(String(assertThrows(() => Reflect.apply(fixedLength, undefined, [frameBytes]), Error)), message);
  });
}
