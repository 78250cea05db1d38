// What `lengthPrefixed` takes, what it refuses, and with which words.

import { assertEquals, assertThrows } from "@std/assert";
import { lengthPrefixed, type LengthPrefixedOptions } from "../../src/framing/length_prefixed.ts";
import { decodeAll, frameErrorOf, messagesOf } from "./decode.ts";
import { RecordingSink } from "./recording_sink.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const BYTES = 'Option "bytes" must be 1, 2, 3, 4, 8 or "varint"; it is ';
const ENDIAN = 'Option "endian" must be "big" or "little"; it is ';
const OFFSET = 'Option "offset" must be an integer from 0 to 65535; it is ';
const ADJUST = 'Option "adjust" must be an integer from -2147483648 to 2147483647; it is ';
const STRIP = 'Option "strip" must be an integer from 0 to 9007199254740991; it is ';
const LIMIT = 'Option "maxFrameBytes" must be an integer from 0 to 9007199254740991; it is ';
const OVERSIZE = 'Option "onOversize" must be "fail" or "skip"; it is ';
const VARINT_ENDIAN = 'Option "endian" is not for "varint" lengths: the order of their bytes is fixed';

const BAD_OPTIONS: [options: unknown, error: typeof TypeError | typeof RangeError, message: string][] = [
  [null, TypeError, 'Option "options" must be an object; it is null'],
  [[], TypeError, 'Option "options" must be an object; it is an array'],
  ["varint", TypeError, 'Option "options" must be an object; it is "varint"'],
  [
    { maxFrameByte: 1 },
    TypeError,
    'Option "maxFrameByte" is unknown; "options" takes bytes, endian, offset, adjust, strip, maxFrameBytes, onOversize',
  ],
  ...[0, 5, 6, 7, 9, -1, 1.5, NaN, null, true].map((bytes): [unknown, typeof TypeError, string] => {
    return [{ bytes }, TypeError, BYTES + bytes];
  }),
  [{ bytes: "4" }, TypeError, `${BYTES}"4"`],
  [{ bytes: "Varint" }, TypeError, `${BYTES}"Varint"`],
  [{ endian: "middle" }, TypeError, `${ENDIAN}"middle"`],
  [{ endian: null }, TypeError, `${ENDIAN}null`],
  [{ bytes: "varint", endian: "big" }, TypeError, VARINT_ENDIAN],
  [{ bytes: "varint", endian: "little" }, TypeError, VARINT_ENDIAN],
  [{ bytes: "varint", endian: "middle" }, TypeError, `${ENDIAN}"middle"`],
  [{ offset: -1 }, RangeError, `${OFFSET}-1`],
  [{ offset: 65_536 }, RangeError, `${OFFSET}65536`],
  [{ offset: 0.5 }, RangeError, `${OFFSET}0.5`],
  [{ offset: NaN }, RangeError, `${OFFSET}NaN`],
  [{ offset: "2" }, TypeError, `${OFFSET}"2"`],
  [{ adjust: -2_147_483_649 }, RangeError, `${ADJUST}-2147483649`],
  [{ adjust: 2_147_483_648 }, RangeError, `${ADJUST}2147483648`],
  [{ adjust: 1.5 }, RangeError, `${ADJUST}1.5`],
  [{ adjust: null }, TypeError, `${ADJUST}null`],
  [{ strip: -1 }, RangeError, `${STRIP}-1`],
  [{ strip: 1.5 }, RangeError, `${STRIP}1.5`],
  [{ strip: Infinity }, RangeError, `${STRIP}Infinity`],
  [{ strip: "2" }, TypeError, `${STRIP}"2"`],
  [{ maxFrameBytes: -1 }, RangeError, `${LIMIT}-1`],
  [{ maxFrameBytes: 1.5 }, RangeError, `${LIMIT}1.5`],
  [{ maxFrameBytes: NaN }, RangeError, `${LIMIT}NaN`],
  [{ maxFrameBytes: "1" }, TypeError, `${LIMIT}"1"`],
  [{ onOversize: "ignore" }, TypeError, `${OVERSIZE}"ignore"`],
  [{ onOversize: true }, TypeError, `${OVERSIZE}true`],
];

