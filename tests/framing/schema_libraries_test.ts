// The validators people use, as published: their types flow into the codec, their paths into the errors.

import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { type } from "npm:arktype@2.2.9";
import * as v from "npm:valibot@1.5.0";
import { z } from "npm:zod@4.6.7";
import { MessageError } from "../../src/base/errors.ts";
import type { Codec } from "../../src/framing/codec.ts";
import { frames } from "../../src/framing/frames.ts";
import { json } from "../../src/framing/json.ts";
import { ndjson } from "../../src/framing/ndjson.ts";
import type { StandardSchema } from "../../src/framing/standard_schema.ts";
import { frame, messagesOf, utf8 } from "./decode.ts";
import { type Equal, sameType } from "./equal.ts";

// One and the same schema in three hands: a text in, its length out; and a date out of a text.
const zodOrder = z.object({
  id: z.number(),
  tags: z.array(z.string().transform((tag) => tag.length)),
  buyer: z.object({ born: z.string().transform((text) => new Date(text)) }),
  note: z.literal(["gift", "none"]),
});
const valibotOrder = v.object({
  id: v.number(),
  tags: v.array(v.pipe(v.string(), v.transform((tag) => tag.length))),
  buyer: v.object({ born: v.pipe(v.string(), v.transform((text) => new Date(text))) }),
  note: v.picklist(["gift", "none"]),
});
const arktypeOrder = type({
  id: "number",
  tags: type("string").pipe((tag) => tag.length).array(),
  buyer: { born: type("string").pipe((text) => new Date(text)) },
  note: "'gift' | 'none'",
});

interface OrderIn {
  id: number;
  tags: string[];
  buyer: { born: string };
  note: "gift" | "none";
}

interface OrderOut {
  id: number;
  tags: number[];
  buyer: { born: Date };
  note: "gift" | "none";
}

const GOOD: OrderIn = { id: 1, tags: ["a", "bcd"], buyer: { born: "1990-01-02T00:00:00.000Z" }, note: "gift" };
const READ: OrderOut = { id: 1, tags: [1, 3], buyer: { born: new Date("1990-01-02T00:00:00.000Z") }, note: "gift" };

// Objects as these libraries infer them are the same as ours both ways round, if not written the same way.
const zodCodec: Codec<OrderIn, OrderOut> = json({ schema: zodOrder });
const valibotCodec: Codec<OrderIn, OrderOut> = json({ schema: valibotOrder });
const arktypeCodec: Codec<OrderIn, OrderOut> = json({ schema: arktypeOrder });

const LIBRARIES: [name: string, codec: Codec<OrderIn, OrderOut>, byLines: Codec<OrderIn, OrderOut>][] = [
  ["Zod", zodCodec, ndjson({ schema: zodOrder })],
  ["Valibot", valibotCodec, ndjson({ schema: valibotOrder })],
  ["ArkType", arktypeCodec, ndjson({ schema: arktypeOrder })],
];

Deno.test("json() and ndjson() infer both types from the schemas of Zod, Valibot and ArkType", () => {
  const zod = json({ schema: z.string().transform((text) => text.length) });
  sameType<Equal<typeof zod, Codec<string, number>>>();
  const valibot = json({ schema: v.pipe(v.string(), v.transform((text) => text.length)) });
  sameType<Equal<typeof valibot, Codec<string, number>>>();
  const arktype = json({ schema: type("string").pipe((text) => text.length) });
  sameType<Equal<typeof arktype, Codec<string, number>>>();
  for (const codec of [zod, valibot, arktype]) {
    assertEquals(messagesOf(codec.decoder(), [codec.encode("Zoë")]), [3]);
  }
  const zodLines = ndjson({ schema: z.object({ id: z.number() }), maxFrameBytes: 99 });
  sameType<Equal<typeof zodLines, Codec<{ id: number }>>>();
  const valibotLines = ndjson({ schema: v.object({ id: v.number() }) });
  sameType<Equal<typeof valibotLines, Codec<{ id: number }>>>();
  const arktypeLines = ndjson({ schema: type({ id: "number" }) });
  sameType<Equal<typeof arktypeLines, Codec<{ id: number }>>>();
  for (const codec of [zodLines, valibotLines, arktypeLines]) {
    // @ts-expect-error -- the schema wants a number
    assertEquals(codec.encode({ id: "1" }), utf8('{"id":"1"}\n'));
  }
});

