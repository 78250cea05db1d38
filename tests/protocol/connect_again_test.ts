// A codec on a socket that connects again begins afresh: nothing of the old connection is left in it.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type EventEmitter, once } from "node:events";
import {
  answerRequests,
  type CloseReceipt,
  createRequester,
  createServer,
  framed,
  MessageProtocol,
  RequestError,
  TCPSocket,
} from "../../mod.ts";
import { type Codec, lengthPrefixed, lines } from "../../src/framing/mod.ts";

const host = "127.0.0.1";

/** The next event of that name; unlike `once` of node:events it takes an error for nothing else. */
const next = (emitter: EventEmitter, event: string): Promise<unknown[]> =>
  new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

/** A server that says to each connection what is next. */
function listen(...texts: (string | Uint8Array)[]) {
  const peers: TCPSocket[] = [];
  const app = createServer().onError(() => {/* the client cuts connections off */}).onConnection((socket) => {
    peers.push(socket);
    socket.resume();
    const text = texts.shift();
    if (text !== undefined) socket.write(text);
  }).listen(0, host);
  return { app, peers, port: app.address()!.port, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 1));

/** Until so many bytes have come on this connection. */
async function arrived(socket: TCPSocket, bytes: number): Promise<void> {
  while (socket.bytesRead < bytes) await settled();
}

const bytes = lengthPrefixed({ bytes: 1, maxFrameBytes: 8 });

/** Words behind their length, of which one that is too long or cut off is the end. */
const strict: Codec<string> = {
  decoder() {
    const decoder = bytes.decoder();
    return {
      get bufferedBytes() {
        return decoder.bufferedBytes;
      },
      push: (chunk) => decoder.push(chunk),
      next() {
        const line = decoder.next();
        return line === undefined ? undefined : String(Buffer.from(line));
      },
      end: () => decoder.end(),
      takeRest: () => decoder.takeRest(),
    };
  },
  encode: (line) => bytes.encode(new TextEncoder().encode(line)),
};

/** The two ways to receive, as one. */
const RECEIVERS = {
  framed(socket: TCPSocket) {
    const peer = framed(socket, strict);
    return {
      peer,
      listen: (heard: (line: string) => void, failed: (error: Error) => void) =>
        void peer.on("error", failed).on("message", heard),
    };
  },
  MessageProtocol(socket: TCPSocket) {
    const peer = new MessageProtocol<string>(socket, { codec: strict });
    return {
      peer,
      listen(heard: (line: string) => void, failed: (error: Error) => void) {
        peer.onMessage = heard;
        peer.onError = failed;
        peer.attach();
      },
    };
  },
};

