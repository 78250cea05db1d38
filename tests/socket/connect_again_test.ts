// A client's socket connects again after its close: the same listeners, a fresh connection.

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type EventEmitter, once } from "node:events";
import { PassThrough } from "node:stream";
import { connect, createServer, TcpError, TCPSocket } from "../../mod.ts";
import { runModule } from "../support/child.ts";
import { authority, listen, readAll, server } from "../tls/support.ts";

const host = "127.0.0.1";

/** The next event of that name; unlike `once` of node:events it takes an error for nothing else. */
const next = (emitter: EventEmitter, event: string): Promise<unknown[]> =>
  new Promise((resolve) => emitter.once(event, (...args) => resolve(args)));

/** A port of loopback on which nobody listens. */
function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: host });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** An echo server that tells what it heard, connection by connection. */
function listenEcho() {
  const app = createServer().onConnection((socket) => void socket.pipe(socket)).listen(0, host);
  return { app, port: app.address()!.port, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

/** Says that, and gives what the echo is up to there. */
async function say(socket: TCPSocket, text: string): Promise<string> {
  socket.write(text);
  let heard = "";
  while (heard.length < text.length) heard += String((await next(socket, "data"))[0]);
  return heard;
}

Deno.test("a socket connects again after close, with a new id and counters from zero", async () => {
  await using echo = listenEcho();
  const socket = new TCPSocket<string>();
  socket.state = "mine";
  const seen: unknown[] = [];
  for (const text of ["one", "three", "seventeen"]) {
    socket.connect(echo.port, host);
    const { id, closed } = socket;
    assertEquals([socket.destroyed, socket.connecting, socket.pending, socket.readyState], [
      false,
      true,
      true,
      "opening",
    ]);
    assertEquals([socket.bytesRead, socket.bytesWritten, socket.readableEnded, socket.writableEnded], [
      0,
      0,
      false,
      false,
    ]);
    await next(socket, "connect");
    assertEquals(await say(socket, text), text);
    assertEquals([socket.bytesRead, socket.bytesWritten], [text.length, text.length]);
    assert(Date.now() - socket.connectedAt < 60_000);
    socket.end();
    const { reason, bytesRead } = await closed;
    seen.push([reason, bytesRead]);
    assertEquals([socket.id, socket.destroyed, socket.state], [id, true, "mine"]);
  }
  assertEquals(seen, [["local", 3], ["local", 5], ["local", 9]]);
});

Deno.test("every connection has an id of its own", async () => {
  await using echo = listenEcho();
  const socket = new TCPSocket();
  const ids = new Set<number>();
  for (let i = 0; i < 3; i++) {
    socket.connect(echo.port, host);
    ids.add(socket.id);
    await next(socket, "connect");
    ids.add(socket.id);
    socket.destroy();
    await next(socket, "close");
  }
  assertEquals(ids.size, 3);
  assert(!ids.has(new TCPSocket().id));
});

Deno.test("EISCONN is for a socket that is open or connecting, and changes nothing", async () => {
  await using echo = listenEcho();
  const socket = new TCPSocket().connect(echo.port, host);
  const refused = () => assertThrows(() => socket.connect(echo.port, host, () => assert(false)), TcpError);
  assertEquals(refused().code, "EISCONN");
  await next(socket, "connect");
  assertEquals(refused().code, "EISCONN");
  assertEquals(await say(socket, "still here"), "still here");
  socket.end();
  assertEquals(refused().code, "EISCONN"); // until it is over
  await next(socket, "close");
  socket.connect(echo.port, host);
  assertEquals(refused().code, "EISCONN");
  await next(socket, "connect");
  socket.destroy();
  await socket.closed;
});

Deno.test("wrong arguments leave a closed socket as it was", async () => {
  await using echo = listenEcho();
  const socket = await connect({ port: echo.port, host });
  socket.destroy();
  const { id, closed } = socket;
  assertThrows(() => socket.connect(-1, host), RangeError);
  assertThrows(() => socket.connect({ port: echo.port, hots: "x" } as never), TypeError);
  assertEquals([socket.id, socket.destroyed, (await closed).reason], [id, true, "destroyed"]);
});

Deno.test("a server's socket never connects, open or closed", async () => {
  await using app = createServer().listen(0, host);
  const accepted = once(app, "connection");
  app.onConnection(() => {});
  const client = await connect({ port: app.address()!.port, host });
  const [socket]: TCPSocket[] = await accepted;
  const refused = () => assertThrows(() => socket!.connect(app.address()!.port, host), TcpError, "server");
  assertEquals(refused().code, "EOPNOTSUPP");
  client.destroy();
  socket!.destroy();
  await socket!.closed;
  assertEquals(refused().code, "EOPNOTSUPP");
});

/** Where reconnect idioms call `connect`. */
const IDIOMS: Readonly<Record<string, (socket: TCPSocket, again: () => void) => void>> = {
  "in the close listener": (socket, again) => socket.on("close", again),
  "from a timer after close": (socket, again) => socket.on("close", () => setTimeout(again, 1)),
  "in the error listener, before close": (socket, again) => socket.on("error", again),
  "from nextTick in the close listener": (socket, again) => socket.on("close", () => process.nextTick(again)),
  "when closed resolves": (socket, again) => {
    const watch = () => {
      const { closed } = socket;
      void closed.then(again).then(() => socket.closed !== closed && watch());
    };
    queueMicrotask(watch);
  },
};

for (const [where, idiom] of Object.entries(IDIOMS)) {
  Deno.test(`connect() works ${where}, as often as it is needed`, async () => {
    await using echo = listenEcho();
    const refused = freePort();
    const socket = new TCPSocket().on("error", () => {/* what the idiom is for */});
    const events: string[] = [];
    for (const event of ["connect", "ready", "error", "close"] as const) socket.on(event, () => events.push(event));
    let attempts = 0;
    const done = Promise.withResolvers<void>();
    // Three times nobody is there.
    const again = () => {
      if (events.includes("connect")) done.resolve();
      else socket.connect(++attempts < 4 ? refused : echo.port, host);
    };
    idiom(socket, again);
    socket.connect(refused, host);
    await next(socket, "connect");
    assertEquals(await say(socket, "at last"), "at last");
    socket.destroy(new Error("enough"));
    await done.promise;
    await socket.closed;
    const failures = Array.from({ length: 4 }, () => ["error", "close"]).flat();
    assertEquals(events.slice(0, 10), [...failures, "connect", "ready"]);
    assertEquals(attempts, 4);
  });
}

Deno.test("the commonest reconnect idiom goes on for ever, and nothing is thrown out of its timer", async () => {
  const { code, stdout, stderr } = await runModule(`
    import { createServer, TCPSocket } from "@verb/tcp";
    const listen = (port) => {
      const app = createServer().onError(() => {}).onConnection((socket) => socket.write("hello")).listen(port, "127.0.0.1");
      return { app, port: app.address()!.port };
    };
    let { app, port } = listen(0);
    const socket = new TCPSocket();
    let rounds = 0;
    socket.on("error", () => {});
    socket.on("close", () => setTimeout(() => socket.connect(port, "127.0.0.1"), 5));
    socket.on("data", async () => {
      console.log("round", ++rounds);
      app.destroy();
      if (rounds === 3) Deno.exit(0);
      await app.close();
      setTimeout(() => { app = listen(port).app; }, 30);
    });
    socket.connect(port, "127.0.0.1");
  `);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "round 1\nround 2\nround 3\n", stderr: "" });
});

