// Changing codec in mid-stream: what one protocol did not consume is the next one's, byte for byte.

import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  connect,
  createServer,
  framed,
  type FramedSocket,
  FrameError,
  MessageProtocol,
  type TCPSocket,
} from "../../mod.ts";
import { lengthPrefixed, lines } from "../../src/framing/mod.ts";
import { concat, frame, utf8 } from "../framing/decode.ts";
import { link, type Linked } from "./linked.ts";
import { connectionOf } from "../../src/socket/socket_facts.ts";
import { until } from "./until.ts";

function each(name: string, fn: (linked: Linked) => void | Promise<void>): void {
  Deno.test(`framed ${name}`, async () => {
    await using linked = await link();
    await fn(linked);
  });
}

// ---- both ends, over real sockets ----

// Two lines; then frames up to the empty one; then lines again, the last of them without an end.
const WIRE = concat(utf8("hi\r\nswitch\n"), frame("1\n"), frame("bin"), frame(""), utf8("back\n\nbye"));
const MESSAGES = ["line hi", "line switch", "frame 1\n", "frame bin", "frame ", "line back", "line ", "line bye"];

/** Everything that comes, by codecs that follow each other. */
function receive(socket: TCPSocket): string[] {
  const messages: string[] = [];
  const readLines = (head: Uint8Array) => {
    const peer = framed(socket, lines(), { head });
    peer.on("message", (line) => {
      messages.push(`line ${line}`);
      if (line === "switch") readFrames(peer.takeRest());
    });
  };
  const readFrames = (head: Uint8Array) => {
    const peer = framed(socket, lengthPrefixed(), { head });
    peer.on("message", (body) => {
      messages.push(`frame ${new TextDecoder().decode(body)}`);
      if (body.length === 0) readLines(peer.takeRest());
    });
  };
  readLines(new Uint8Array(0));
  return messages;
}

/** Sends in two chunks: the second leaves when the first was read at the other end. */
async function sendCut(from: TCPSocket, to: TCPSocket, cut: number): Promise<void> {
  if (cut > 0) from.write(WIRE.slice(0, cut));
  await until(() => to.bytesRead === cut);
  from.write(WIRE.slice(cut));
}

Deno.test("framed changes from lines to frames and back at both ends, wherever the bytes are cut", async () => {
  await using app = createServer();
  const { promise: first, resolve } = Promise.withResolvers<TCPSocket>();
  let accept = resolve;
  app.onConnection((socket) => accept(socket)).listen(0, "127.0.0.1");
  let accepted = first;
  for (let cut = 0; cut < WIRE.length; cut++) {
    const client = await connect({ port: app.address()!.port, host: "127.0.0.1" }); // the server listens
    const server = await accepted;
    accepted = new Promise((resolve) => accept = resolve);
    const received = [receive(client), receive(server)];
    await Promise.all([sendCut(client, server, cut), sendCut(server, client, cut)]);
    await Promise.all([client.end().closed, server.end().closed]);
    assertEquals(received, [MESSAGES, MESSAGES], `cut at ${cut}`);
  }
});

each("hands the rest of a chunk from MessageProtocol to lines", async ({ socket, peer }) => {
  const messages: unknown[] = [];
  const protocol = new MessageProtocol(socket).attach();
  protocol.onMessage = (message) => {
    messages.push(message);
    if (message !== "lines") return;
    framed(socket, lines(), { head: protocol.takeRest() }).on("message", (line) => messages.push(line));
  };
  await peer.write(concat(frame("1"), frame('"lines"'), utf8("a\nb")));
  await peer.write(utf8("c\n"));
  await peer.closeWrite();
  await socket.closed;
  assertEquals(messages, [1, "lines", "a", "bc"]);
  assertEquals([socket.listenerCount("data"), socket.listenerCount("end"), protocol.bufferedBytes], [1, 1, 0]);
});

