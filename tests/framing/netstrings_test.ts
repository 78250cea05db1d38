import { assertEquals, assertLess, assertLessOrEqual, assertStrictEquals, assertThrows } from "@std/assert";
import { netstrings } from "../../src/framing/netstrings.ts";
import { concat, drain, everyCut, frameErrorOf, messagesOf, utf8, windowsAt } from "./decode.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

// ---- what is read ----

const WIRE: [wire: string, messages: string[]][] = [
  ["", []],
  ["2:hi,", ["hi"]],
  ["0:,", [""]],
  ["0:,0:,0:,", ["", "", ""]],
  ["12:hello world!,", ["hello world!"]],
  ["3:,:,,1::,2:1:,", [",:,", ":", "1:"]],
  ["10:0123456789,9:012345678,", ["0123456789", "012345678"]],
  ["5:é€,", ["é€"]],
];

for (const [wire, texts] of WIRE) {
  unit(`netstrings() reads ${JSON.stringify(wire)}, however it is cut`, () => {
    for (const chunks of everyCut(utf8(wire))) {
      assertEquals(messagesOf(netstrings().decoder(), chunks), texts.map(utf8));
    }
  });

  unit(`netstrings() reads ${JSON.stringify(wire)} pushed before the first next()`, () => {
    for (const chunks of everyCut(utf8(wire))) {
      const decoder = netstrings().decoder();
      for (const chunk of chunks) decoder.push(chunk);
      assertEquals(drain(decoder), texts.map((text) => ({ message: utf8(text) })));
      decoder.end();
    }
  });

  unit(`netstrings() reads ${JSON.stringify(wire)} from windows on one buffer`, () => {
    const bytes = utf8(wire);
    for (let cut = 0; cut <= bytes.length; cut++) {
      assertEquals(messagesOf(netstrings().decoder(), windowsAt(bytes, cut)), texts.map(utf8));
    }
  });
}

unit("netstrings() reads and writes the bytes that the module's comment shows", () => {
  const wire = new Uint8Array([0x32, 0x3a, 0x68, 0x69, 0x2c]);
  assertEquals(netstrings().encode(utf8("hi")), wire);
  assertEquals(messagesOf(netstrings().decoder(), [wire]), [utf8("hi")]);
});

unit("netstrings() gives windows on the chunk, without a copy, and plain arrays for Buffers", () => {
  const chunk = Buffer.from("xx3:one,3:two,");
  const decoder = netstrings().decoder();
  decoder.push(chunk.subarray(2));
  for (const text of ["one", "two"]) {
    const message = decoder.next();
    assertEquals(message, utf8(text));
    assertStrictEquals(message?.buffer, chunk.buffer);
    assertStrictEquals(message && Object.getPrototypeOf(message), Uint8Array.prototype);
  }
});

unit("netstrings() gives messages that later chunks do not change", () => {
  const decoder = netstrings().decoder();
  const messages: (Uint8Array | undefined)[] = [];
  for (const chunk of ["5:fir", "st,5:oth", "er,5", ":third,"]) {
    decoder.push(utf8(chunk));
    messages.push(decoder.next());
  }
  assertEquals(messages, [undefined, utf8("first"), utf8("other"), utf8("third")]);
});

// ---- what is refused ----

const digits = (found: string) =>
  `Cannot read frame: a netstring begins with its length in digits and a colon; there is ${found}`;
const zeros = "Cannot read frame: the length of a netstring has no leading zeros";
const comma = (found: string) => `Cannot read frame: a netstring ends with a comma; there is ${found}`;

const MALFORMED: [wire: string, message: string][] = [
  [":hi,", digits("0x3a")],
  [",", digits("0x2c")],
  ["-1:a,", digits("0x2d")],
  ["+1:a,", digits("0x2b")],
  [" 1:a,", digits("0x20")],
  ["1 :a,", digits("0x20")],
  ["1.0:a,", digits("0x2e")],
  ["1e1:a,", digits("0x65")],
  ["0x1:a,", digits("0x78")],
  ["1;a,", digits("0x3b")],
  ["1/a,", digits("0x2f")],
  ["\n", digits("0x0a")],
  ["١:a,", digits("0xd9")],
  ["\0", digits("0x00")],
  ["00:,", zeros],
  ["01:a,", zeros],
  ["000", zeros],
  ["1:ab", comma("0x62")],
  ["1:a;", comma("0x3b")],
  ["0:\n", comma("0x0a")],
  ["0:0:,", comma("0x30")],
  ["2:hi\r\n", comma("0x0d")],
];