for (const [name, make] of Object.entries(RECEIVERS)) {
  Deno.test(`${name} drops what the old connection left in its decoder`, async () => {
    await using server = listen("\x03one\x05tw", "\x01o\x05three");
    const socket = new TCPSocket();
    const { peer, listen: receive } = make(socket);
    const heard: string[] = [];
    receive((line) => heard.push(line), () => assert(false));
    socket.connect(server.port, host);
    await arrived(socket, 7);
    assertEquals([heard, peer.bufferedBytes], [["one"], 3]);
    socket.destroy().connect(server.port, host);
    assertEquals(peer.bufferedBytes, 0);
    await arrived(socket, 8);
    await settled();
    assertEquals(heard, ["one", "o", "three"]);
    assertEquals(socket.listenerCount("data"), 1);
    socket.destroy();
    await socket.closed;
  });

  Deno.test(`${name} sends over the new connection`, async () => {
    await using server = listen();
    const socket = new TCPSocket();
    const { peer, listen: receive } = make(socket);
    receive(() => {}, () => assert(false));
    for (const line of ["one", "two"]) {
      socket.connect(server.port, host);
      await next(socket, "connect");
      while (server.peers.length === 0) await settled();
      assertEquals(peer.send(line), true);
      assertEquals(String((await once(server.peers.pop()!, "data"))[0]), `\x03${line}`);
      socket.destroy();
      assertEquals(peer.send("lost"), false);
      await next(socket, "close");
    }
  });

  Deno.test(`${name} that had failed receives again`, async () => {
    await using server = listen("\x20far too long for it", "\x04fine");
    const socket = new TCPSocket().on("error", () => {/* the failure, too */});
    const { listen: receive } = make(socket);
    const heard: string[] = [];
    const failures: Error[] = [];
    receive((line) => heard.push(line), (error) => failures.push(error));
    socket.connect(server.port, host);
    await next(socket, "close");
    assertEquals(failures.length, 1);
    socket.connect(server.port, host);
    await arrived(socket, 5);
    await settled();
    assertEquals([heard, failures.length, socket.destroyed], [["fine"], 1, false]);
    socket.destroy();
    await socket.closed;
  });

  Deno.test(`${name} that had heard the end hears the next one, and a frame that is cut off`, async () => {
    const socket = new TCPSocket().on("error", () => {/* the failure, too */});
    const { listen: receive } = make(socket);
    const heard: string[] = [];
    const failures: unknown[] = [];
    receive((line) => heard.push(line), (error) => failures.push((error as { code?: string }).code));
    await using app = createServer().onConnection((peer) => void peer.end("\x01a\x02b")).listen(0, host);
    for (let i = 0; i < 2; i++) {
      socket.connect(app.address()!.port, host);
      await next(socket, "close");
    }
    assertEquals([heard, failures], [["a", "a"], ["ERR_FRAME_TRUNCATED", "ERR_FRAME_TRUNCATED"]]);
  });

  Deno.test(`${name} that was paused is paused no more, with its socket`, async () => {
    await using server = listen("\x03one", "\x03two");
    const socket = new TCPSocket();
    const { peer, listen: receive } = make(socket);
    const heard: string[] = [];
    receive((line) => {
      heard.push(line);
      if (line === "one") peer.pause();
    }, () => assert(false));
    socket.connect(server.port, host);
    await arrived(socket, 4);
    while (!socket.isPaused()) await settled();
    socket.destroy();
    await next(socket, "close");
    socket.connect(server.port, host);
    assertEquals(socket.isPaused(), false);
    await arrived(socket, 4);
    await settled();
    assertEquals(heard, ["one", "two"]);
    socket.destroy();
    await socket.closed;
  });

  Deno.test(`${name} may connect its socket again from within a message`, async () => {
    await using server = listen("\x03one\x03not\x03of", "\x03two");
    const socket = new TCPSocket();
    const { listen: receive } = make(socket);
    const heard: string[] = [];
    receive((line) => {
      heard.push(line);
      if (line === "one") socket.destroy().connect(server.port, host);
    }, () => assert(false));
    socket.connect(server.port, host);
    while (heard.length < 2) await settled();
    assertEquals(heard, ["one", "two"]);
    socket.destroy();
    await socket.closed;
  });

  Deno.test(`the heartbeat of ${name} stops with its connection, a new one starts on the next`, async () => {
    await using server = listen();
    const socket = new TCPSocket();
    const { peer, listen: receive } = make(socket);
    receive(() => {}, () => assert(false));
    const beat = () =>
      peer.startHeartbeat({ ping: () => "PING", isPong: (line) => line === "PONG", intervalMs: 5, misses: 1_000 });
    for (let i = 0; i < 3; i++) {
      socket.connect(server.port, host);
      const heartbeat = beat(); // before the close of the one before it is told, where that comes late
      await next(socket, "connect");
      while (server.peers.length === 0) await settled();
      const accepted = server.peers.pop()!;
      assertEquals(String((await once(accepted, "data"))[0]).slice(0, 5), "\x04PING");
      assertEquals(heartbeat.running, true);
      socket.destroy();
      await next(socket, "close");
      assertEquals(heartbeat.running, false);
    }
    // Connected again before the close is told.
    socket.connect(server.port, host);
    await next(socket, "connect");
    const first = beat();
    socket.destroy().connect(server.port, host);
    const second = beat();
    await next(socket, "connect");
    assertEquals([first.running, second.running, first.start().running], [false, true, false]);
    socket.destroy();
    await socket.closed;
    assertEquals([second.running, socket.listenerCount("close")], [false, 0]);
  });
}

