// What MessageProtocol does to send.

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Codec, FrameError, json, lengthPrefixed, MessageProtocol, TCPSocket } from "../../mod.ts";
import { concat, frame, utf8 } from "../framing/decode.ts";
import { link, type Linked, readBytes } from "./linked.ts";

function each(name: string, fn: (linked: Linked) => void | Promise<void>): void {
  Deno.test(`MessageProtocol ${name}`, async () => {
    await using linked = await link();
    await fn(linked);
  });
}

each("sends JSON behind its length in bytes", async ({ socket, peer }) => {
  assertEquals(new MessageProtocol(socket).send({ nickname: "Zoë 🦕" }), true);
  const wire = frame('{"nickname":"Zoë 🦕"}');
  assertEquals(await readBytes(peer, wire.length), wire);
});

each("sends small, large and multi-byte messages in their order", async ({ socket, peer }) => {
  const protocol = new MessageProtocol(socket);
  const messages = [1, "ë".repeat(300), "a".repeat(5_000), { b: "🦕".repeat(2_000) }, [], "€".repeat(1_023), null];
  for (const message of messages) protocol.send(message);
  const wire = concat(...messages.map((message) => frame(JSON.stringify(message))));
  assertEquals(await readBytes(peer, wire.length), wire);
});

each("gives what write gives: false from the high-water mark on, then drain comes", async ({ socket, peer }) => {
  const protocol = new MessageProtocol(socket);
  const text = "a".repeat(10_000);
  let sent = 0;
  do sent++; while (protocol.send(text));
  assertEquals(socket.writableLength >= socket.writableHighWaterMark, true);
  assertEquals([socket.writableNeedDrain, sent], [true, 7]);
  const drained = new Promise<void>((resolve) => socket.once("drain", resolve));
  await readBytes(peer, sent * 10_006);
  await drained;
  assertEquals(protocol.send(1), true);
});

each("throws for a message over the limit before a byte is queued", ({ socket }) => {
  const protocol = new MessageProtocol(socket, { maxFrameBytes: 10 });
  for (const send of [() => protocol.send("123456789"), () => protocol.encode("123456789")]) {
    const error = assertThrows(send, FrameError);
    assertEquals([error.code, error.frameBytes, error.maxFrameBytes], ["ERR_FRAME_TOO_LARGE", 11, 10]);
  }
  assertEquals([socket.writableLength, socket.bytesWritten, socket.destroyed], [0, 0, false]);
});

each("has one codec for each limit, as long as a thousand others were not asked for since", ({ socket }) => {
  const codecOf = (maxFrameBytes: number) => new MessageProtocol(socket, { maxFrameBytes }).codec;
  const [used, unused] = [codecOf(100), codecOf(101)];
  for (let i = 0; i < 1_000; i++) {
    codecOf(1_000 + i);
    if (i === 500) assertStrictEquals(codecOf(100), used);
  }
  assertStrictEquals(codecOf(100), used);
  assert(codecOf(101) !== unused, "it was asked for longest ago");
});

const cycle: unknown[] = [];
cycle.push(cycle);

for (const [what, message] of [["undefined", undefined], ["a cycle", cycle], ["a BigInt", 1n]] as const) {
  each(`throws a TypeError for ${what} before a byte is queued`, async ({ socket, peer }) => {
    const protocol = new MessageProtocol(socket);
    protocol.send(1);
    const queued = socket.writableLength;
    assertThrows(() => protocol.send(message), TypeError);
    assertEquals(socket.writableLength, queued);
    protocol.send(2);
    assertEquals(await readBytes(peer, 10), concat(frame("1"), frame("2")));
  });
}

each("gives false on a closed socket and does not throw", async ({ socket }) => {
  const protocol = new MessageProtocol(socket);
  socket.destroy();
  assertEquals([protocol.send(1), protocol.sendEncoded(frame("1"))], [false, false]);
  await socket.closed;
  assertEquals([protocol.send(1), protocol.sendEncoded(frame("1"))], [false, false]);
  assertEquals(socket.bytesWritten, 0);
});

each("gives false on a closed socket whatever the codec", ({ socket }) => {
  const codec: Codec<string> = { ...textCodec };
  const protocol = new MessageProtocol(socket, { codec });
  socket.destroy();
  assertEquals(protocol.send("x"), false);
});

each("queues before the connection is there and sends then", async ({ app, socket }) => {
  void socket;
  const client = new TCPSocket();
  const accepted = new Promise<TCPSocket>((resolve) => app.once("connection", resolve));
  client.connect(app.address()?.port ?? 0, "127.0.0.1");
  const protocol = new MessageProtocol(client);
  assertEquals([protocol.send({ early: true }), client.connecting], [true, true]);
  const server = await accepted;
  const received = new Promise((resolve) => new MessageProtocol(server).attach().onMessage = resolve);
  assertEquals(await received, { early: true });
  client.end();
  client.resume();
  await client.closed;
});

