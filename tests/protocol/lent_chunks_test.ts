// A codec whose messages are copies is lent one buffer for all chunks. Nothing of a message, or of what is left of a chunk,
// may be changed by what is read next.

import { assert, assertEquals } from "@std/assert";
import { equals } from "@std/bytes";
import { framed, type FramedSocket, MessageProtocol, type TCPSocket } from "../../mod.ts";
import { type Codec, json, lengthPrefixed, lines, ndjson } from "../../src/framing/mod.ts";
import { Random } from "../../src/testing/random.ts";
import { link, type Linked } from "./linked.ts";
import { KINDS, openPair } from "../support/kinds.ts";
import { until } from "./until.ts";
import { concat } from "../framing/decode.ts";

const ROUNDS = 200;

/** The same codec, which notes the memory that its chunks stand in. */
function noting<In, Out>(codec: Codec<In, Out>): { codec: Codec<In, Out>; buffers: Set<ArrayBufferLike> } {
  const buffers = new Set<ArrayBufferLike>();
  const decoder = () => {
    const inner = codec.decoder();
    const push = inner.push.bind(inner);
    inner.push = (chunk) => {
      buffers.add(chunk.buffer);
      push(chunk);
    };
    return inner;
  };
  const noted: Codec<In, Out> = {
    decoder,
    encode: (message) => codec.encode(message),
    copiesMessages: codec.copiesMessages === true,
  };
  return { codec: noted, buffers };
}

/** Sends messages one after the other, each when the one before has come back, and gives the memory they came in. */
async function talk<Message>(kind: typeof KINDS[number], codec: Codec<Message>, message: Message) {
  const noted = noting(codec);
  await using pair = await openPair(kind);
  const inside = framed(pair.inside, noted.codec);
  inside.on("message", (message) => inside.send(message));
  const client = framed(pair.client, codec);
  for (let i = 0; i < ROUNDS; i++) {
    const answer = new Promise((resolve) => client.once("message", resolve));
    client.send(message);
    assertEquals(await answer, message);
  }
  return noted.buffers.size;
}

const CODECS: [name: string, codec: Codec<string>][] = [
  ["json", json<string>()],
  ["ndjson", ndjson<string>()],
  ["lines", lines()],
];

for (const kind of KINDS) {
  for (const [name, codec] of CODECS) {
    Deno.test(`${name} reads all its messages from a few buffers (${kind.name})`, async () => {
      const buffers = await talk(kind, codec, "x".repeat(1_000));
      assert(buffers <= 4, `${buffers} buffers`); // it grows until a message fits
    });
  }
}

const MESSAGES = 3_000;

/** Messages of all sizes, and what they are on the wire. */
function makeMessages(codec: Codec<string>, random: Random): { sent: string[]; wire: Uint8Array } {
  const sent = Array.from(
    { length: MESSAGES },
    (_, i) => `${i}:${String.fromCharCode(97 + i % 26).repeat(random.below(i % 50 === 0 ? 9_000 : 200))}`,
  );
  return { sent, wire: concat(...sent.map((message) => codec.encode(message))) };
}

interface Receiver {
  readonly socket: TCPSocket;
  readonly codec: Codec<string>;
  readonly random: Random;
  /** Takes a message; true once all are there. */
  take(message: string): boolean;
}

type Receive = (receiver: Receiver) => void;

/** Listens until all messages are there. `meddle` is called after each. */
function listen(receiver: Receiver, meddle: (peer: FramedSocket<string>) => void = () => {}): void {
  const peer = framed(receiver.socket, receiver.codec);
  peer.on("message", (message) => {
    if (!receiver.take(message)) meddle(peer);
  });
}

/** Hands over to a new one, with what is left, every few messages. */
function handOver(receiver: Receiver, head?: Uint8Array): void {
  const protocol = new MessageProtocol<string>(receiver.socket, { codec: receiver.codec });
  let left = 1 + receiver.random.below(20);
  protocol.onMessage = (message) => {
    if (receiver.take(message) || --left > 0) return;
    const rest = protocol.takeRest();
    queueMicrotask(() => handOver(receiver, rest));
  };
  protocol.attach();
  if (head !== undefined) protocol.handleData(head);
}

const WAYS: [how: string, receive: Receive][] = [
  ["it is left alone", (receiver) => listen(receiver)],
  ["it is paused for a turn now and then", (receiver) =>
    listen(receiver, (peer) => {
      if (receiver.random.below(10) > 0) return;
      peer.pause();
      setTimeout(() => peer.resume(), 0);
    })],
  ["it may deliver ten messages at once", (receiver) => {
    const peer = framed(receiver.socket, receiver.codec, { messagesPerSecond: 20_000, burst: 10 });
    peer.on("message", (message) => void receiver.take(message));
  }],
  ["others listen for data, too, and leave again", (receiver) => {
    const { socket, random } = receiver;
    const other = () => {};
    listen(receiver, () => {
      if (random.below(5) > 0) return;
      socket.off("data", other);
      if (random.below(2) > 0) socket.on("data", other);
    });
  }],
  ["its listener leaves and comes back", (receiver) => {
    const { random } = receiver;
    const peer = framed(receiver.socket, receiver.codec);
    const hear = (message: string) => {
      if (receiver.take(message) || random.below(10) > 0) return;
      peer.off("message", hear);
      setTimeout(() => peer.on("message", hear), 0);
    };
    peer.on("message", hear);
  }],
  ["one protocol hands over to the next", (receiver) => handOver(receiver)],
];

