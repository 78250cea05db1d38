import {
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { FrameError, MessageError } from "../../src/base/errors.ts";
import { FrameDecoderStream, FrameEncoderStream } from "../../src/framing/frame_stream.ts";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { lines } from "../../src/framing/lines.ts";
import { concat, everyCut, frame, utf8 } from "./decode.ts";

function unit(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

const read = (chunks: readonly Uint8Array[]) =>
  Array.fromAsync(ReadableStream.from(chunks).pipeThrough(new FrameDecoderStream(json())));

unit("FrameDecoderStream gives the messages however the bytes are cut", async () => {
  const wire = concat(frame("1"), frame('"ë"'), frame("null"));
  for (const chunks of everyCut(wire)) assertEquals(await read(chunks), [1, "ë", null]);
});

unit("FrameDecoderStream gives no message for an empty stream and none more at its end", async () => {
  assertEquals(await read([]), []);
  assertEquals(await read([frame("1")]), [1]);
  assertEquals(await read([frame("1"), new Uint8Array(0)]), [1]);
});

unit("FrameDecoderStream gives empty frames as messages", async () => {
  const frames = ReadableStream.from([new Uint8Array(8)]).pipeThrough(new FrameDecoderStream(lengthPrefixed()));
  assertEquals(await Array.fromAsync(frames), [new Uint8Array(0), new Uint8Array(0)]);
});

unit("FrameDecoderStream ends with an error inside a frame, after the messages in front of it", async () => {
  const wire = concat(frame("1"), frame("22"));
  for (let length = 6; length < wire.length; length++) {
    const messages = ReadableStream.from([wire.slice(0, length)]).pipeThrough(new FrameDecoderStream(json()));
    const reader = messages.getReader();
    assertEquals((await reader.read()).value, 1);
    const error = await assertRejects(() => reader.read(), FrameError);
    assertEquals(error.code, "ERR_FRAME_TRUNCATED");
  }
});

unit("FrameDecoderStream fails with the FrameError of a frame over the limit and cancels its source", async () => {
  const { promise: cancelled, resolve } = Promise.withResolvers<unknown>();
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(concat(frame("1"), frame("2", 2_000_000))),
    cancel: resolve,
  });
  const reader = source.pipeThrough(new FrameDecoderStream(json())).getReader();
  assertEquals((await reader.read()).value, 1);
  const error = await assertRejects(() => reader.read(), FrameError);
  assertEquals(error.code, "ERR_FRAME_TOO_LARGE");
  assertStrictEquals(await cancelled, error);
});

unit("FrameDecoderStream without onInvalid ends with the MessageError of a bad message", async () => {
  const reader = ReadableStream.from([concat(frame("1"), frame("{"), frame("2"))])
    .pipeThrough(new FrameDecoderStream(json())).getReader();
  assertEquals((await reader.read()).value, 1);
  const error = await assertRejects(() => reader.read(), MessageError);
  assertEquals(error.code, "ERR_MESSAGE_INVALID");
});

unit("FrameDecoderStream with onInvalid goes on behind bad messages and tells of each", async () => {
  const invalid: MessageError[] = [];
  const decoder = new FrameDecoderStream(json(), { onInvalid: (error) => invalid.push(error) });
  const chunks = [frame("{"), concat(frame("1"), frame("x"), frame("2")), frame("")];
  assertEquals(await Array.fromAsync(ReadableStream.from(chunks).pipeThrough(decoder)), [1, 2]);
  assertEquals(invalid.map((error) => [error.code, error.frameBytes]), [
    ["ERR_MESSAGE_INVALID", 1],
    ["ERR_MESSAGE_INVALID", 1],
    ["ERR_MESSAGE_INVALID", 0],
  ]);
});

unit("FrameDecoderStream with onInvalid still fails with a FrameError", async () => {
  const decoder = new FrameDecoderStream(json(), { onInvalid: () => {} });
  const messages = ReadableStream.from([frame("", 2_000_000)]).pipeThrough(decoder);
  await assertRejects(() => Array.fromAsync(messages), FrameError);
});

unit("FrameDecoderStream fails with what onInvalid throws", async () => {
  const mine = new Error("enough");
  const decoder = new FrameDecoderStream(json(), {
    onInvalid() {
      throw mine;
    },
  });
  const messages = ReadableStream.from([frame("{")]).pipeThrough(decoder);
  assertStrictEquals(await assertRejects(() => Array.fromAsync(messages)), mine);
});

