// pause() and resume() of `framed` and `MessageProtocol`, and what every face holds when its reader is slow.

import { assertEquals, assertLessOrEqual } from "@std/assert";
import { once } from "node:events";
import { connect, framed, MessageProtocol, type TCPSocket } from "../../mod.ts";
import {
  type Codec,
  FrameDecoderStream,
  FrameEncoderStream,
  frames,
  lengthPrefixed,
  lines,
} from "../../src/framing/mod.ts";
import { connectResettable } from "../documentation/peer.ts";
import { utf8 } from "../framing/decode.ts";
import { link, type Linked } from "./linked.ts";
import { turn, until } from "./until.ts";

/** What `framed` and `MessageProtocol` have in common. */
interface Receiver {
  readonly bufferedBytes: number;
  pause(): unknown;
  resume(): unknown;
}

/** Receives by events; `hear` is given every message, `fail` the code of what was wrong. */
type Receive = <T>(
  socket: TCPSocket,
  codec: Codec<T>,
  hear: (message: T) => unknown,
  fail?: (code: string) => unknown,
) => Receiver;

const codeOf = (error: Error) => "code" in error ? String(error.code) : error.message;
const FACES: [name: string, receive: Receive][] = [
  ["framed", (socket, codec, hear, fail) => {
    const receiver = framed(socket, codec).on("message", hear);
    return fail === undefined ? receiver : receiver.on("error", (error) => fail(codeOf(error)));
  }],
  ["MessageProtocol", (socket, codec, hear, fail) => {
    const receiver = new MessageProtocol(socket, { codec }).attach();
    receiver.onMessage = hear;
    if (fail !== undefined) receiver.onError = (error) => fail(codeOf(error));
    return receiver;
  }],
];