Deno.test("connect() between destroy() and close is told the old close first, and the new connection lives", async () => {
  await using echo = listenEcho();
  const socket = new TCPSocket();
  const events: unknown[] = [];
  for (const event of ["connect", "error", "close"] as const) socket.on(event, (arg) => events.push(event, arg));
  socket.connect(echo.port, host);
  await next(socket, "connect");
  const failure = new Error("mine");
  const { closed } = socket;
  socket.destroy(failure).connect(echo.port, host);
  assertEquals([socket.destroyed, socket.readyState], [false, "opening"]);
  assert(socket.closed !== closed);
  await next(socket, "connect");
  assertEquals(events, ["connect", undefined, "error", failure, "close", true, "connect", undefined]);
  assertEquals(await say(socket, "alive"), "alive");
  assertStrictEquals((await closed).error, failure);
  socket.destroy();
  assertEquals((await socket.closed).error, undefined);
});

Deno.test("destroy() while connecting, then connect() at once, connects", async () => {
  await using echo = listenEcho();
  const socket = new TCPSocket();
  const events: string[] = [];
  for (const event of ["connect", "error", "close"] as const) socket.on(event, () => events.push(event));
  for (let i = 0; i < 3; i++) socket.connect(echo.port, host).destroy();
  socket.connect(echo.port, host);
  await next(socket, "connect");
  assertEquals(events, ["close", "close", "close", "connect"]);
  socket.destroy();
  await socket.closed;
});