unit("FrameDecoderStream passes a cancel on to its source, with its reason", async () => {
  const reasons: unknown[] = [];
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(frame("1")),
    cancel: (reason) => void reasons.push(reason),
  });
  const messages = source.pipeThrough(new FrameDecoderStream(json()));
  const reader = messages.getReader();
  assertEquals((await reader.read()).value, 1);
  await reader.cancel("enough");
  await reader.closed;
  assertEquals(reasons, ["enough"]);
});

unit("FrameDecoderStream lets go of its source when a for await loop is left", async () => {
  const { promise: cancelled, resolve } = Promise.withResolvers<void>();
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(frame("1")),
    cancel: () => resolve(),
  });
  for await (const message of source.pipeThrough(new FrameDecoderStream(json()))) {
    assertEquals(message, 1);
    break;
  }
  await cancelled;
});

unit("FrameDecoderStream passes an abort of its writable on to the reader", async () => {
  const decoder = new FrameDecoderStream(json());
  const writer = decoder.writable.getWriter();
  const reader = decoder.readable.getReader();
  const reading = assertRejects(() => reader.read(), Error, "gone");
  await writer.abort(new Error("gone"));
  await reading;
});

unit("FrameDecoderStream fails with the error of its source", async () => {
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("reset")),
  });
  const messages = source.pipeThrough(new FrameDecoderStream(json()));
  await assertRejects(() => Array.fromAsync(messages), Error, "reset");
});

unit("FrameDecoderStream reads no more of its source than a chunk or two ahead of its reader", async () => {
  let pulled = 0;
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(concat(frame("1"), frame("2"), frame("3")));
    },
  }, { highWaterMark: 0 });
  const reader = source.pipeThrough(new FrameDecoderStream(json())).getReader();
  for (let i = 0; i < 30; i++) {
    assertEquals((await reader.read()).value, 1 + i % 3);
    assertLessOrEqual(pulled, Math.ceil((i + 1) / 3) + 2);
  }
  const before = pulled;
  // A macrotask later nobody has read, so nothing more was pulled than the stream may hold.
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertLessOrEqual(pulled, before + 1);
  await reader.cancel();
});

unit("FrameDecoderStream says which option is wrong", () => {
  const message = 'Option "oninvalid" is unknown; "options" takes onInvalid';
  assertThrows(() => Reflect.construct(FrameDecoderStream, [json(), { oninvalid: () => {} }]), TypeError, message);
});

unit("FrameEncoderStream gives one frame a message, in buffers of their own", async () => {
  const frames = ReadableStream.from([{ a: 1 }, "ë"]).pipeThrough(new FrameEncoderStream(json()));
  assertEquals(await Array.fromAsync(frames), [frame('{"a":1}'), frame('"ë"')]);
});

unit("FrameEncoderStream fails with what its codec cannot say and cancels its source", async () => {
  const { promise: cancelled, resolve } = Promise.withResolvers<unknown>();
  const source = new ReadableStream<unknown>({
    start: (controller) => controller.enqueue(1n),
    cancel: resolve,
  });
  const frames = source.pipeThrough(new FrameEncoderStream(json()));
  const error = await assertRejects(() => Array.fromAsync(frames), TypeError);
  assertStrictEquals(await cancelled, error);
});

unit("FrameEncoderStream and FrameDecoderStream carry messages through each other", async () => {
  const messages = Array.from({ length: 500 }, (_, n) => ({ n, text: "Zoë 🦕".repeat(n % 7) }));
  const back = ReadableStream.from(messages).pipeThrough(new FrameEncoderStream(json()))
    .pipeThrough(new FrameDecoderStream(json()));
  assertEquals(await Array.fromAsync(back), messages);
});