for (const [bad, message] of MALFORMED) {
  unit(`netstrings() refuses ${JSON.stringify(bad)} behind a good one for good, however it is cut`, () => {
    for (const chunks of everyCut(utf8(`1:x,${bad}`))) {
      const decoder = netstrings().decoder();
      const messages: unknown[] = [];
      const error = frameErrorOf(() => {
        for (const chunk of chunks) {
          decoder.push(chunk);
          for (let one; (one = decoder.next()) !== undefined;) messages.push(one);
        }
      });
      assertEquals(messages, [utf8("x")]);
      assertEquals([error.message, error.code, error.recoverable], [message, "ERR_FRAME_MALFORMED", false]);
      assertEquals(decoder.bufferedBytes, 0);
      decoder.push(utf8("1:y,"));
      assertStrictEquals(frameErrorOf(() => decoder.next()), error);
      assertStrictEquals(frameErrorOf(() => decoder.end()), error);
      assertEquals([decoder.bufferedBytes, decoder.takeRest()], [0, new Uint8Array(0)]);
      assertStrictEquals(frameErrorOf(() => decoder.next()), error);
    }
  });
}

unit("netstrings() refuses a bad length as soon as the byte that is bad comes", () => {
  for (const bad of ["a", "1a", "00"]) {
    const decoder = netstrings().decoder();
    decoder.push(utf8(bad.slice(0, -1)));
    assertEquals(decoder.next(), undefined);
    decoder.push(utf8(bad.slice(-1)));
    assertEquals(frameErrorOf(() => decoder.next()).code, "ERR_FRAME_MALFORMED");
  }
});

unit("netstrings() fails when the stream ends anywhere inside a netstring", () => {
  const wire = utf8("12:hello world!,");
  for (let length = 1; length < wire.length; length++) {
    for (const chunks of everyCut(wire.slice(0, length))) {
      const decoder = netstrings().decoder();
      for (const chunk of chunks) {
        decoder.push(chunk);
        assertEquals(decoder.next(), undefined);
      }
      assertEquals(decoder.bufferedBytes, length);
      const error = frameErrorOf(() => decoder.end());
      assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TRUNCATED", length]);
      assertStrictEquals(frameErrorOf(() => decoder.next()), error);
    }
  }
});

// ---- limits ----