for (const [options, errorClass, message] of BAD_OPTIONS) {
  unit(`lengthPrefixed(${JSON.stringify(options)}) is refused: ${message}`, () => {
    const error = assertThrows(() => Reflect.apply(lengthPrefixed, undefined, [options]), errorClass);
    assertEquals(error.message, message);
  });
}

unit("lengthPrefixed() takes every option spelled out as undefined for the one left out", () => {
  const options = Object.fromEntries(
    ["bytes", "endian", "offset", "adjust", "strip", "maxFrameBytes", "onOversize"].map((key) => [key, undefined]),
  );
  const codec: ReturnType<typeof lengthPrefixed> = Reflect.apply(lengthPrefixed, undefined, [options]);
  assertEquals(codec.encode(bytes(7)), bytes(0, 0, 0, 1, 7));
  assertEquals(messagesOf(codec.decoder(), [bytes(0, 0, 0, 1, 7)]), [bytes(7)]);
});

const BOUNDARY_OPTIONS: LengthPrefixedOptions[] = [
  { offset: 65_535 },
  { adjust: -0x8000_0000 },
  { adjust: 0x7fff_ffff },
  { strip: Number.MAX_SAFE_INTEGER },
  { maxFrameBytes: 0 },
  { maxFrameBytes: Number.MAX_SAFE_INTEGER },
  { maxFrameBytes: Infinity },
];

for (const options of BOUNDARY_OPTIONS) {
  unit(`lengthPrefixed(${Deno.inspect(options)}) is within the rules`, () => {
    assertEquals(lengthPrefixed(options).decoder().next(), undefined);
  });
}

unit("lengthPrefixed() has a limit of 1 MiB by default, both ways", () => {
  const most = new Uint8Array(1_048_576);
  const codec = lengthPrefixed();
  const [received] = messagesOf(codec.decoder(), [codec.encode(most)]);
  assertEquals(received instanceof Uint8Array && received.length, 1_048_576);
  assertEquals(frameErrorOf(() => codec.encode(new Uint8Array(1_048_577))).maxFrameBytes, 1_048_576);
  assertEquals(frameErrorOf(() => decodeAll(codec.decoder(), [bytes(0, 16, 0, 1)])).frameBytes, 1_048_577);
});

// ---- codecs that only receive ----

for (const strip of [0, 1, 4, 6]) {
  unit(`lengthPrefixed({ bytes: 2, strip: ${strip} }) refuses to send and says why, before a byte is reserved`, () => {
    const codec = lengthPrefixed({ bytes: 2, strip });
    const message = `Cannot send frame: with the option "strip" (${strip}) the codec is for receiving only`;
    assertEquals(assertThrows(() => codec.encode(bytes(1, 2, 3)), TypeError).message, message);
    const sink = new RecordingSink();
    assertEquals(assertThrows(() => codec.encodeInto?.(bytes(1, 2, 3), sink), TypeError).message, message);
    assertEquals(sink.reserved, []);
  });
}

// ---- a field that cannot say the length ----

for (const [width, most] of [[1, 255], [2, 65_535], [3, 16_777_215]] as const) {
  for (const adjust of [-most - 1, -most - 45]) {
    unit(
      `lengthPrefixed({ bytes: ${width}, adjust: ${adjust} }) never writes a length that its field cannot hold`,
      () => {
        // The empty body's length would be one more than the field can say, or 45 more.
        assertThrows(() => lengthPrefixed({ bytes: width, adjust }).encode(bytes()), RangeError);
      },
    );
  }

  unit(`lengthPrefixed({ bytes: ${width}, adjust: ${-most} }) still has the empty frame`, () => {
    const codec = lengthPrefixed({ bytes: width, adjust: -most });
    assertEquals(codec.encode(bytes()), new Uint8Array(width).fill(255));
    assertEquals(messagesOf(codec.decoder(), [codec.encode(bytes())]), [bytes()]);
    const error = frameErrorOf(() => codec.encode(bytes(1)));
    assertEquals([error.code, error.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 0]);
  });
}
