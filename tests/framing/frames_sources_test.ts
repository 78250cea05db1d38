// `frames` over each kind of source: what holds it back, what becomes of it, and which are refused.

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FrameError, TcpError } from "../../src/base/errors.ts";
import { frames } from "../../src/framing/frames.ts";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { lines } from "../../src/framing/lines.ts";
import { link } from "../protocol/linked.ts";
import { until } from "../protocol/until.ts";
import { concat, frame, utf8 } from "./decode.ts";

const twoLines = utf8("a\nb\n");
const bad = new Uint8Array([255, 0, 0, 0]); // a length far over the limit

/** A stream without an end that counts its chunks and writes down its cancelling. */
function endless(chunk: Uint8Array) {
  const seen = { pulled: 0, cancelled: 0 };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      seen.pulled++;
      controller.enqueue(chunk);
    },
    cancel: () => void seen.cancelled++,
  }, { highWaterMark: 0 });
  return { stream, seen };
}

// ---- web streams ----

Deno.test("frames pulls a stream for a chunk when the one before is used up", async () => {
  const { stream, seen } = endless(twoLines);
  const messages = frames(stream, lines());
  for (const pulled of [1, 1, 2, 2, 3]) {
    await messages.next();
    assertEquals(seen.pulled, pulled);
  }
  await messages.return?.();
});

Deno.test("frames locks a stream at the call", async () => {
  const { stream } = endless(twoLines);
  const messages = frames(stream, lines());
  assertEquals(stream.locked, true);
  assertThrows(() => frames(stream, lines()), TypeError);
  await messages.return?.();
});

Deno.test("frames cancels and unlocks a stream when a loop is left early", async () => {
  const { stream, seen } = endless(twoLines);
  for await (const line of frames(stream, lines())) if (line === "a") break;
  assertEquals([seen.cancelled, stream.locked], [1, false]);
  assertEquals((await stream.getReader().read()).done, true);
});

Deno.test("frames cancels and unlocks a stream by return() before the first next()", async () => {
  const { stream, seen } = endless(twoLines);
  await frames(stream, lines()).return?.();
  assertEquals([seen, stream.locked], [{ pulled: 0, cancelled: 1 }, false]);
});

Deno.test("frames cancels and unlocks a stream that cannot be understood", async () => {
  const { stream, seen } = endless(bad);
  await assertRejects(() => Array.fromAsync(frames(stream, json())), FrameError);
  assertEquals([seen.cancelled, stream.locked], [1, false]);
});

Deno.test("frames throws the decoder's error of a stream that fails to cancel", async () => {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bad),
    cancel() {
      throw new Error("cannot cancel");
    },
  });
  await assertRejects(() => frames(stream, json()).next(), FrameError);
});

Deno.test("frames unlocks a stream that has ended or failed", async () => {
  const ended = ReadableStream.from([twoLines]);
  assertEquals(await Array.fromAsync(frames(ended, lines())), ["a", "b"]);
  assertEquals(ended.locked, false);
  const mine = new Error("reset");
  const failed = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(mine) });
  assertStrictEquals(await assertRejects(() => Array.fromAsync(frames(failed, lines()))), mine);
  assertEquals(failed.locked, false);
});

// ---- generators ----

Deno.test("frames runs the finally of a generator when a loop is left early", async () => {
  const seen: string[] = [];
  async function* chunks() {
    try {
      for (;;) yield twoLines;
    } finally {
      await Promise.resolve();
      seen.push("finally");
    }
  }
  for await (const line of frames(chunks(), lines())) if (line === "b") break;
  assertEquals(seen, ["finally"]);
});

Deno.test("frames never starts a generator that it returns before the first next()", async () => {
  const seen: string[] = [];
  async function* chunks() {
    seen.push("started");
    yield await Promise.resolve(twoLines);
  }
  const source = chunks();
  await frames(source, lines()).return?.();
  assertEquals([seen, (await source.next()).done], [[], true]);
});

Deno.test("frames passes on what a generator throws", async () => {
  const mine = new Error("mine");
  async function* chunks() {
    yield await Promise.resolve(twoLines);
    throw mine;
  }
  const messages = frames(chunks(), lines());
  assertEquals([(await messages.next()).value, (await messages.next()).value], ["a", "b"]);
  assertStrictEquals(await assertRejects(() => messages.next()), mine);
});

// ---- files: the sanitizer fails a test that leaves one open ----