for (const [name, receive] of FACES) {
  type Hear = (line: string, receiver: Receiver) => unknown;
  const face = (socket: TCPSocket, hear: Hear, fail?: Hear) => {
    const told = fail && ((code: string) => fail(code, receiver));
    const receiver: Receiver = receive(socket, lines({ maxFrameBytes: 10 }), (line) => hear(line, receiver), told);
    return receiver;
  };
  const each = (what: string, fn: (linked: Linked) => Promise<void>) =>
    Deno.test(`${name} ${what}`, async () => {
      await using linked = await link();
      await fn(linked);
    });

  each("paused by a listener delivers nothing more of the chunk until resume(), then all in order", async (linked) => {
    const messages: string[] = [];
    const receiver = face(linked.socket, (line, receiver) => {
      messages.push(line);
      if (line === "b") receiver.pause();
    });
    await linked.peer.write(utf8("a\nb\nc\nd"));
    await until(() => linked.socket.bytesRead === 7);
    assertEquals([messages, receiver.bufferedBytes, linked.socket.isPaused()], [["a", "b"], 3, true]);
    await linked.peer.write(utf8("e\nf\n"));
    await until(() => linked.socket.bytesRead === 11);
    receiver.resume(); // which goes on later
    assertEquals([messages, receiver.bufferedBytes], [["a", "b"], 3]); // the socket holds the rest
    await until(() => messages.length === 5);
    assertEquals([messages, linked.socket.isPaused()], [["a", "b", "c", "de", "f"], false]);
  });

  each("delivers everything that came when the peer ended while it was paused", async (linked) => {
    const messages: string[] = [];
    const receiver = face(linked.socket, (line, receiver) => {
      messages.push(line);
      receiver.pause();
    });
    await linked.peer.write(utf8("a\nb\n"));
    await until(() => messages.length === 1);
    await linked.peer.write(utf8("c\nlast"));
    await until(() => linked.socket.bytesRead === 10);
    await linked.peer.closeWrite();
    for (let heard = 1; heard < 4; heard++) {
      await until(() => messages.length === heard);
      receiver.resume();
    }
    await until(() => messages.length === 4);
    assertEquals(messages, ["a", "b", "c", "last"]);
    assertEquals((await linked.socket.closed).reason, "peer");
  });

  each("delivers what was behind a pause when the connection is closed in order already", async (linked) => {
    const messages: string[] = [];
    const receiver = face(linked.socket, (line, receiver) => {
      messages.push(line);
      if (line === "a") receiver.pause();
    });
    await linked.peer.write(utf8("a\nb\nlast"));
    await linked.peer.closeWrite();
    assertEquals([(await linked.socket.closed).reason, messages], ["peer", ["a"]]);
    receiver.resume();
    await until(() => messages.length === 3);
    assertEquals(messages, ["a", "b", "last"]);
  });

  each("tells once what was wrong behind a pause when the connection is closed already", async (linked) => {
    const errors: string[] = [];
    const messages: string[] = [];
    const receiver = face(linked.socket, (line, receiver) => {
      messages.push(line);
      receiver.pause();
    }, (code) => errors.push(code));
    await linked.peer.write(utf8("a\nfar too long\nb\n"));
    await linked.peer.closeWrite();
    await linked.socket.closed;
    assertEquals(errors, []);
    for (let i = 0; i < 3; i++) await turn(receiver.resume());
    assertEquals([messages, errors, linked.errors], [["a", "b"], ["ERR_FRAME_TOO_LARGE"], []]);
  });

  each("delivers nothing behind a pause when the peer has reset the connection", async ({ app }) => {
    const messages: string[] = [];
    const accepted = once(app, "connection");
    const peer = await connectResettable(app.address()!.port); // the server listens
    const [socket] = await accepted;
    const receiver = face(socket, (line, receiver) => {
      messages.push(line);
      receiver.pause();
    });
    peer.write("a\nb\n");
    await until(() => messages.length === 1);
    peer.resetAndDestroy();
    assertEquals((await socket.closed).reason, "reset");
    receiver.resume();
    await turn();
    assertEquals(messages, ["a"]);
  });

  each("paused by an error listener stops behind the bad message", async (linked) => {
    const messages: string[] = [];
    const errors: string[] = [];
    const receiver = face(linked.socket, (line) => messages.push(line), (code, receiver) => {
      errors.push(code);
      receiver.pause();
    });
    await linked.peer.write(utf8("a\nfar too long\nb\n"));
    await until(() => errors.length === 1);
    await turn();
    assertEquals(messages, ["a"]);
    receiver.resume();
    await until(() => messages.length === 2);
    assertEquals([messages, errors], [["a", "b"], ["ERR_FRAME_TOO_LARGE"]]);
  });

  each("stays paused after pause(), resume() and pause() in one turn", async (linked) => {
    const messages: string[] = [];
    face(linked.socket, (line, receiver) => {
      messages.push(line);
      receiver.pause();
      receiver.resume();
      receiver.pause();
    });
    await linked.peer.write(utf8("a\nb\n"));
    await until(() => messages.length > 0);
    await linked.peer.write(utf8("c\n"));
    await until(() => linked.socket.bytesRead === 6);
    assertEquals([messages, linked.socket.isPaused()], [["a"], true]);
  });

  each("sends what a listener throws after resume() to app.onError and destroys the socket", async (linked) => {
    const mine = new Error("mine");
    const receiver = face(linked.socket, (line, receiver) => {
      if (line === "a") receiver.pause();
      else throw mine;
    });
    await linked.peer.write(utf8("a\nb\nc\n"));
    await until(() => receiver.bufferedBytes > 0);
    receiver.resume();
    assertEquals([(await linked.socket.closed).error, linked.errors], [mine, [mine]]);
  });
}

Deno.test("framed tells app.onError once of a truncated end behind a pause when the socket is closed already", async () => {
  await using linked = await link();
  const receiver = framed(linked.socket, lengthPrefixed()).on("message", () => receiver.pause());
  await linked.peer.write(new Uint8Array([0, 0, 0, 1, 7, 0, 0]));
  await linked.peer.closeWrite();
  await linked.socket.closed;
  for (let i = 0; i < 3; i++) await turn(receiver.pause().resume());
  assertEquals(linked.errors.map(codeOf), ["ERR_FRAME_TRUNCATED"]);
});