Deno.test("a socket that was destroyed before it ever connected connects", async () => {
  await using echo = listenEcho();
  const socket = new TCPSocket().destroy();
  await socket.closed;
  socket.connect(echo.port, host);
  await next(socket, "connect");
  assertEquals(await say(socket, "late"), "late");
  socket.destroy();
  await socket.closed;
});

Deno.test("a connect() listener belongs to its attempt: one that failed is called by no later connection", async () => {
  await using echo = listenEcho();
  const refused = freePort();
  const socket = new TCPSocket().on("error", () => {/* refused */});
  let calls = 0;
  for (let i = 0; i < 3; i++) {
    socket.connect(refused, host, () => calls++);
    await next(socket, "close");
  }
  socket.connect(echo.port, host, () => calls++).destroy();
  await next(socket, "close");
  assertEquals(socket.listenerCount("connect"), 0);
  socket.connect(echo.port, host, () => calls++);
  await next(socket, "ready");
  assertEquals([calls, socket.listenerCount("connect")], [1, 0]);
  socket.destroy();
  await socket.closed;
});

Deno.test("what is written while it connects again goes out on the new connection, nothing of the old", async () => {
  const heard: string[] = [];
  await using app = createServer().onConnection(async (socket) => {
    heard.push(String(Buffer.from(await readAll(socket))));
  }).listen(0, host);
  const socket = new TCPSocket();
  socket.connect(app.address()!.port, host);
  await next(socket, "connect");
  socket.cork();
  socket.write("lost with the old one");
  socket.destroy();
  const failed: unknown[] = [];
  socket.write("to nobody", (error) => failed.push((error as TcpError).code));
  await next(socket, "close");
  socket.connect(app.address()!.port, host);
  socket.end("early");
  await socket.closed;
  while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals([heard.at(-1), failed], ["early", ["ERR_STREAM_DESTROYED"]]);
});

Deno.test("closed, readable, writable and iterators belong to the connection at which they were taken", async () => {
  await using echo = listenEcho();
  const socket = await connect({ port: echo.port, host });
  const old = {
    closed: socket.closed,
    readable: socket.readable,
    writable: socket.writable,
    iterator: socket[Symbol.asyncIterator](),
  };
  const reader = old.readable.getReader();
  const waiting = reader.read().catch((error) => error.code);
  await old.writable.getWriter().ready;
  socket.destroy();
  await next(socket, "close");
  assertStrictEquals(socket.closed, old.closed);
  assertStrictEquals(socket.readable, old.readable);
  socket.connect(echo.port, host);
  for (const name of ["closed", "readable", "writable"] as const) assert(socket[name] !== old[name]);
  assertStrictEquals(socket.readable, socket.readable);
  await next(socket, "connect");
  assertEquals([await waiting, (await old.closed).reason], ["ERR_STREAM_DESTROYED", "destroyed"]);
  assertEquals(await old.iterator.next(), { value: undefined, done: true });
  await assertRejects(() => reader.read());
  // The new ones work, though another face has read the old connection.
  const writer = socket.writable.getWriter();
  await writer.write(new TextEncoder().encode("fresh"));
  await writer.close();
  assertEquals(String(Buffer.from(await readAll(socket))), "fresh");
  assertEquals((await socket.closed).reason, "local");
});

Deno.test("leaving the loop of an old connection does not touch the new one", async () => {
  await using echo = listenEcho();
  const socket = await connect({ port: echo.port, host });
  const iterator = socket[Symbol.asyncIterator]();
  const { writable } = socket;
  socket.destroy().connect(echo.port, host);
  await iterator.return?.();
  await writable.abort().catch(() => {/* it is over */});
  await next(socket, "connect");
  assertEquals(await say(socket, "untouched"), "untouched");
  socket.destroy();
  await socket.closed;
});

Deno.test("each connection may be read by another face", async () => {
  await using echo = listenEcho();
  const socket = new TCPSocket();
  const onData = () => {};
  socket.on("data", onData);
  socket.connect(echo.port, host).end("events");
  await socket.closed;
  socket.off("data", onData);
  socket.connect(echo.port, host).end("iteration");
  assertEquals(String(Buffer.from(await readAll(socket))), "iteration");
  await socket.closed;
  socket.connect(echo.port, host).end("stream");
  assertEquals(await new Response(socket.readable).text(), "stream");
  await socket.closed;
});