each("hands the rest to a plain data listener, which gets what comes then", async ({ socket, peer }) => {
  const bytes: string[] = [];
  const receiver = framed(socket, lines());
  receiver.on("message", () => {
    bytes.push(new TextDecoder().decode(receiver.takeRest()));
    socket.on("data", (data) => bytes.push(String(data)));
  });
  await peer.write(utf8("CONNECT\nrest "));
  await until(() => bytes.length > 0);
  await peer.write(utf8("and more"));
  await peer.closeWrite();
  await socket.closed;
  assertEquals(bytes.join(""), "rest and more");
});

each("keeps for the next listener what comes between takeRest() and it", async ({ socket, peer }) => {
  const receiver = framed(socket, lines());
  const rest = new Promise<Uint8Array>((resolve) => receiver.on("message", () => resolve(receiver.takeRest())));
  await peer.write(utf8("switch\na\nb"));
  const head = await rest;
  await peer.write(utf8("c\n"));
  await until(() => socket.bytesRead === 12);
  const messages: string[] = [];
  framed(socket, lines(), { head }).on("message", (line) => messages.push(line));
  await peer.closeWrite();
  await socket.closed;
  assertEquals(messages, ["a", "bc"]);
});

each("begins with what is behind a bad message when its error listener takes the rest", async ({ socket, peer }) => {
  const messages: string[] = [];
  const receiver = framed(socket, lines({ maxFrameBytes: 3 }));
  receiver.on("message", (line) => messages.push(line));
  receiver.on("error", () => {
    framed(socket, lines(), { head: receiver.takeRest() }).on("message", (line) => messages.push(`next ${line}`));
  });
  await peer.write(utf8("a\ntoo long\nfine with the next\n"));
  await peer.closeWrite();
  await socket.closed;
  assertEquals(messages, ["a", "next fine with the next"]);
});

// ---- the head ----

each("emits the messages of the head by itself, but not before its listener is there", async ({ socket }) => {
  const messages: string[] = [];
  const receiver = framed(socket, lines(), { head: utf8("a\nb\nc") });
  assertEquals(receiver.bufferedBytes, 5);
  receiver.on("message", (line) => messages.push(line));
  assertEquals(messages, []);
  await Promise.resolve();
  await Promise.resolve();
  assertEquals([messages, receiver.bufferedBytes], [["a", "b"], 1]);
});

each("puts the head in front of what the socket holds already", async ({ socket, peer }) => {
  await peer.write(utf8("b\n"));
  await until(() => socket.bytesRead === 2);
  const messages: string[] = [];
  framed(socket, lines(), { head: utf8("a") }).on("message", (line) => messages.push(line));
  await until(() => messages.length > 0);
  assertEquals(messages, ["ab"]);
});

each("gives the head back by takeRest() before anybody has listened, once", ({ socket }) => {
  const sender = framed(socket, lines(), { head: utf8("rest") });
  sender.send("220 ready");
  assertEquals([sender.takeRest(), sender.takeRest(), sender.bufferedBytes], [utf8("rest"), new Uint8Array(0), 0]);
});

each("sends what a listener for the head throws to app.onError and destroys the socket", async ({ socket, errors }) => {
  const mine = new Error("mine");
  framed(socket, lines(), { head: utf8("a\n") }).on("message", () => {
    throw mine;
  });
  assertEquals([(await socket.closed).error, errors], [mine, [mine]]);
});

each("leaves a socket paused that was paused before it had a head", async ({ socket, peer }) => {
  const messages: string[] = [];
  socket.pause();
  framed(socket, lines(), { head: utf8("a\n") }).on("message", (line) => messages.push(line));
  await peer.write(utf8("b\n"));
  await until(() => socket.bytesRead === 2);
  assertEquals([messages, socket.isPaused()], [["a"], true]);
});

// ---- changing while paused, and after the peer's end ----

