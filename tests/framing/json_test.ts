import { assert, assertEquals, assertInstanceOf, assertLess, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import type { Codec } from "../../src/framing/codec.ts";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { concat, decodeAll, drain, everyCut, frame, frameErrorOf, messagesOf, utf8 } from "./decode.ts";
import { RecordingSink } from "./recording_sink.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** What `next()` throws. */
function messageErrorOf(run: () => unknown): MessageError {
  return assertThrows(run, MessageError);
}

// ---- values ----

const VALUES: unknown[] = [
  { type: "ping" },
  {},
  [],
  null,
  true,
  false,
  0,
  -1.5e-300,
  "",
  "text",
  [[[]]],
  { nickname: "Zoë 🦕" },
  '\u0000\u001f"\\',
  "￿\u2028\ufeff",
];

for (const value of VALUES) {
  unit(`json() carries ${JSON.stringify(value)}`, () => {
    const codec = json();
    assertEquals(messagesOf(codec.decoder(), [codec.encode(value)]), [value]);
  });
}

unit("json() writes the length in bytes, not in characters", () => {
  assertEquals(json().encode({ nickname: "Zoë 🦕" }), frame('{"nickname":"Zoë 🦕"}'));
});

unit("json() gives the same messages however the bytes are cut", () => {
  const messages = [{ a: 1 }, "ë", [], "🦕", null];
  const codec = json();
  const wire = concat(...messages.map((message) => codec.encode(message)));
  for (const chunks of everyCut(wire)) assertEquals(messagesOf(codec.decoder(), chunks), messages);
});

unit("json() keeps __proto__ as a plain key of its own", () => {
  const text = '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}';
  const [message] = messagesOf(json().decoder(), [frame(text)]);
  assert(typeof message === "object" && message !== null);
  assertEquals(Object.getPrototypeOf(message), Object.prototype);
  assertEquals(Object.keys(message), ["__proto__", "constructor"]);
  assertEquals(Reflect.get({}, "admin"), undefined);
});

unit("json() reads text as deep as a frame can be without a fault of its own", () => {
  const depth = 200_000;
  const outcomes = decodeAll(json().decoder(), [frame("[".repeat(depth) + "]".repeat(depth)), frame("1")]);
  assertEquals(outcomes.length, 2);
  assertEquals(outcomes[1], { message: 1 });
});

// ---- bad messages ----

const BAD_TEXTS = ["", " ", "{", '{"a":}', "undefined", "NaN", "'a'", "1 2", "{}x", "\ufeff{}", "\u0000"];

for (const text of BAD_TEXTS) {
  unit(`json() reports ${JSON.stringify(text)} as a bad message and goes on`, () => {
    const outcomes = decodeAll(json().decoder(), [concat(frame("1"), frame(text), frame("2"))]);
    assertEquals(outcomes, [{ message: 1 }, { invalid: "ERR_MESSAGE_INVALID" }, { message: 2 }]);
  });
}

unit("json() consumes exactly one frame for a bad message, however the bytes are cut", () => {
  const wire = concat(frame("1"), frame("{"), frame(""), frame('"ë"'));
  const expected = [{ message: 1 }, { invalid: "ERR_MESSAGE_INVALID" }, { invalid: "ERR_MESSAGE_INVALID" }, {
    message: "ë",
  }];
  for (const chunks of everyCut(wire)) assertEquals(decodeAll(json().decoder(), chunks), expected);
});

unit("json() says of a bad message how long it was and why, but not what it said", () => {
  const decoder = json().decoder();
  decoder.push(frame('{"password":"geheim"'));
  const error = messageErrorOf(() => decoder.next());
  assertEquals([error.code, error.frameBytes, error.recoverable], ["ERR_MESSAGE_INVALID", 20, true]);
  assertEquals(error.message, "Cannot read message: its 20 bytes are not JSON");
  assertInstanceOf(error.cause, SyntaxError);
});

// ---- what JSON cannot say ----

const cycle: unknown[] = [];
cycle.push(cycle);

const UNSAYABLE: [what: string, value: unknown][] = [
  ["undefined", undefined],
  ["a function", () => 1],
  ["a symbol", Symbol("s")],
  ["a BigInt", { n: 1n }],
  ["a cycle", cycle],
  ["a toJSON that gives undefined", { toJSON: () => undefined }],
];

for (const [what, value] of UNSAYABLE) {
  unit(`json() refuses to send ${what}, both ways, before a byte is reserved`, () => {
    const codec = json();
    assertThrows(() => codec.encode(value), TypeError);
    const sink = new RecordingSink();
    assertThrows(() => codec.encodeInto?.(value, sink), TypeError);
    assertEquals(sink.reserved, []);
  });
}

unit("json() lets through what a toJSON throws, before a byte is reserved", () => {
  const sink = new RecordingSink();
  const bad = {
    toJSON() {
      throw new RangeError("mine");
    },
  };
  assertThrows(() => json().encodeInto?.(bad, sink), RangeError, "mine");
  assertEquals(sink.reserved, []);
});

// ---- limits ----

for (const [text, bytes] of [["aaaaaaaa", 10], ["ëëëë", 10], ["🦕🦕", 10]] as const) {
  unit(`json() counts the limit in bytes: ${text} is ${bytes}`, () => {
    for (const [maxFrameBytes, fits] of [[bytes, true], [bytes - 1, false]] as const) {
      const codec = json({ framing: lengthPrefixed({ maxFrameBytes }) });
      const sink = new RecordingSink();
      if (fits) {
        codec.encodeInto?.(text, sink);
        assertEquals([codec.encode(text), sink.bytes], [frame(`"${text}"`), frame(`"${text}"`)]);
        continue;
      }
      for (const encode of [() => codec.encode(text), () => codec.encodeInto?.(text, sink)]) {
        const error = frameErrorOf(encode);
        assertEquals([error.code, error.frameBytes, error.maxFrameBytes], [
          "ERR_FRAME_TOO_LARGE",
          bytes,
          maxFrameBytes,
        ]);
      }
      assertEquals(sink.reserved, []);
    }
  });
}

unit("JsonDecoder dies of a frame over the limit as its framing does", () => {
  const decoder = json({ framing: lengthPrefixed({ maxFrameBytes: 5 }) }).decoder();
  decoder.push(concat(frame("1"), frame("123456")));
  assertEquals(decoder.next(), 1);
  const error = frameErrorOf(() => decoder.next());
  decoder.push(frame("2"));
  assertEquals(frameErrorOf(() => decoder.next()), error);
  assertEquals(frameErrorOf(() => decoder.end()), error);
});

// ---- the rest of the decoder ----

unit("JsonDecoder.end(), bufferedBytes and takeRest() are those of the framing", () => {
  const decoder = json().decoder();
  decoder.push(concat(frame("1"), utf8("rest")));
  assertEquals(decoder.next(), 1);
  assertEquals(decoder.bufferedBytes, 4);
  assertEquals(decoder.takeRest(), utf8("rest"));
  decoder.end();
  decoder.push(frame("12").slice(0, 5));
  assertEquals(drain(decoder), []);
  assertEquals(frameErrorOf(() => decoder.end()).code, "ERR_FRAME_TRUNCATED");
});

unit("json() says which option is unknown", () => {
  const error = assertThrows(() => Reflect.apply(json, undefined, [{ maxFrameBytes: 5 }]), TypeError);
  assertEquals(error.message, 'Option "maxFrameBytes" is unknown; "options" takes framing, schema, maxDepth');
});

// ---- other framings ----

/** Bodies in frames of one byte of length, as somebody else's codec might make them. */
function foreignFraming(change: (body: Uint8Array) => Uint8Array): Codec<Uint8Array> {
  const inner = lengthPrefixed({ bytes: 1 });
  return {
    encode: (message) => inner.encode(message),
    decoder() {
      const decoder = inner.decoder();
      return {
        push: (chunk) => decoder.push(chunk),
        next() {
          const body = decoder.next();
          return body === undefined ? undefined : change(body);
        },
        end: () => decoder.end(),
        get bufferedBytes() {
          return decoder.bufferedBytes;
        },
        takeRest: () => decoder.takeRest(),
      };
    },
  };
}

unit("json() stands on a framing that knows no encodeInto", () => {
  const codec = json({ framing: foreignFraming((body) => body) });
  const sink = new RecordingSink();
  codec.encodeInto?.({ a: "ë" }, sink);
  assertEquals(sink.bytes, codec.encode({ a: "ë" }));
  assertEquals(messagesOf(codec.decoder(), [sink.bytes]), [{ a: "ë" }]);
});

unit("json() stands on a framing whose frames share a buffer with the chunk but do not lie in it", () => {
  // As a framing does that unescapes into a pool the chunks come from, too.
  const pool = new Uint8Array(1_000);
  const framing = foreignFraming((body) => {
    pool.set(body, 500);
    return pool.subarray(500, 500 + body.length);
  });
  const wire = concat(framing.encode(utf8("[1,2]")), framing.encode(utf8("[3]")));
  pool.set(wire, 100);
  const chunk = pool.subarray(100, 100 + wire.length);
  assertEquals(messagesOf(json({ framing }).decoder(), [chunk]), [[1, 2], [3]]);
});

unit("json() stands on a framing that unmasks its frames where they stand", () => {
  const mask = (body: Uint8Array) => {
    for (let i = 0; i < body.length; i++) body[i] = 0x20 ^ (body[i] ?? 0);
    return body;
  };
  const framing = foreignFraming(mask);
  const wire = concat(...['{"a":1}', '{"b":2}'].map((text) => framing.encode(mask(utf8(text)))));
  assertEquals(messagesOf(json({ framing }).decoder(), [wire]), [{ a: 1 }, { b: 2 }]);
});

unit("json() asks the runtime for text once a chunk, not once a frame", () => {
  const calls: number[] = [];
  const decode = TextDecoder.prototype.decode;
  Object.defineProperty(TextDecoder.prototype, "decode", {
    configurable: true,
    writable: true,
    value(this: TextDecoder, bytes: Uint8Array) {
      calls.push(bytes.length);
      return decode.call(this, bytes);
    },
  });
  try {
    const chunk = concat(...Array.from({ length: 100 }, () => frame('{"text":"plain"}')));
    assertEquals(messagesOf(json().decoder(), Array.from({ length: 10 }, () => chunk)).length, 1_000);
    assertEquals(calls, Array.from({ length: 10 }, () => chunk.length));
    // Text that is not plain costs its own bytes once more, however many frames there are.
    calls.length = 0;
    const other = concat(...Array.from({ length: 100 }, () => frame('{"text":"Zoë"}')));
    assertEquals(messagesOf(json().decoder(), [other]).length, 100);
    assertLess(calls.reduce((sum, bytes) => sum + bytes), 2 * other.length);
  } finally {
    Object.defineProperty(TextDecoder.prototype, "decode", { configurable: true, writable: true, value: decode });
  }
});
