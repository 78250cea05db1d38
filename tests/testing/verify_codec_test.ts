// What verifyCodec refuses, law by law, with the smallest input that shows it.

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { ByteSink, Codec } from "../../src/framing/mod.ts";
import { CodecLawError, verifyCodec } from "../../src/testing/mod.ts";
import { type Breach, BYTE_BREACHES, END_BREACHES } from "./broken_decoders.ts";
import { BAD_BREACHES, REST_BREACHES, SIZE_BREACHES } from "./broken_frames.ts";
import { sampleCodec, sampleFrame } from "./sample_codec.ts";

function lawErrorOf({ codec, options }: Breach): CodecLawError {
  const messages = [new Uint8Array([1, 2, 3]), new Uint8Array([7]), new Uint8Array(0)];
  return assertThrows(() => verifyCodec(codec, { messages, ...options }), CodecLawError);
}

/** In hex, or the size of what is long. */
function inShort(bytes: Uint8Array): string {
  if (bytes.length > 64) return `${bytes.length} bytes`;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

for (const breach of [...BYTE_BREACHES, ...END_BREACHES, ...BAD_BREACHES, ...SIZE_BREACHES, ...REST_BREACHES]) {
  Deno.test(`verifyCodec refuses a decoder that ${breach.what}`, () => {
    const error = lawErrorOf(breach);
    assertEquals(
      { law: error.law, chunks: error.chunks.map(inShort) },
      { law: breach.law, chunks: breach.chunks },
      error.message,
    );
  });
}

const OWN = "an encoded frame is the caller's for good";
const INTO = "encodeInto() writes what encode() gives";

/** Into the queue, after `change`. */
function encodeInto(change: (frame: Uint8Array, sink: ByteSink) => void) {
  return (message: Uint8Array, sink: ByteSink): void => {
    const frame = sampleFrame(message);
    const buffer = sink.reserve(frame.length);
    buffer.set(frame, sink.at);
    change(buffer, sink);
    sink.commit(frame.length);
  };
}

const scratch = new Uint8Array(64);
const ENCODERS: { what: string; law: string; chunks: string[]; others: Partial<Codec<Uint8Array>> }[] = [
  {
    what: "writes all frames into one buffer",
    law: OWN,
    chunks: ["03010203"],
    others: {
      encode: (message) => {
        scratch.set(sampleFrame(message));
        return scratch.subarray(0, message.length + 1);
      },
    },
  },
  {
    what: "keeps its frames for the next time",
    law: OWN,
    chunks: ["00"],
    others: {
      encode: (() => {
        const empty = sampleFrame(new Uint8Array(0));
        return (message) => message.length === 0 ? empty : sampleFrame(message);
      })(),
    },
  },
  {
    what: "gives the message for its frame",
    law: OWN,
    chunks: ["010203"],
    others: {
      encode: ({ buffer }) => buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(0),
    },
  },
  {
    what: "counts its frames",
    law: OWN,
    chunks: ["03010200"],
    others: {
      encode: (() => {
        let count = 0;
        return (message) => new Uint8Array([...sampleFrame(message).subarray(0, -1), count++]);
      })(),
    },
  },
  {
    what: "writes something else into the queue",
    law: INTO,
    chunks: ["03010203"],
    others: { encodeInto: encodeInto((buffer, { at }) => buffer[at] = 9) },
  },
  {
    what: "forgets where in the queue to write",
    law: INTO,
    chunks: ["03010203"],
    others: { encodeInto: encodeInto((buffer, { at }) => buffer.copyWithin(0, at).fill(0, at)) },
  },
  {
    what: "writes more into the queue than it asked room for",
    law: INTO,
    chunks: ["03010203"],
    others: {
      encodeInto: (message, sink) => {
        sink.reserve(1).set(sampleFrame(message).subarray(0, 1), sink.at);
        sink.commit(message.length + 1);
      },
    },
  },
  {
    what: "commits nothing",
    law: INTO,
    chunks: ["03010203"],
    others: { encodeInto: (message, sink) => void sink.reserve(message.length + 1) },
  },
];

for (const { what, others, ...expected } of ENCODERS) {
  Deno.test(`verifyCodec refuses an encoder that ${what}`, () => {
    const error = lawErrorOf({ what, ...expected, codec: sampleCodec(undefined, others) });
    assertEquals({ law: error.law, chunks: error.chunks.map(inShort) }, expected, error.message);
  });
}

Deno.test("a CodecLawError says which law, what was seen and what was pushed", () => {
  const silent = BYTE_BREACHES.find(({ what }) => what.startsWith("forgets"))!; // the first of them
  const { name, message } = lawErrorOf(silent);
  assertEquals(name, "CodecLawError");
  assertEquals(
    message,
    "The codec breaks a law: the messages are those that were sent, however the bytes are cut\n" +
      "  result 0 is nothing; it should be Uint8Array of 07\n" +
      "  input: 01 | 07 | end()",
  );
});

Deno.test("a CodecLawError shows the ends of what is long", () => {
  const late = SIZE_BREACHES.find(({ what }) => what.startsWith("looks"))!; // one of them
  assertMatch(lawErrorOf(late).message, /input: cb( 00){31} \.\.\.( 00){8} \(202 bytes\) \| 00$/);
});