async function withFile(run: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, Array.from({ length: 20_000 }, (_, n) => `line ${n}`).join("\r\n"));
    await run(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("frames reads the lines of a file and closes it at its end", () =>
  withFile(async (path) => {
    const file = await Deno.open(path);
    let count = 0;
    for await (const line of frames(file.readable, lines())) assertEquals(line, `line ${count++}`);
    assertEquals(count, 20_000);
    assertThrows(() => file.statSync(), Deno.errors.BadResource);
  }));

Deno.test("frames closes a file whose loop is left early", () =>
  withFile(async (path) => {
    const file = await Deno.open(path);
    for await (const line of frames(file.readable, lines())) if (line === "line 3") break;
    assertThrows(() => file.statSync(), Deno.errors.BadResource);
  }));

// ---- sockets ----

Deno.test("frames gives what a peer sends and ends with the peer", async () => {
  await using linked = await link();
  await linked.peer.write(utf8("a\nb\nlast"));
  await linked.peer.closeWrite();
  assertEquals(await Array.fromAsync(frames(linked.socket, lines())), ["a", "b", "last"]);
  assertEquals((await linked.socket.closed).reason, "peer");
});

Deno.test("frames destroys a socket whose loop is left early", async () => {
  await using linked = await link();
  await linked.peer.write(twoLines);
  for await (const line of frames(linked.socket, lines())) if (line === "a") break;
  assertEquals((await linked.socket.closed).reason, "destroyed");
});

Deno.test("frames destroys a socket whose loop throws", async () => {
  await using linked = await link();
  await linked.peer.write(twoLines);
  await assertRejects(
    async () => {
      for await (const line of frames(linked.socket, lines())) throw new Error(`cannot use ${line}`);
    },
    Error,
    "cannot use a",
  );
  assertEquals([linked.socket.destroyed, linked.errors], [true, []]);
});

Deno.test("frames destroys a socket that cannot be understood, and tells nobody else", async () => {
  await using linked = await link();
  await linked.peer.write(concat(frame("1"), bad));
  const messages = frames(linked.socket, json());
  assertEquals((await messages.next()).value, 1);
  await assertRejects(() => messages.next(), FrameError);
  assertEquals([linked.socket.destroyed, linked.errors], [true, []]);
});

Deno.test("frames destroys a socket by return() before the first next()", async () => {
  await using linked = await link();
  await frames(linked.socket, lines()).return?.();
  assertEquals((await linked.socket.closed).reason, "destroyed");
});

Deno.test("frames does not destroy a half-open socket whose peer has ended", async () => {
  await using linked = await link({ tcp: { allowHalfOpen: true } });
  await linked.peer.write(twoLines);
  await linked.peer.closeWrite();
  const messages = frames(linked.socket, lines());
  assertEquals(await Array.fromAsync(messages), ["a", "b"]);
  await messages.return?.();
  assertEquals(linked.socket.destroyed, false);
  linked.socket.end("answer");
  assertEquals(await new Response(linked.peer.readable).text(), "answer");
});

Deno.test("frames lets a waiting next() end when return() destroys its socket inside a frame", async () => {
  await using linked = await link();
  await linked.peer.write(frame("1234").slice(0, 6));
  const messages = frames(linked.socket, json());
  const waiting = messages.next();
  await until(() => linked.socket.bytesRead === 6);
  await messages.return?.();
  assertEquals(await waiting, { value: undefined, done: true });
});

Deno.test("frames throws the error a socket is destroyed with", async () => {
  await using linked = await link();
  const messages = frames(linked.socket, lines());
  const waiting = assertRejects(() => messages.next(), TcpError, "mine");
  linked.socket.destroy(new TcpError("mine", { code: "EMINE" }));
  await waiting;
});

Deno.test("frames throws where another face reads the socket, and leaves it to that", async () => {
  await using linked = await link();
  linked.socket.on("data", () => {});
  const error = await assertRejects(() => frames(linked.socket, lines()).next(), TcpError);
  assertEquals([error.code, linked.socket.destroyed], ["ERR_READ_CLAIMED", false]);
});

// ---- refused ----

const WRONG: [what: string, args: unknown[], message: string][] = [
  ["an array", [[twoLines], lines()], "a ReadableStream or an async iterable of Uint8Arrays"],
  ["null as its source", [null, lines()], "a ReadableStream or an async iterable of Uint8Arrays"],
  ["what is no codec", [endless(twoLines).stream, {}], '"codec" must be a codec'],
  ["no codec", [endless(twoLines).stream], '"codec" must be a codec'],
  ["an unknown option", [endless(twoLines).stream, lines(), { oninvalid() {} }], 'Option "oninvalid" is unknown'],
  ["an onInvalid that is no function", [endless(twoLines).stream, lines(), { onInvalid: 1 }], "must be a function"],
];

for (const [what, args, message] of WRONG) {
  Deno.test(`frames refuses ${what} at the call and leaves the stream unlocked`, () => {
    assertThrows(() => Reflect.apply(frames, undefined, args), TypeError, message);
    assert(!(args[0] instanceof ReadableStream && args[0].locked));
  });
}

Deno.test("frames leaves a stream unlocked when its codec makes no decoder", () => {
  const { stream } = endless(twoLines);
  const decoder = () => {
    throw new RangeError("no decoder today");
  };
  assertThrows(() => frames(stream, { decoder }), RangeError, "today");
  assertEquals(stream.locked, false);
});

Deno.test("frames makes a decoder of its own for every call", async () => {
  const codec = lengthPrefixed();
  const half = frames(ReadableStream.from([frame("ab").slice(0, 5)]), codec);
  await assertRejects(() => half.next(), FrameError);
  assertEquals(await Array.fromAsync(frames(ReadableStream.from([frame("cd")]), codec)), [utf8("cd")]);
});

Deno.test("frames ends a socket that cannot be understood with the error as its reason", async () => {
  await using linked = await link();
  await linked.peer.write(bad);
  const error = await assertRejects(() => frames(linked.socket, json()).next(), FrameError);
  const receipt = await linked.socket.closed;
  assertEquals([receipt.reason, receipt.error], ["protocol", error]);
});
