// What one peer's bad messages cost everybody else, and what of him gets into errors.

import { setImmediate } from "node:timers";
import { assert, assertEquals, assertLess, assertLessOrEqual, assertThrows } from "@std/assert";
import { framed, MessageError } from "../../mod.ts";
import { FrameDecoderStream, frames, json, lengthPrefixed, lines, type StandardSchema } from "../../src/framing/mod.ts";
import { link } from "../protocol/linked.ts";
import { concat, frame, utf8 } from "./decode.ts";

const BAD_FRAMES = 1_000;
const flood = concat(...Array.from({ length: BAD_FRAMES }, () => frame("x")), frame("1"));

/** Counts the turns of the event loop that others get until `done` is called; a timer would miss what takes no millisecond. */
function countTurns(): { turns: () => number; done: () => Promise<void> } {
  let turns = 0;
  const last = Promise.withResolvers<void>();
  let over = false;
  const turn = () => {
    turns++;
    if (over) last.resolve();
    else setImmediate(turn);
  };
  setImmediate(turn);
  return {
    turns: () => turns,
    done() {
      over = true;
      return last.promise;
    },
  };
}

Deno.test("framed lets others have their turn between bad messages, and loses none", async () => {
  await using linked = await link();
  const receiver = framed(linked.socket, json());
  let bad = 0;
  receiver.on("error", () => bad++);
  const others = countTurns();
  const good = new Promise((resolve) => receiver.on("message", resolve));
  await linked.peer.write(flood);
  assertEquals(await good, 1);
  await others.done();
  assertEquals(bad, BAD_FRAMES);
  assertLess(10, others.turns());
});

Deno.test("framed holds the peer back while others have their turn", async () => {
  await using linked = await link();
  const receiver = framed(linked.socket, json());
  let most = 0;
  receiver.on("error", () => most = Math.max(most, receiver.bufferedBytes));
  let good = 0;
  const all = new Promise<void>((resolve) => receiver.on("message", () => ++good === 20 && resolve()));
  const writing = (async () => {
    for (let i = 0; i < 20; i++) {
      for (let at = 0; at < flood.length;) at += await linked.peer.write(flood.subarray(at));
    }
  })();
  await all;
  await writing;
  assertLessOrEqual(most, 3 * 65_536);
});

Deno.test("frames and FrameDecoderStream let others have their turn between bad messages", async () => {
  for (const face of ["frames", "stream"]) {
    let bad = 0;
    const onInvalid = () => void bad++;
    const source = ReadableStream.from([flood]);
    const others = countTurns();
    const messages = face === "frames"
      ? frames(source, json(), { onInvalid })
      : source.pipeThrough(new FrameDecoderStream(json(), { onInvalid }));
    assertEquals(await Array.fromAsync(messages), [1]);
    await others.done();
    assertEquals(bad, BAD_FRAMES);
    assertLess(10, others.turns());
  }
});

Deno.test("FrameDecoderStream survives an onInvalid that cancels the reader", async () => {
  let cancelled: Promise<void> | undefined;
  let bad = 0;
  const source = ReadableStream.from([concat(frame("x"), frame("1"), frame("x"))]);
  const messages: ReadableStreamDefaultReader<unknown> = source.pipeThrough(
    new FrameDecoderStream(json(), {
      onInvalid: () => {
        bad++;
        cancelled ??= messages.cancel("enough");
      },
    }),
  ).getReader();
  assertEquals((await messages.read()).done, true);
  await cancelled;
  assertEquals(bad, 1);
});

function errorOf(text: string, schema?: StandardSchema<unknown, unknown>): MessageError {
  const codec = schema === undefined ? json() : json({ schema });
  const decoder = codec.decoder();
  decoder.push(frame(text));
  return assertThrows(() => decoder.next(), MessageError);
}

const CONTROL = /[\p{Cc}\u2028\u2029\u202e]/u;

Deno.test("json puts nothing into its errors that could forge a line of a log", () => {
  const { message, cause } = errorOf("\u001b[2J\r\nFATAL: forged\u202e");
  assert(cause instanceof SyntaxError);
  assert(!CONTROL.test(message) && !CONTROL.test(cause.message), cause.message);
});

Deno.test("json shows what a schema says of a value without what the peer could forge, and no more than it needs", () => {
  const validate = (value: unknown) => ({ issues: [{ message: `got ${value}`, path: ["k".repeat(100_000)] }] });
  const { message } = errorOf('"x\\n2026 FATAL\\u001b[31m"', { "~standard": { version: 1, vendor: "test", validate } });
  assert(!CONTROL.test(message), message);
  assert(message.includes("got x\\u{a}2026 FATAL\\u{1b}[31m"), message);
  assertLess(message.length, 600);
});

Deno.test("what is no bytes is refused by every decoder at once", () => {
  for (const codec of [lengthPrefixed(), lines(), json()]) {
    for (const chunk of ["text", new ArrayBuffer(4), undefined]) {
      const decoder = codec.decoder();
      assertThrows(() => Reflect.apply(decoder.push, decoder, [chunk]), TypeError, '"chunk" must be a Uint8Array');
    }
  }
});

Deno.test("a socket with an encoding tells of it without the payload", async () => {
  await using linked = await link();
  linked.socket.setEncoding("utf8");
  framed(linked.socket, lines()).on("message", () => {});
  await linked.peer.write(utf8("secret ".repeat(100)));
  const { error } = await linked.socket.closed;
  assert(error instanceof TypeError);
  assertLess(error.message.length, 200);
});