unit("FrameDecoderStream holds at most the messages of one chunk for a reader that does not read", async () => {
  const decoder = new FrameDecoderStream(lengthPrefixed());
  const writer = decoder.writable.getWriter();
  const chunk = concat(...Array.from({ length: 100 }, () => frame(utf8("x"))));
  let taken = 0;
  const writing = (async () => {
    for (let i = 0; i < 10; i++) {
      await writer.write(chunk);
      taken++;
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertLess(taken, 3);
  await decoder.readable.cancel();
  await writing.catch(() => "the readable side is gone");
});

for (
  const [what, tail] of [["the stream ends inside a frame", [0, 0]], ["a frame is too large", [255, 0, 0, 0]]] as const
) {
  unit(`FrameDecoderStream gives a slow reader every message of a chunk behind which ${what}`, async () => {
    const wire = concat(frame("1"), frame("2"), frame("3"), new Uint8Array(tail));
    const reader = ReadableStream.from([wire]).pipeThrough(new FrameDecoderStream(json())).getReader();
    const received: unknown[] = [];
    const reading = assertRejects(async () => {
      for (;;) {
        received.push((await reader.read()).value);
        await new Promise((resolve) => setTimeout(resolve, 0)); // work that takes a turn
      }
    }, FrameError);
    await reading;
    assertEquals(received, [1, 2, 3]);
  });
}

unit("FrameDecoderStream gives messages of its codec's type", async () => {
  const typed = ReadableStream.from([frame('{"type":"ping"}')]).pipeThrough(
    new FrameDecoderStream(json<{ type: string }>()),
  );
  for await (const message of typed) assertEquals(message.type.length, 4);
});

// ---- ends ----

unit("FrameDecoderStream gives a last line that has no end", async () => {
  const messages = ReadableStream.from([utf8("a\nb"), utf8("c")]).pipeThrough(new FrameDecoderStream(lines()));
  assertEquals(await Array.fromAsync(messages), ["a", "bc"]);
});

unit("FrameDecoderStream tells onInvalid of a last line that the end has completed", async () => {
  const told: string[] = [];
  const decoder = new FrameDecoderStream(lines({ fatal: true }), { onInvalid: (error) => told.push(error.code) });
  const chunks = [concat(utf8("a\n"), new Uint8Array([0xff]))];
  assertEquals(await Array.fromAsync(ReadableStream.from(chunks).pipeThrough(decoder)), ["a"]);
  assertEquals(told, ["ERR_MESSAGE_INVALID"]);
});

unit("FrameDecoderStream ends its decoder once, even if that completes a message every time", async () => {
  const decoder = () => {
    const last: string[] = [];
    const end = () => void last.push("last");
    return { push() {}, next: () => last.shift(), end, bufferedBytes: 0, takeRest: () => new Uint8Array() };
  };
  const reader = ReadableStream.from([utf8("x")]).pipeThrough(new FrameDecoderStream({ decoder })).getReader();
  assertEquals([(await reader.read()).value, (await reader.read()).done], ["last", true]);
});

unit("FrameDecoderStream gives a slow reader every message in front of its source's error", async () => {
  const mine = new Error("reset");
  const chunks = [concat(frame("1"), frame("2"), frame("3"))];
  const source = new ReadableStream<Uint8Array>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.error(mine);
      else controller.enqueue(chunk);
    },
  });
  const reader = source.pipeThrough(new FrameDecoderStream(json())).getReader();
  for (const message of [1, 2, 3]) {
    await new Promise((resolve) => setTimeout(resolve, 0)); // the error is there long before it is read
    assertEquals((await reader.read()).value, message);
  }
  assertStrictEquals(await assertRejects(() => reader.read()), mine);
});

for (const [what, chunk] of [["text", "text\n"], ["null", null], ["an array", [97, 10]]] as const) {
  unit(`FrameDecoderStream fails at both ends when ${what} comes instead of bytes`, async () => {
    const decoder = new FrameDecoderStream(lines());
    const writer = decoder.writable.getWriter();
    const reader = decoder.readable.getReader();
    // Not awaited: whichever end does not hear of it would wait for ever.
    const outcomes = new Set<string>();
    const note = (promise: Promise<unknown>, end: string) =>
      promise.then(() => outcomes.add(`${end} went on`), (error) => outcomes.add(`${end}: ${error.name}`));
    void note(reader.read(), "reader");
    void note(Reflect.apply(writer.write, writer, [chunk]), "writer");
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals([...outcomes].sort(), ["reader: TypeError", "writer: TypeError"]);
  });
}

unit("FrameDecoderStream and FrameEncoderStream refuse what is no codec", () => {
  for (const stream of [FrameDecoderStream, FrameEncoderStream]) {
    for (const codec of [undefined, {}, { decoder: 1, encode: 1 }]) {
      assertThrows(() => Reflect.construct(stream, [codec]), TypeError, '"codec" must be a codec');
    }
  }
});