for (const limit of [1, 9, 10, 99, 100, 1_000]) {
  unit(`netstrings({ maxFrameBytes: ${limit} }) takes that and one less both ways, and refuses one more`, () => {
    const codec = netstrings({ maxFrameBytes: limit });
    for (const size of [limit - 1, limit]) {
      const body = new Uint8Array(size).fill(0x2c);
      assertEquals(messagesOf(codec.decoder(), [codec.encode(body)]), [body]);
    }
    const sent = frameErrorOf(() => codec.encode(new Uint8Array(limit + 1)));
    assertEquals(sent.message, `Cannot send frame: it has ${limit + 1} bytes, at most ${limit} are allowed`);
    for (const chunks of everyCut(utf8(`${limit + 1}:`))) {
      const decoder = codec.decoder();
      const error = frameErrorOf(() => messagesOf(decoder, chunks));
      assertEquals([error.code, error.frameBytes, error.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", limit + 1, limit]);
      assertStrictEquals(frameErrorOf(() => decoder.next()), error);
    }
  });
}

unit("netstrings({ maxFrameBytes: 0 }) takes the empty message and no other", () => {
  const codec = netstrings({ maxFrameBytes: 0 });
  assertEquals(messagesOf(codec.decoder(), [utf8("0:,0:,")]), [utf8(""), utf8("")]);
  assertEquals(frameErrorOf(() => messagesOf(codec.decoder(), [utf8("1")])).code, "ERR_FRAME_TOO_LARGE");
});

unit("netstrings() has a limit of 1 MiB unless it is told another", () => {
  const largest = new Uint8Array(1_048_576);
  assertEquals(netstrings().encode(largest).length, 1_048_576 + 9);
  assertEquals(frameErrorOf(() => messagesOf(netstrings().decoder(), [utf8("1048577:")])).frameBytes, 1_048_577);
  assertEquals(frameErrorOf(() => netstrings().encode(new Uint8Array(1_048_577))).code, "ERR_FRAME_TOO_LARGE");
});

for (const endless of ["9".repeat(400), "1" + "0".repeat(400)]) {
  unit(`netstrings() refuses ${endless.slice(0, 5)}... of 400 digits after a few of them, whatever the limit`, () => {
    for (const maxFrameBytes of [10, 1_048_576, Number.MAX_SAFE_INTEGER, Infinity]) {
      const decoder = netstrings({ maxFrameBytes }).decoder();
      let pushed = 0;
      const error = frameErrorOf(() => {
        for (const byte of utf8(endless)) {
          decoder.push(new Uint8Array([byte]));
          pushed++;
          decoder.next();
        }
      });
      assertLess(pushed, 20);
      const code = maxFrameBytes === Infinity ? "ERR_FRAME_MALFORMED" : "ERR_FRAME_TOO_LARGE";
      assertEquals([error.code, decoder.bufferedBytes], [code, 0]);
    }
  });
}

unit("netstrings({ maxFrameBytes: Infinity }) waits for 2^53 - 1 bytes, reserves nothing, and refuses more", () => {
  const codec = netstrings({ maxFrameBytes: Infinity });
  for (const chunks of everyCut(utf8("9007199254740991:ab"))) {
    const decoder = codec.decoder();
    assertEquals(chunks.flatMap((chunk) => (decoder.push(chunk), drain(decoder))), []);
    const rest = decoder.takeRest();
    assertEquals(rest.length, 19);
    assertLessOrEqual(rest.buffer.byteLength, 1_024);
  }
  for (const chunks of everyCut(utf8("9007199254740992:"))) {
    const error = frameErrorOf(() => messagesOf(codec.decoder(), chunks));
    assertEquals(error.message, "Cannot read frame: the length of a netstring is beyond 2^53");
  }
});

// ---- takeRest ----

unit("netstrings() hands back at every point exactly what was not consumed, and is as new", () => {
  const wire = utf8("3:one,0:,11:hello world,2:x");
  const messages = [utf8("one"), utf8(""), utf8("hello world")];
  for (let cut = 0; cut <= wire.length; cut++) {
    for (const [count, from] of [0, 6, 9, 24].entries()) {
      const decoder = netstrings().decoder();
      decoder.push(wire.slice(0, cut));
      let taken = 0;
      while (taken < count && decoder.next() !== undefined) taken++;
      decoder.push(wire.slice(cut));
      while (taken < count && decoder.next() !== undefined) taken++;
      const rest = decoder.takeRest();
      assertEquals(rest, wire.slice(from));
      assertEquals([decoder.bufferedBytes, decoder.next()], [0, undefined]);
      decoder.end();
      assertEquals(messagesOf(decoder, [concat(rest, utf8("y,"))]), [...messages.slice(count), utf8("xy")]);
    }
  }
});

// ---- sending ----

for (const message of ["text", [1, 2], null, undefined, new ArrayBuffer(2), new Uint16Array(2)]) {
  unit(`netstrings().encode() refuses ${Object.prototype.toString.call(message)}, which is no Uint8Array`, () => {
    const codec = netstrings();
    assertThrows(() => Reflect.apply(codec.encode, codec, [message]), TypeError, "must be a Uint8Array; it is");
  });
}

unit("netstrings().encode() gives a buffer that is the caller's for good", () => {
  const body = Buffer.from("pooled");
  const encoded = netstrings().encode(body);
  body.fill(0);
  assertEquals(encoded, utf8("6:pooled,"));
  assertEquals([encoded.byteOffset, encoded.buffer.byteLength], [0, encoded.length]);
});

// ---- options ----

const RANGE = 'Option "maxFrameBytes" must be an integer from 0 to 9007199254740991; it is';

const BAD_OPTIONS: [options: unknown, message: string][] = [
  [null, 'TypeError: Option "options" must be an object; it is null'],
  [5, 'TypeError: Option "options" must be an object; it is 5'],
  [{ max: 5 }, 'TypeError: Option "max" is unknown; "options" takes maxFrameBytes'],
  [{ maxFrameBytes: -1 }, `RangeError: ${RANGE} -1`],
  [{ maxFrameBytes: 1.5 }, `RangeError: ${RANGE} 1.5`],
  [{ maxFrameBytes: -Infinity }, `RangeError: ${RANGE} -Infinity`],
  [{ maxFrameBytes: 5n }, `TypeError: ${RANGE} 5n`],
];

for (const [options, message] of BAD_OPTIONS) {
  unit(`netstrings(${Deno.inspect(options)}) is refused by option, rule and value`, () => {
    assertEquals(String(assertThrows(() => Reflect.apply(netstrings, undefined, [options]), Error)), message);
  });
}