for (const [name, codec] of CODECS) {
  for (const [how, receive] of WAYS) {
    Deno.test(`${name} gives every message as it was sent while ${how}`, async () => {
      const random = new Random(7);
      const { sent, wire } = makeMessages(codec, random);
      let count = 0;
      const { promise: all, resolve, reject } = Promise.withResolvers<void>();
      await using linked = await link();
      linked.app.onError(reject);
      const take = (message: string) => {
        assertEquals(message, sent[count++]);
        if (count === MESSAGES) resolve();
        return count >= MESSAGES;
      };
      receive({ socket: linked.socket, codec, random, take });
      const writing = (async () => {
        for (let at = 0; at < wire.length;) {
          at += await linked.peer.write(wire.subarray(at, at + 1 + random.below(4_000)));
        }
      })();
      await Promise.all([all, writing]);
    });
  }
}

/** Sends whole frames, each when the message before has been taken, so that nothing is left of any chunk. */
async function sendOneByOne<Message>(
  linked: Linked,
  codec: Codec<Message>,
  messages: Message[],
  take: (m: Message) => void,
) {
  const receiver = framed(linked.socket, codec);
  receiver.on("message", take);
  for (const message of messages) {
    const taken = new Promise((resolve) => receiver.once("message", resolve));
    await linked.peer.write(codec.encode(message));
    await taken;
  }
}

Deno.test("a chunk of somebody who listens for data beside a codec is his for good", async () => {
  const codec = json<string>();
  const messages = Array.from({ length: 500 }, (_, i) => `message ${i}`);
  await using linked = await link();
  const chunks: Uint8Array[] = [];
  await sendOneByOne(linked, codec, messages, (message) => {
    if (message === messages[99]) linked.socket.on("data", (chunk) => chunks.push(chunk));
  });
  assertEquals(concat(...chunks), concat(...messages.slice(100).map((message) => codec.encode(message))));
});

Deno.test("lengthPrefixed, whose messages are windows on chunks, is lent nothing", async () => {
  const messages = Array.from({ length: 500 }, (_, i) => new Uint8Array(100).fill(i));
  await using linked = await link();
  const received: Uint8Array[] = [];
  await sendOneByOne(linked, lengthPrefixed(), messages, (message) => received.push(message));
  assertEquals(received.findIndex((message, i) => !equals(message, messages[i]!)), -1); // sent as many
});

Deno.test("a frame that comes byte by byte takes no buffer for each", async () => {
  const codec = json<string>();
  const noted = noting(codec);
  await using linked = await link();
  const receiver = framed(linked.socket, noted.codec);
  const ask = async (frame: Uint8Array) => {
    const came = new Promise((resolve) => receiver.once("message", resolve));
    for (let at = 0; at < frame.length;) at += await linked.peer.write(frame.subarray(at));
    return await came;
  };
  const large = "x".repeat(300_000); // its buffer grows
  assertEquals(await ask(codec.encode(large)), large);
  const frame = codec.encode("y".repeat(400));
  noted.buffers.clear();
  const came = new Promise((resolve) => receiver.once("message", resolve));
  for (let at = 0; at < frame.length; at++) {
    const { bytesRead } = linked.socket;
    await linked.peer.write(frame.subarray(at, at + 1));
    await until(() => linked.socket.bytesRead > bytesRead);
  }
  assertEquals(await came, "y".repeat(400));
  assert(noted.buffers.size <= 2, `${noted.buffers.size} buffers`);
});

Deno.test("what is left is delivered by the next protocol, made in the handler of the one before, once the peer reads", async () => {
  const codec = json<number>();
  await using linked = await link({ limits: { readWhileBlocked: false } });
  const { socket, peer } = linked;
  const { promise: second, resolve } = Promise.withResolvers<number>();
  const first = new MessageProtocol<number>(socket);
  const written = 3_000_000;
  first.onMessage = () => {
    const rest = first.takeRest();
    socket.write(new Uint8Array(written)); // more than the kernel takes
    const next = new MessageProtocol<number>(socket);
    next.onMessage = resolve;
    next.attach();
    next.handleData(rest);
  };
  first.attach();
  await peer.write(concat(codec.encode(1), codec.encode(2)));
  const buffer = new Uint8Array(65_536);
  for (let read = 0; read < written;) read += await peer.read(buffer) ?? written;
  assertEquals(await second, 2);
});

Deno.test("what takeRest() has handed over is not held for the connection any more", async () => {
  await using linked = await link({ limits: { memoryBudgetBytes: 100_000_000 } });
  const protocol = new MessageProtocol(linked.socket).attach();
  const begun = new Uint8Array(500_000).fill(1, 1, 2); // of a frame of 65,536 bytes and more
  const frame = concat(new Uint8Array([0, 8, 0, 0]), begun);
  for (let at = 0; at < frame.length;) at += await linked.peer.write(frame.subarray(at));
  await until(() => linked.app.metrics().heldBytes === frame.length);
  assertEquals(protocol.takeRest().length, frame.length);
  await until(() => linked.app.metrics().heldBytes === 0);
});