Deno.test("MessageProtocol that is fed by an iteration can pause and resume", async () => {
  await using linked = await link();
  const messages: string[] = [];
  const protocol = new MessageProtocol<string>(linked.socket, { codec: lines() });
  protocol.onMessage = (line) => {
    if (messages.push(line) === 1) protocol.pause();
  };
  await linked.peer.write(utf8("a\nb\n"));
  for await (const chunk of linked.socket) {
    protocol.handleData(chunk);
    protocol.resume();
    await until(() => messages.length === 2);
    await linked.peer.closeWrite();
  }
  assertEquals([messages, linked.errors], [["a", "b"], []]);
});

// ---- a sender that outruns its receiver ----

const BODY_BYTES = 1_000;
const BODIES = 4_000;
const FRAME_BYTES = BODY_BYTES + 4;
const CHUNK_BYTES = 65_536;

function body(n: number): Uint8Array {
  const bytes = new Uint8Array(BODY_BYTES);
  new DataView(bytes.buffer).setUint32(0, n);
  return bytes;
}

/** Sends all as fast as the socket takes it; the queue must stay bounded. */
async function sendAll(socket: TCPSocket): Promise<void> {
  const peer = framed(socket, lengthPrefixed());
  for (let n = 0; n < BODIES; n++) {
    const more = peer.send(body(n));
    assertLessOrEqual(socket.writableLength, socket.writableHighWaterMark + FRAME_BYTES);
    if (!more) await once(socket, "drain");
  }
  socket.end();
}

async function pipeAll(socket: TCPSocket): Promise<void> {
  const bodies = ReadableStream.from(Array(BODIES).keys().map(body));
  await bodies.pipeThrough(new FrameEncoderStream(lengthPrefixed())).pipeTo(socket.writable);
}

/** Calls `work` with every body, one after the other. */
type Consumer = (socket: TCPSocket, work: (body: Uint8Array) => Promise<void>) => Promise<unknown>;

// How much may have come that nobody has worked on: the chunk in the decoder, the one that the socket holds, and one for
// every stream in between.
const CONSUMERS: [name: string, chunks: number, consume: Consumer, send: (socket: TCPSocket) => Promise<void>][] = [
  ["direct calls", 2, async (socket, work) => {
    const decoder = lengthPrefixed().decoder();
    for await (const chunk of socket) {
      decoder.push(chunk);
      for (let body; (body = decoder.next()) !== undefined;) await work(body);
    }
  }, sendAll],
  ["frames", 2, async (socket, work) => {
    for await (const body of frames(socket, lengthPrefixed())) await work(body);
  }, sendAll],
  ["streams", 4, async (socket, work) => {
    const bodies = socket.readable.pipeThrough(new FrameDecoderStream(lengthPrefixed()));
    for await (const body of bodies) await work(body);
  }, pipeAll],
];
for (const [name, receive] of FACES) {
  CONSUMERS.push([name, 2, async (socket, work) => {
    const receiver = receive(socket, lengthPrefixed(), async (body) => {
      receiver.pause();
      await work(body);
      receiver.resume();
    });
    await socket.closed;
  }, sendAll]);
}

for (const [name, chunks, consume, send] of CONSUMERS) {
  Deno.test(`${name}: a slow receiver holds a sender back, and gets everything in the end`, async () => {
    await using linked = await link();
    const accepted = once(linked.app, "connection");
    const sender = await connect({ port: linked.app.address()!.port, host: "127.0.0.1" }); // the server listens
    const [receiver] = await accepted;
    const sending = send(sender);
    let worked = 0;
    let most = 0;
    await consume(receiver, async (body) => {
      assertEquals(new DataView(body.buffer, body.byteOffset).getUint32(0), worked);
      // Time enough to read far ahead: for the whole of it at first, for a little now and then.
      const turns = worked === 0 ? 50 : worked % 100 === 0 ? 1 : 0;
      for (let i = 0; i < turns; i++) await turn();
      most = Math.max(most, receiver.bytesRead - worked * FRAME_BYTES);
      worked++;
    });
    await sending;
    await until(() => worked === BODIES);
    assertEquals([worked, receiver.bytesRead], [BODIES, BODIES * FRAME_BYTES]);
    assertLessOrEqual(most, chunks * CHUNK_BYTES + FRAME_BYTES);
  });
}
