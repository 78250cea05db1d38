// What `frames` does whatever its source. What it does to each kind of source has its own file.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FrameError, MessageError } from "../../src/base/errors.ts";
import type { Codec, FrameDecoder } from "../../src/framing/codec.ts";
import { frames } from "../../src/framing/frames.ts";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { lines } from "../../src/framing/lines.ts";
import { concat, everyCut, frame, utf8 } from "./decode.ts";

function unit(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name: `frames ${name}`, permissions: "none", fn });
}

/** A source that writes down what is asked of it. */
class Source implements AsyncIterableIterator<Uint8Array> {
  readonly asked: string[] = [];
  onReturn: () => void = () => {};
  readonly #chunks: (Uint8Array | Error)[];

  constructor(...chunks: (Uint8Array | string | Error)[]) {
    this.#chunks = chunks.map((chunk) => typeof chunk === "string" ? utf8(chunk) : chunk);
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    this.asked.push("next");
    const value = this.#chunks.shift();
    if (value instanceof Error) return Promise.reject(value);
    return Promise.resolve(value === undefined ? { value, done: true } : { value, done: false });
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.asked.push("return");
    await Promise.resolve();
    this.onReturn();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Lines whose decoder writes down what is asked of it. */
function watchedLines(): { codec: Codec<string>; asked: string[] } {
  const asked: string[] = [];
  const codec: Codec<string> = {
    ...lines(),
    decoder(): FrameDecoder<string> {
      const decoder = lines().decoder();
      return {
        push: (chunk) => (asked.push("push"), decoder.push(chunk)),
        next: () => (asked.push("next"), decoder.next()),
        end: () => (asked.push("end"), decoder.end()),
        takeRest: () => decoder.takeRest(),
        get bufferedBytes() {
          return decoder.bufferedBytes;
        },
      };
    },
  };
  return { codec, asked };
}

const bad = new Uint8Array([255, 0, 0, 0]); // a length far over the limit

// ---- messages and pulls ----

unit("gives the messages however the bytes are cut", async () => {
  const wire = concat(frame("1"), frame('"ë"'), frame("null"));
  for (const chunks of everyCut(wire)) {
    assertEquals(await Array.fromAsync(frames(new Source(...chunks), json())), [1, "ë", null]);
  }
});

unit("gives messages that are false in a condition: null, 0, false, an empty line", async () => {
  const values = concat(frame("null"), frame("0"), frame("false"), frame('""'));
  assertEquals(await Array.fromAsync(frames(new Source(values), json())), [null, 0, false, ""]);
  assertEquals(await Array.fromAsync(frames(new Source("\n\n"), lines())), ["", ""]);
});

unit("is over at once for a source without bytes", async () => {
  assertEquals(await Array.fromAsync(frames(new Source(), json())), []);
  assertEquals(await Array.fromAsync(frames(new Source("", ""), lines())), []);
});

unit("asks neither decoder nor source before it is asked", async () => {
  const source = new Source("a\n");
  const { codec, asked } = watchedLines();
  const messages = frames(source, codec);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([source.asked, asked], [[], []]);
  await messages.return?.();
});

unit("decodes one message a pull and takes a chunk when the one before is used up", async () => {
  const source = new Source("a\nb\nc", "c\nd\n");
  const { codec, asked } = watchedLines();
  const messages = frames(source, codec);
  const pull = async () => [(await messages.next()).value, asked.splice(0), source.asked.splice(0)];
  assertEquals(await pull(), ["a", ["next", "push", "next"], ["next"]]);
  assertEquals(await pull(), ["b", ["next"], []]);
  assertEquals(await pull(), ["cc", ["next", "push", "next"], ["next"]]);
  assertEquals(await pull(), ["d", ["next"], []]);
  assertEquals(await pull(), [undefined, ["next", "end", "next"], ["next"]]);
  assertEquals(await pull(), [undefined, [], []]);
});

unit("answers concurrent pulls in their order, and all that come too late with the end", async () => {
  const messages = frames(new Source("a\nb", "b\n", "c\n"), lines());
  const results = await Promise.all(Array.from({ length: 5 }, () => messages.next()));
  assertEquals(results.map(({ value, done }) => done ? "done" : value), ["a", "bb", "c", "done", "done"]);
});

unit("ends the decoder once, even if that completes a message every time", async () => {
  const codec = {
    decoder(): FrameDecoder<string> {
      const last: string[] = [];
      const end = () => void last.push("last");
      return { push() {}, next: () => last.shift(), end, bufferedBytes: 0, takeRest: () => new Uint8Array() };
    },
  };
  assertEquals(await Array.fromAsync(frames(new Source("x"), codec)), ["last"]);
});

// ---- errors ----

unit(
  "throws ERR_FRAME_TRUNCATED at an end inside a frame, after every message",
  async () => {
    const wire = concat(frame("1"), frame("22"));
    for (let length = 6; length < wire.length; length++) {
      const source = new Source(wire.slice(0, length));
      const messages = frames(source, json());
      assertEquals((await messages.next()).value, 1);
      const error = await assertRejects(() => messages.next(), FrameError);
      assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TRUNCATED", length - 5]);
      assertEquals(await messages.next(), { value: undefined, done: true });
      assertEquals(source.asked, ["next", "next"]);
    }
  },
);

unit(
  "throws the FrameError of a bad frame after the messages in front of it, lets its source go and is over",
  async () => {
    const source = new Source(concat(frame("1"), bad), "more");
    const messages = frames(source, json());
    assertEquals((await messages.next()).value, 1);
    assertEquals((await assertRejects(() => messages.next(), FrameError)).code, "ERR_FRAME_TOO_LARGE");
    assertEquals(source.asked, ["next", "return"]);
    assertEquals(await messages.next(), { value: undefined, done: true });
  },
);

unit("throws the decoder's error even if its source cannot be let go of", async () => {
  const source = new Source(bad);
  source.onReturn = () => {
    throw new Error("the source fails as well");
  };
  await assertRejects(() => frames(source, json()).next(), FrameError);
});

unit("throws a MessageError and lets its source go where there is no onInvalid", async () => {
  const source = new Source(concat(frame("1"), frame("{"), frame("2")));
  const messages = frames(source, json());
  assertEquals((await messages.next()).value, 1);
  assertEquals((await assertRejects(() => messages.next(), MessageError)).code, "ERR_MESSAGE_INVALID");
  assertEquals(source.asked, ["next", "return"]);
});

unit("tells onInvalid of each bad message when its turn comes, and goes on", async () => {
  const told: string[] = [];
  const onInvalid = (error: MessageError) => told.push(error.code);
  const source = new Source(concat(frame("1"), frame("{"), frame("2")), concat(frame("x"), frame("")));
  const messages = frames(source, json(), { onInvalid });
  assertEquals([(await messages.next()).value, told.length], [1, 0]);
  assertEquals([(await messages.next()).value, told.length], [2, 1]);
  assertEquals(await messages.next(), { value: undefined, done: true });
  assertEquals(told, ["ERR_MESSAGE_INVALID", "ERR_MESSAGE_INVALID", "ERR_MESSAGE_INVALID"]);
  assertEquals(source.asked, ["next", "next", "next"]);
});

unit("tells onInvalid of a last line that the end has completed", async () => {
  const told: string[] = [];
  const onInvalid = (error: MessageError) => told.push(error.code);
  const source = new Source(concat(utf8("a\n"), new Uint8Array([0xff])));
  assertEquals(await Array.fromAsync(frames(source, lines({ fatal: true }), { onInvalid })), ["a"]);
  assertEquals(told, ["ERR_MESSAGE_INVALID"]);
});

unit("throws a FrameError past onInvalid", async () => {
  const onInvalid = () => assertEquals("told", "not told");
  await assertRejects(() => frames(new Source(bad), json(), { onInvalid }).next(), FrameError);
});

unit("throws what onInvalid throws and lets its source go", async () => {
  const mine = new Error("enough");
  const source = new Source(frame("{"), frame("1"));
  const messages = frames(source, json(), {
    onInvalid() {
      throw mine;
    },
  });
  assertStrictEquals(await assertRejects(() => messages.next()), mine);
  assertEquals(source.asked, ["next", "return"]);
});

unit(
  "throws the error of its source after the messages in front of it, and lets nothing go that has failed",
  async () => {
    const mine = new Error("reset");
    const source = new Source("a\nb\nc", mine);
    const messages = frames(source, lines());
    assertEquals([(await messages.next()).value, (await messages.next()).value], ["a", "b"]);
    assertStrictEquals(await assertRejects(() => messages.next()), mine);
    assertEquals(source.asked, ["next", "next"]);
  },
);

unit("lets its source go and says so if that gives text", async () => {
  const source = new Source();
  Object.defineProperty(source, "next", { value: () => Promise.resolve({ value: "text", done: false }) });
  const messages = frames(source, lines());
  const error = await assertRejects(() => messages.next(), TypeError, "a source of Uint8Arrays");
  assertEquals([error.message.includes('it is "text"'), source.asked], [true, ["return"]]);
});

// ---- leaving ----

unit("lets its source go once when a loop is left by break, and waits for that", async () => {
  const source = new Source("a\nb\n");
  let gone = false;
  source.onReturn = () => gone = true;
  for await (const line of frames(source, lines())) if (line === "a") break;
  assertEquals([gone, source.asked], [true, ["next", "return"]]);
});

unit("lets its source go when the body of a loop throws", async () => {
  const source = new Source("a\n");
  await assertRejects(
    async () => {
      for await (const line of frames(source, lines())) throw new Error(`cannot use ${line}`);
    },
    Error,
    "cannot use a",
  );
  assertEquals(source.asked, ["next", "return"]);
});

unit("lets its source go by return() before the first next(), and is over then", async () => {
  const source = new Source("a\n");
  const messages = frames(source, lines());
  assertEquals(await messages.return?.(), { value: undefined, done: true });
  assertEquals(await messages.next(), { value: undefined, done: true });
  assertEquals(source.asked, ["return"]);
});

unit("lets its source go once, however often return() is called", async () => {
  const source = new Source("a\nb\n");
  const messages = frames(source, lines());
  await messages.next();
  await Promise.all([messages.return?.(), messages.return?.()]);
  await messages.return?.();
  assertEquals(source.asked, ["next", "return"]);
});

unit("does not touch a source that has ended by return()", async () => {
  const source = new Source("a\n");
  const messages = frames(source, lines());
  assertEquals(await Array.fromAsync(messages), ["a"]);
  assertEquals(await messages.return?.(), { value: undefined, done: true });
  assertEquals(source.asked, ["next", "next"]);
});

unit("is over after a return() that its source refuses", async () => {
  const source = new Source("a\nb\n");
  source.onReturn = () => {
    throw new Error("cannot close");
  };
  const messages = frames(source, lines());
  await messages.next();
  await assertRejects(async () => await messages.return?.(), Error, "cannot close");
  assertEquals(await messages.next(), { value: undefined, done: true });
});

unit("needs no return() of its source", async () => {
  const chunks = [utf8("a\nb\n")];
  const next = () => Promise.resolve({ value: chunks.shift() ?? utf8(""), done: false });
  for await (const line of frames({ [Symbol.asyncIterator]: () => ({ next }) }, lines())) if (line === "b") break;
  assertEquals(chunks, []);
});

unit("works with what only decodes", async () => {
  const codec = { decoder: () => lengthPrefixed({ strip: 0 }).decoder() };
  assertEquals(await Array.fromAsync(frames(new Source(frame("x")), codec)), [frame("x")]);
});