/** Two messages are in one chunk, the listener of the first pauses; then the peer has ended and the socket is closed. */
async function pausedAtEnd({ socket, peer }: Linked, rest: Uint8Array): Promise<FramedSocket<string>> {
  const receiver = framed(socket, lines());
  receiver.once("message", () => receiver.pause());
  await peer.write(concat(utf8("1\nswitch\n"), rest));
  await peer.closeWrite();
  await socket.closed;
  return receiver;
}

each("gives the next codec a last line when the peer has ended before", async (linked) => {
  const receiver = await pausedAtEnd(linked, utf8("a\nlast"));
  const messages: string[] = [];
  receiver.on("message", () => {
    framed(linked.socket, lines(), { head: receiver.takeRest() }).on("message", (line) => messages.push(line));
  }).resume();
  await until(() => messages.length > 1);
  assertEquals(messages, ["a", "last"]);
});

each("tells the next codec's listeners of a truncated end when the peer has ended before", async (linked) => {
  const receiver = await pausedAtEnd(linked, frame("body").slice(0, 6));
  const errors: Error[] = [];
  receiver.on("message", () => {
    const next = framed(linked.socket, lengthPrefixed(), { head: receiver.takeRest() });
    next.on("error", (error) => errors.push(error)).on("message", () => {});
  }).resume();
  await until(() => errors.length > 0);
  const [error] = errors;
  assertInstanceOf(error, FrameError);
  assertEquals([error.code, error.frameBytes], ["ERR_FRAME_TRUNCATED", 6]);
});

for (const rest of ["", "a\n"]) {
  each(
    `goes on by resume() of the next one when the first had paused, with ${rest.length} bytes left`,
    async (linked) => {
      const { socket, peer } = linked;
      const messages: string[] = [];
      const receiver = framed(socket, lines());
      const head = new Promise<Uint8Array>((resolve) =>
        receiver.on("message", () => resolve(receiver.pause().takeRest()))
      );
      await peer.write(utf8(`switch\n${rest}`));
      const next = framed(socket, lines(), { head: await head });
      next.on("message", (line) => messages.push(line));
      next.resume();
      await peer.write(utf8("b\n"));
      await peer.closeWrite();
      await until(() => socket.destroyed);
      assertEquals(messages.join(), rest === "" ? "b" : "a,b");
    },
  );
}

each("throws nothing away when resume() and takeRest() come before the next one listens", async ({ socket, peer }) => {
  const receiver = framed(socket, lines());
  const taken = new Promise<Uint8Array>((resolve) =>
    receiver.on("message", () => resolve(receiver.pause().resume().takeRest()))
  );
  await peer.write(utf8("switch\na"));
  const head = await taken;
  await peer.write(utf8("b\n"));
  await until(() => socket.bytesRead === 10);
  const messages: string[] = [];
  framed(socket, lines(), { head }).on("message", (line) => messages.push(line));
  await peer.closeWrite();
  await until(() => socket.destroyed);
  assertEquals(messages, ["ab"]);
});

each(
  "leaves nothing behind on a socket whose protocol changes its codec with every message",
  async ({ socket, peer }) => {
    const changes = 500;
    let count = 0;
    const last = Promise.withResolvers<void>();
    const change = (head?: Uint8Array): void => {
      const receiver = framed(socket, lines(), head === undefined ? {} : { head });
      receiver.on("message", () => {
        if (++count === changes) last.resolve();
        else change(receiver.takeRest());
      });
    };
    change();
    await peer.write(utf8("x\n".repeat(changes)));
    await last.promise;
    const { holders } = connectionOf(socket);
    assertEquals([holders?.length, socket.listenerCount("data"), socket.listenerCount("end")], [1, 1, 1]);
  },
);

each("stops the heartbeat of the codec that hands over", ({ socket }) => {
  const receiver = framed(socket, lines());
  const heartbeat = receiver.startHeartbeat({ ping: () => "PING" });
  assertEquals(heartbeat.running, true);
  receiver.takeRest();
  assertEquals(heartbeat.running, false);
});