Deno.test("data listeners go on, a pause and the encoding too; half a character of the old connection is dropped", async () => {
  const peers: TCPSocket[] = [];
  await using app = createServer().onConnection((socket) => void peers.push(socket.resume())).listen(0, host);
  const { port } = app.address()!;
  const socket = new TCPSocket();
  const heard: unknown[] = [];
  socket.setEncoding("utf8");
  socket.on("data", (text) => heard.push(text));
  socket.connect(port, host);
  await next(socket, "connect");
  while (peers.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  peers[0]!.write(Uint8Array.of(0x41, 0xe2, 0x82)); // "A" and two thirds of "€"
  while (heard.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  socket.pause().destroy();
  await next(socket, "close");
  assertEquals(socket.isPaused(), true);
  socket.connect(port, host);
  await next(socket, "connect");
  while (peers.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  peers[1]!.write(Uint8Array.of(0xe2, 0x82, 0xac));
  while (socket.bytesRead < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals([heard, socket.isPaused()], [["A"], true]);
  socket.resume();
  while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(heard, ["A", "€"]);
  socket.destroy();
  await socket.closed;
});

Deno.test("what nobody had read of the old connection is dropped with it", async () => {
  await using app = createServer().onConnection((socket) => void socket.end(`hello ${app.metrics().accepted}`))
    .listen(0, host);
  const socket = new TCPSocket();
  socket.connect(app.address()!.port, host);
  while (socket.bytesRead < 7) await new Promise((resolve) => setTimeout(resolve, 1));
  socket.destroy().connect(app.address()!.port, host);
  assertEquals(String(Buffer.from(await readAll(socket))), "hello 2");
});

Deno.test("resume() without listeners holds for the next connection: its end is seen", async () => {
  await using app = createServer().onConnection((socket) => void socket.end("unread")).listen(0, host);
  const socket = new TCPSocket().resume();
  for (let i = 0; i < 2; i++) {
    socket.connect(app.address()!.port, host);
    await next(socket, "close");
    assertEquals((await socket.closed).reason, "peer");
  }
});

Deno.test("setTimeout(), options and tuning hold for the next connection", async () => {
  await using app = createServer().onConnection((socket) => void socket.resume()).listen(0, host);
  const { port } = app.address()!;
  const options = { tcp: { allowHalfOpen: true, timeout: 40 }, limits: { highWaterMarkBytes: 7 } };
  const socket = new TCPSocket(options).setNoDelay(false);
  for (let i = 0; i < 2; i++) {
    socket.connect(port, host);
    assertEquals([socket.timeout, socket.allowHalfOpen, socket.writableHighWaterMark], [40, true, 7]);
    // Nobody listens for the timeout, so it ends the socket, as the options say.
    assertEquals(((await next(socket, "error"))[0] as TcpError).code, "ETIMEDOUT");
    assertEquals((await socket.closed).reason, "deadline:idle");
  }
  socket.connect(port, host).setTimeout(20);
  for (const timeout of [20, 25]) {
    await next(socket, "timeout");
    socket.destroy();
    assertEquals(socket.timeout, 0);
    if (timeout === 25) socket.setTimeout(timeout); // for the next one
    await next(socket, "close");
    socket.connect(port, host);
    assertEquals(socket.timeout, timeout);
  }
  socket.destroy();
  await socket.closed;
});

Deno.test("a pipe that a reset has cut off goes on with the next connection, as in Node; one that has ended does not", async () => {
  const peers: TCPSocket[] = [];
  await using app = createServer().onConnection((socket) => void peers.push(socket)).listen(0, host);
  const { port } = app.address()!;
  const socket = new TCPSocket();
  const target = new PassThrough().setEncoding("utf8");
  const heard: string[] = [];
  target.on("data", (text) => heard.push(text));
  socket.pipe(target);
  for (const text of ["one", "two"]) {
    socket.connect(port, host);
    await next(socket, "connect");
    while (peers.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    peers.pop()!.write(text);
    await next(target, "data");
    socket.destroy();
    await next(socket, "close");
  }
  assertEquals([heard, target.listenerCount("drain"), target.listenerCount("close")], [["one", "two"], 0, 0]);
  socket.connect(port, host);
  await next(socket, "connect");
  while (peers.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  peers.pop()!.end("three");
  await next(target, "end");
  await socket.closed;
  assertEquals(heard, ["one", "two", "three"]);
  socket.unpipe();
  socket.connect(port, host).end();
  for await (const _ of socket); // nobody else has the read side
});

Deno.test("a pipe that is taken off while the socket is closed stays off", async () => {
  await using app = createServer().onConnection((socket) => void socket.write("hello")).listen(0, host);
  const socket = new TCPSocket();
  const target = new PassThrough();
  socket.pipe(target);
  socket.connect(app.address()!.port, host);
  await next(target, "data");
  socket.destroy();
  await next(socket, "close");
  socket.unpipe(target);
  socket.connect(app.address()!.port, host);
  for await (const chunk of socket) {
    assertEquals(String(chunk), "hello");
    break;
  }
});

Deno.test("a pipe into a socket that connects again writes to its new connection", async () => {
  await using echo = listenEcho();
  await using app = createServer().onConnection((socket) => void socket.end("through the pipe")).listen(0, host);
  const target = await connect({ port: echo.port, host });
  target.destroy();
  await target.closed;
  target.connect(echo.port, host);
  const source = new TCPSocket();
  source.pipe(target);
  source.connect(app.address()!.port, host);
  assertEquals(String(Buffer.from(await readAll(target))), "through the pipe");
  await source.closed;
});

Deno.test("upgradeTls() checks the name of the host that it is connected to now", async () => {
  const pair = { cert: server.cert, key: server.key };
  await using app = listen({}).onConnection((socket) => void socket.upgradeTls(pair));
  const { port } = app.address()!;
  const socket = new TCPSocket();
  socket.connect(port, "127.0.0.1");
  await next(socket, "connect");
  const trust = { ca: authority.cert };
  socket.on("error", () => {/* the certificate may be for names only */});
  const direct = await socket.upgradeTls(trust).then(() => "secured", (error) => error.code);
  socket.destroy();
  await socket.closed;
  socket.connect(port, "localhost");
  await next(socket, "connect");
  await socket.upgradeTls(trust);
  assertEquals([socket.authorized, socket.servername], [true, "localhost"]);
  assert(["secured", "ERR_TLS_CERT_ALTNAME_INVALID"].includes(direct));
  socket.destroy();
  await socket.closed;
});

for (const engine of ["node", "deno"] as const) {
  Deno.test(`a socket with TLS of engine "${engine}" connects again, and to a plain port afterwards`, async () => {
    const app = listen({ tls: { cert: server.cert, key: server.key } }).onConnection((socket) =>
      void socket.pipe(socket)
    );
    await using _ = app;
    await using echo = listenEcho();
    const socket = new TCPSocket({ tls: { ca: authority.cert, servername: "localhost", engine } });
    for (let i = 0; i < 2; i++) {
      socket.connect(app.address()!.port, host);
      assertEquals([socket.encrypted, socket.authorized], [false, false]);
      await next(socket, "secureConnect");
      assertEquals([await say(socket, "secret"), socket.encrypted, socket.authorized], ["secret", true, true]);
      socket.destroy();
      await next(socket, "close");
    }
    socket.connect({ port: echo.port, host, tls: false });
    await next(socket, "connect");
    assertEquals([await say(socket, "plain"), socket.encrypted], ["plain", false]);
    socket.destroy();
    await socket.closed;
  });
}

Deno.test("a socket of connect({ tls }) speaks TLS when it connects again", async () => {
  await using app = listen({ tls: { cert: server.cert, key: server.key } }).onConnection((socket) => {
    socket.pipe(socket);
  });
  const { port } = app.address()!;
  const socket = await connect({ port, host, tls: { ca: authority.cert, servername: "localhost" } });
  socket.destroy();
  await socket.closed;
  socket.connect(port, host);
  await next(socket, "secureConnect");
  assertEquals([await say(socket, "secret"), socket.encrypted, socket.authorized], ["secret", true, true]);
  socket.destroy();
  await socket.closed;
});

Deno.test("addresses are those of the connection: none while it connects again", async () => {
  await using echo = listenEcho();
  const socket = await connect({ port: echo.port, host });
  const { localPort } = socket;
  socket.destroy();
  await socket.closed;
  assertEquals([socket.localPort, socket.remotePort], [localPort, echo.port]);
  socket.connect(echo.port, host);
  assertEquals([socket.localPort, socket.remotePort, socket.address()], [undefined, undefined, {}]);
  await next(socket, "connect");
  assertEquals([socket.localPort !== localPort, socket.remotePort], [true, echo.port]);
  socket.destroy();
  await socket.closed;
});

Deno.test("a signal of an earlier connect() has no effect on a later one", async () => {
  await using echo = listenEcho();
  const early = new AbortController();
  const socket = new TCPSocket();
  socket.connect({ port: echo.port, host, signal: early.signal });
  socket.destroy();
  await next(socket, "close");
  socket.connect(echo.port, host);
  early.abort();
  await next(socket, "connect");
  socket.destroy();
  assertEquals((await socket.closed).reason, "destroyed");
});