each("destroys the socket with EOVERFLOW when the queue holds its bound already", async (linked) => {
  await using limited = await link({ limits: { maxWriteQueueBytes: 1_000 } });
  void linked;
  const protocol = new MessageProtocol(limited.socket);
  limited.socket.cork();
  assertEquals(protocol.send("a".repeat(2_000)), true); // one larger message to a lower queue is taken whole
  assertEquals(protocol.send(1), false);
  const receipt = await limited.socket.closed;
  assertEquals([receipt.reason, receipt.bytesWritten], ["overflow", 0]);
});

each("fails a write after end() as the socket does", async ({ socket, errors }) => {
  socket.end();
  assertEquals(new MessageProtocol(socket).send(1), false);
  await socket.closed;
  assertEquals(errors.map((error) => "code" in error && error.code), ["ERR_STREAM_WRITE_AFTER_END"]);
});

// ---- encode once, send to many ----

each("encodes a frame that is the caller's for good", ({ socket }) => {
  const protocol = new MessageProtocol(socket);
  const [one, two] = [protocol.encode("one"), protocol.encode("two")];
  assertEquals([one, two], [frame('"one"'), frame('"two"')]);
  assert(one.buffer !== two.buffer);
});

each("sends an encoded frame to many", async (linked) => {
  await using other = await link();
  const encoded = new MessageProtocol(linked.socket).encode({ all: "ë" });
  for (const { socket } of [linked, other]) new MessageProtocol(socket).sendEncoded(encoded);
  for (const { peer } of [linked, other]) assertEquals(await readBytes(peer, encoded.length), encoded);
});

// ---- other codecs ----

const inner = lengthPrefixed({ bytes: 1 });
/** Text behind one byte of length, without `encodeInto`. */
const textCodec: Codec<string> = {
  encode: (text) => inner.encode(utf8(text)),
  decoder() {
    const decoder = inner.decoder();
    return {
      push: (chunk) => decoder.push(chunk),
      next() {
        const body = decoder.next();
        return body === undefined ? undefined : new TextDecoder().decode(body);
      },
      end: () => decoder.end(),
      get bufferedBytes() {
        return decoder.bufferedBytes;
      },
      takeRest: () => decoder.takeRest(),
    };
  },
};

each("speaks another codec both ways", async ({ socket, peer }) => {
  const protocol = new MessageProtocol(socket, { codec: textCodec }).attach();
  const received = new Promise((resolve) => protocol.onMessage = resolve);
  protocol.send("hello");
  assertEquals(await readBytes(peer, 6), concat(new Uint8Array([5]), utf8("hello")));
  await peer.write(concat(new Uint8Array([2]), utf8("hi")));
  assertEquals(await received, "hi");
});

each("speaks a codec with encodeInto of its own", async ({ socket, peer }) => {
  const codec: Codec<Uint8Array> = lengthPrefixed({ bytes: 2, endian: "little" });
  new MessageProtocol(socket, { codec }).send(utf8("hi"));
  assertEquals(await readBytes(peer, 4), concat(new Uint8Array([2, 0]), utf8("hi")));
});

each("does not lose what was queued when a codec fails half-way", async ({ socket, peer }) => {
  const codec: Codec<number> = {
    ...json<number>(),
    decoder: () => json<number>().decoder(),
    encode: (n) => new Uint8Array([n]),
    encodeInto(n, sink) {
      sink.reserve(n === 0 ? 10_000 : 10).fill(n, sink.at, sink.at + 1);
      if (n === 0) throw new RangeError("half-way");
      sink.commit(1);
    },
  };
  const protocol = new MessageProtocol(socket, { codec });
  protocol.send(1);
  assertThrows(() => protocol.send(0), RangeError, "half-way");
  protocol.send(2);
  assertEquals(await readBytes(peer, 2), new Uint8Array([1, 2]));
});

each("shares its default codec without sharing anything else", ({ socket }) => {
  const [one, other] = [new MessageProtocol(socket), new MessageProtocol(socket)];
  const messages: unknown[] = [];
  one.onMessage = (message) => messages.push("one", message);
  other.onMessage = (message) => messages.push("other", message);
  one.handleData(frame("11").slice(0, 5));
  other.handleData(frame("22"));
  one.handleData(frame("11").slice(5));
  assertEquals(messages, ["other", 22, "one", 11]);
});

each("survives a message whose toJSON destroys the socket", async ({ socket }) => {
  const protocol = new MessageProtocol(socket);
  const sent = protocol.send({
    toJSON() {
      socket.destroy();
      return 1;
    },
  });
  const receipt = await socket.closed;
  assertEquals([sent, receipt.reason, receipt.bytesWritten, socket.writableLength], [false, "destroyed", 0, 0]);
});

each("keeps the frame of a message whose toJSON sends another one whole", async ({ socket, peer }) => {
  const protocol = new MessageProtocol(socket);
  protocol.send({
    toJSON() {
      protocol.send("inner");
      return "outer";
    },
  });
  const wire = concat(frame('"inner"'), frame('"outer"'));
  assertEquals(await readBytes(peer, wire.length), wire);
});

each("gives back the protocol's own socket for chaining what is not messages", ({ socket }) => {
  assertStrictEquals(new MessageProtocol(socket).socket, socket);
});