/** The error of a message that is not valid. */
function errorOf(codec: Codec<OrderIn, OrderOut>, value: unknown): MessageError {
  const decoder = codec.decoder();
  decoder.push(frame(JSON.stringify(value)));
  decoder.push(codec.encode(GOOD));
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals(decoder.next(), READ);
  return error;
}

const FAILURES: [place: string, value: unknown, count: number][] = [
  ["id", { ...GOOD, id: "1" }, 1],
  ["tags[1]", { ...GOOD, tags: ["a", 5, "c"] }, 1],
  ["buyer.born", { ...GOOD, buyer: { born: 1990 } }, 1],
  ["buyer.born", { ...GOOD, buyer: {} }, 1],
  ["note", { ...GOOD, note: "other" }, 1],
  ["the value", 5, 1],
  ["the value", null, 1],
  ["id", { ...GOOD, id: "1", tags: [1, "b", 3] }, 3],
];

for (const [name, codec, byLines] of LIBRARIES) {
  Deno.test(`json() delivers what ${name} makes of a value`, () => {
    assertEquals(messagesOf(codec.decoder(), [codec.encode(GOOD)]), [READ]);
  });

  for (const [place, value, count] of FAILURES) {
    Deno.test(`json() reports the place where ${name} finds ${JSON.stringify(value)} wrong: ${place}`, () => {
      const error = errorOf(codec, value);
      const more = count > 1 ? ` (and ${count - 1} more)` : "";
      assert(error.message.startsWith(`Cannot read message: ${place}: `), error.message);
      assert(error.message.endsWith(more), error.message);
      assertEquals([error.code, error.frameBytes], ["ERR_MESSAGE_INVALID", utf8(JSON.stringify(value)).length]);
      assert(Array.isArray(error.cause));
      assertEquals(error.cause.length, count);
      assert(error.cause.every(({ message }) => typeof message === "string"));
    });
  }

  Deno.test(`ndjson() goes on behind lines that ${name} finds wrong`, async () => {
    const lines = [GOOD, { ...GOOD, id: null }, 7, GOOD].map((value) => JSON.stringify(value)).join("\n");
    const errors: MessageError[] = [];
    const onInvalid = (error: MessageError) => void errors.push(error);
    const messages = await Array.fromAsync(frames(ReadableStream.from([utf8(lines)]), byLines, { onInvalid }));
    assertEquals(messages, [READ, READ]);
    assertEquals(errors.map(({ message }) => message.split(":")[1]), [" id", " the value"]);
  });

  Deno.test(`json() over ${name} lets no message change what objects inherit`, () => {
    const text = JSON.stringify(GOOD).replace("{", '{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},');
    const [message] = messagesOf(codec.decoder(), [frame(text)]);
    assertInstanceOf(message, Object);
    assertEquals(Reflect.get(message, "id"), 1);
    assertEquals(Object.getPrototypeOf(message), Object.prototype);
    assertEquals(
      [Reflect.get(message, "admin"), Reflect.get({}, "admin"), Reflect.get({}, "x")],
      Array(3).fill(undefined),
    );
  });
}

const ASYNC: [name: string, schema: StandardSchema<string, string>][] = [
  ["Zod", z.string().refine((text) => Promise.resolve(text !== ""))],
  ["Valibot", v.pipeAsync(v.string(), v.checkAsync((text) => Promise.resolve(text !== "")))],
];

for (const [name, schema] of ASYNC) {
  Deno.test(`json() refuses a schema of ${name} that has to wait`, () => {
    const decoder = json({ schema }).decoder();
    decoder.push(frame('"text"'));
    const error = assertThrows(() => decoder.next(), TypeError);
    assertEquals(error.message, 'Option "schema" must not be asynchronous; its validate() returned a promise');
  });
}