Deno.test("a MessageProtocol that is fed by hand begins afresh, too", async () => {
  await using server = listen();
  const socket = new TCPSocket().connect(server.port, host);
  const protocol = new MessageProtocol<string>(socket, { codec: lines() });
  const heard: string[] = [];
  protocol.onMessage = (line) => void heard.push(line);
  protocol.handleData(new TextEncoder().encode("old"));
  socket.destroy().connect(server.port, host);
  assertEquals(protocol.bufferedBytes, 0);
  protocol.handleData(new TextEncoder().encode("new\n"));
  assertEquals(heard, ["new"]);
  socket.destroy();
  await socket.closed;
});

Deno.test("a codec that rests from bad messages does not go on with them on the next connection", async () => {
  await using server = listen("x".repeat(20) + "\n" + "yyyyyyyyyyyy\n".repeat(2_000), "fine\n");
  const socket = new TCPSocket();
  const peer = framed(socket, lines({ maxFrameBytes: 8 }));
  let bad = 0;
  const heard: string[] = [];
  peer.on("error", () => {
    if (++bad === 1) queueMicrotask(() => socket.destroy().connect(server.port, host)); // it rests, or is at the next
  });
  peer.on("message", (line) => heard.push(line));
  socket.connect(server.port, host);
  while (heard.length === 0) await settled();
  const before = bad;
  await settled();
  assertEquals([heard, bad, socket.isPaused()], [["fine"], before, false]);
  socket.destroy();
  await socket.closed;
});

Deno.test("a requester begins afresh: what was open is unanswered, what is asked while it connects again is not", async () => {
  await using app = createServer().onConnection((socket) => {
    const peer = framed(socket, lines());
    peer.on("message", (line) => line !== "silence" && peer.send(line.toUpperCase()));
  }).listen(0, host);
  const socket = new TCPSocket();
  const requester = createRequester(framed(socket, lines()), { ordered: true });
  socket.connect(app.address()!.port, host);
  assertEquals(await requester.request("one"), "ONE");
  for (const error of [undefined, new Error("told to the requests")]) {
    const open = assertRejects(() => requester.request("silence"), RequestError);
    while (socket.connecting) await settled();
    socket.destroy(error).connect(app.address()!.port, host); // its close is told behind what follows
    const early = requester.request("early");
    const { code, cause } = await open;
    assertEquals([code, (cause as CloseReceipt).error], ["ERR_REQUEST_UNANSWERED", error]);
    assertEquals([await early, requester.inFlight], ["EARLY", 0]);
  }
  socket.destroy();
  await socket.closed;
});

Deno.test("an answer to a request of the old connection is not sent over the new one", async () => {
  const heard: string[] = [];
  await using app = createServer().onConnection((socket) => {
    const peer = framed(socket, lines());
    peer.on("message", (line) => heard.push(line)).send(`question ${app.metrics().accepted}`);
  }).listen(0, host);
  const socket = new TCPSocket();
  const answers: ((answer: string) => void)[] = [];
  answerRequests(framed(socket, lines()), () => new Promise<string>((resolve) => answers.push(resolve)));
  socket.connect(app.address()!.port, host);
  while (answers.length < 1) await settled();
  socket.destroy().connect(app.address()!.port, host);
  while (answers.length < 2) await settled();
  answers[0]!("late");
  await settled();
  answers[1]!("in time");
  while (heard.length === 0) await settled();
  assertEquals(heard, ["in time"]);
  socket.destroy();
  await socket.closed;
});
