// What observers of a server are told: everything once, in one order, whatever some of them do.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { once } from "node:events";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  connect,
  createServer,
  framed,
  MessageProtocol,
  type Observer,
  type ServerOptions,
  type TcpServer,
  type TCPSocket,
  type TelemetryEvent,
} from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { useClock } from "../../src/base/clock.ts";
import { connectResettable, Peer } from "../documentation/peer.ts";
import { until } from "../support/proxy_server.ts";
import { openStalledPeer } from "../tls/faulty_peers.ts";
import { authority, server } from "../tls/support.ts";

const tls = { cert: server.cert, key: server.key };

/** A server with an observer that keeps what it hears. */
function observed(options: ServerOptions = {}) {
  const app = createServer("tcp", options);
  const events: TelemetryEvent[] = [];
  app.observe((event) => events.push(event));
  return { app, events, types: () => events.map(({ type }) => type) };
}

function portOf(app: TcpServer): number {
  return app.address()!.port; // callers listen
}

function connectTo(app: TcpServer): Promise<TCPSocket> {
  return connect({ port: portOf(app), host: "127.0.0.1" });
}

/** One connection that the server ends. */
async function visit(app: TcpServer): Promise<void> {
  const { size } = app.connections;
  const client = await connectTo(app);
  client.resume();
  await client.closed;
  await until(() => app.connections.size === size);
}

Deno.test("observe() tells of a connection's begin and end, with who, where and how", async () => {
  const { app, events } = observed();
  app.onConnection((socket) => socket.end("hello")).listen(0, "127.0.0.1");
  const before = Date.now();
  const client = await connectTo(app);
  const { localPort } = client;
  client.resume();
  await client.closed;
  await until(() => app.connections.size === 0);
  await app.close();
  const [open, close, ...rest] = events;
  assert(open?.type === "connection.open" && close?.type === "connection.close");
  const peer = { remoteAddress: "127.0.0.1", remotePort: localPort };
  const at = open.at;
  const port = open.server?.split(":")[1];
  const server = `127.0.0.1:${port}`;
  assertEquals(open, { type: "connection.open", at, server, ...peer, id: open.id, encrypted: false });
  const { receipt, openMs } = close;
  assertEquals(close, { type: "connection.close", at: close.at, server, ...peer, id: open.id, receipt, openMs });
  assertEquals([receipt.reason, receipt.bytesWritten, receipt.bytesRead], ["local", 5, 0]);
  assert(at >= before && close.at >= at && close.at <= Date.now() && openMs >= 0);
  assertEquals(rest.map(({ type }) => type), ["drain.start", "drain.end"]);
});

Deno.test('the channel "verb:tcp" carries the same events', async () => {
  const heard: unknown[] = [];
  const hear = (event: unknown) => void heard.push(event);
  subscribe("verb:tcp", hear);
  try {
    const { app, events } = observed();
    app.onConnection((socket) => socket.end("hello")).listen(0, "127.0.0.1");
    await visit(app);
    await app.close();
    assertEquals(events.length, 4);
    assert(heard.every((event, index) => event === events[index]), "each is one object");
    assertEquals(heard.length, 4);
  } finally {
    unsubscribe("verb:tcp", hear);
  }
});

Deno.test("an observer that throws or rejects is told to onError once and called no more; the others go on", async () => {
  const failures: Record<string, Observer> = {
    throws: () => {
      throw new Error("broken");
    },
    rejects: () => Promise.reject(new Error("broken")),
  };
  for (const [name, failing] of Object.entries(failures)) {
    const errors: unknown[] = [];
    const app = createServer().onError((error, socket) => errors.push([error.message, socket]));
    let calls = 0;
    app.observe((event) => (calls++, failing(event)));
    const heard: string[] = [];
    app.observe(({ type }) => heard.push(type));
    app.onConnection((socket) => socket.end()).listen(0, "127.0.0.1");
    await visit(app);
    await visit(app);
    await app.close();
    assertEquals(errors, [["broken", undefined]], name);
    assertEquals(calls, 1, name);
    assertEquals(heard.length, 6, name);
  }
});

Deno.test("an async observer that rejects late, several times, is told once", async () => {
  const errors: string[] = [];
  const app = createServer().onError((error) => errors.push(error.message));
  const gate = Promise.withResolvers<never>();
  app.observe(() => gate.promise);
  app.onConnection((socket) => socket.end()).listen(0, "127.0.0.1");
  await visit(app);
  gate.reject(new Error("late"));
  await gate.promise.catch(() => {});
  await app.close();
  assertEquals(errors, ["late"]);
});

Deno.test("observers come and go while one event is told", async () => {
  const app = createServer().onConnection((socket) => socket.end()).listen(0, "127.0.0.1");
  const heard: string[] = [];
  const stops: (() => void)[] = [];
  stops.push(app.observe(({ type }) => {
    heard.push(`first ${type}`);
    stops.forEach((stop) => stop());
    app.observe(({ type }) => heard.push(`third ${type}`));
  }));
  stops.push(app.observe(({ type }) => heard.push(`second ${type}`)));
  await visit(app);
  stops.forEach((stop) => stop()); // once more changes nothing
  assertEquals(heard, ["first connection.open", "third connection.close"]);
  await app.close();
});

Deno.test("one function may observe twice, and is taken off once at a time", async () => {
  const app = createServer().onConnection((socket) => socket.end()).listen(0, "127.0.0.1");
  let calls = 0;
  const count = () => void calls++;
  const stop = app.observe(count);
  app.observe(count);
  await visit(app);
  stop();
  stop();
  await visit(app);
  assertEquals(calls, 4 + 2);
  await app.close();
});

Deno.test("what an observer causes is told to all when all have heard the cause", async () => {
  const app = createServer().onConnection(() => {}).listen(0, "127.0.0.1");
  app.observe((event) => {
    if (event.type === "connection.open") app.connections.get(event.id)?.destroy();
  });
  const heard: string[] = [];
  app.observe(({ type }) => heard.push(type));
  await visit(app);
  await app.close();
  assertEquals(heard, ["connection.open", "connection.close", "drain.start", "drain.end"]);
});

Deno.test("an observer may close the server, and force the end, out of drain.start", async () => {
  const { app, types } = observed();
  app.onConnection(() => {}).listen(0, "127.0.0.1");
  app.observe(({ type }) => {
    if (type === "drain.start") app.destroy().close();
  });
  const client = await connectTo(app);
  const { forced } = await app.close({ settleMs: 60_000 });
  assertEquals([forced, types()], [1, ["connection.open", "drain.start", "connection.close", "drain.end"]]);
  client.destroy();
  await client.closed;
});

Deno.test("observe() refuses what is no function", () => {
  // @ts-expect-error it is not
  assertThrows(() => createServer().observe({}), TypeError, "observer");
});

Deno.test("where nobody observes nothing is built", async () => {
  const [looks, stop] = useClock((before) => {
    const clock = { ...before, count: 0, wallTime: () => (clock.count++, before.wallTime()) };
    return clock;
  });
  try {
    const app = createServer("tcp", { limits: { maxConnections: 1, dropWhenFull: true } });
    app.onConnection((socket) => void socket.resume()).listen(0, "127.0.0.1");
    const client = await connectTo(app);
    await visit(app);
    client.end();
    await client.closed;
    await app.close();
    assertEquals(looks.count, 0, "no event has a time");
  } finally {
    stop();
  }
});

Deno.test("a refused connection is told as one drop, and nothing else", async () => {
  const { app, events } = observed({ limits: { maxConnectionsPerAddress: 1 } });
  app.onConnection(() => {}).listen(0, "127.0.0.1");
  const first = await connectTo(app);
  await visit(app);
  const [, drop] = events;
  assertEquals(events.length, 2);
  assert(drop?.type === "connection.drop");
  assertEquals([drop.reason, drop.remoteAddress], ["address", "127.0.0.1"]);
  first.destroy();
  await app.close();
});

Deno.test("a connection that is never announced is told as one failure, after its handshake", async () => {
  const { app, events } = observed({ tls, deadlines: { handshakeMs: 300 } });
  app.onConnection(() => {}).listen(0, "127.0.0.1");
  using garbage = await Peer.connect(portOf(app));
  await garbage.write("GET / HTTP/1.1\r\n\r\n");
  await garbage.readToEnd().catch(() => {/* reset */});
  await until(() => events.length === 2);
  await using _silent = await openStalledPeer(portOf(app));
  await until(() => events.length === 4);
  await using _caught = await openStalledPeer(portOf(app));
  await until(() => app.metrics().preparing === 1);
  await app.close();
  const told = events.map((event) => {
    if (event.type === "handshake.end") return [event.type, event.code, event.protocol];
    if (event.type === "connection.fail") return [event.type, event.reason, event.code];
    return [event.type];
  });
  const [[, garbageCode] = []] = told;
  assert(typeof garbageCode === "string");
  assertEquals(told, [
    ["handshake.end", garbageCode, undefined],
    ["connection.fail", "tls", garbageCode],
    ["handshake.end", "ETIMEDOUT", undefined],
    ["connection.fail", "deadline:handshake", "ETIMEDOUT"],
    ["drain.start"],
    ["handshake.end", "ECONNABORTED", undefined],
    ["connection.fail", "shutdown", "ECONNABORTED"],
    ["drain.end"],
  ]);
  const { accepted, failed, closed, handshakes, handshakesFailed, handshakeMs, openMs } = app.metrics();
  assertEquals([accepted, failed, closed.tls, closed["deadline:handshake"], closed.shutdown], [3, 3, 1, 1, 1]);
  assertEquals([handshakes, handshakesFailed, handshakeMs.count, openMs.count], [0, 3, 0, 0]);
});

Deno.test("a connection without its PROXY header is told as one failure", async () => {
  const { app, events } = observed({ proxyProtocol: "required" });
  app.onConnection(() => {}).listen(0, "127.0.0.1");
  using peer = await Peer.connect(portOf(app));
  await peer.write("GET / HTTP/1.1\r\n\r\n");
  await peer.readToEnd().catch(() => {/* reset */});
  await app.close();
  const [fail] = events;
  assert(fail?.type === "connection.fail");
  assertEquals([fail.reason, fail.code, events.length], ["protocol", "ERR_PROXY_HEADER_MALFORMED", 3]);
});

Deno.test("a connection that comes with the close of the server is told as one failure", async () => {
  for (const options of [{}, { proxyProtocol: "required" as const }]) {
    const { app, events } = observed(options);
    app.onConnection(() => {}).listen(0, "127.0.0.1");
    const peers = await Promise.all(Array.from({ length: 20 }, () => Peer.connect(portOf(app))));
    await app.close({ drainMs: 0 });
    const count = (type: string) => events.filter((event) => event.type === type).length;
    assertEquals(count("connection.open"), count("connection.close"));
    const { accepted, failed } = app.metrics();
    assertEquals([count("connection.open") + failed, count("connection.fail")], [accepted, failed]);
    for (const peer of peers) peer[Symbol.dispose]();
  }
});

for (const engine of ["node", "deno"] as const) {
  Deno.test(`a handshake is told and counted (${engine})`, async () => {
    const { app, events } = observed({ tls: { ...tls, engine }, tcp: { noDelay: engine === "node" } });
    app.onConnection((socket) => socket.end("secret")).listen(0, "127.0.0.1");
    const trust = { ca: authority.cert, servername: "localhost" };
    const client = await connect({ port: portOf(app), host: "127.0.0.1", tls: trust });
    client.resume();
    await client.closed;
    await app.close();
    const [handshake, open] = events;
    assert(handshake?.type === "handshake.end" && open?.type === "connection.open");
    assertEquals([handshake.code, handshake.protocol], [undefined, engine === "node" ? "TLSv1.3" : undefined]);
    assertEquals([handshake.remotePort, open.encrypted], [client.localPort, true]);
    const { handshakes, handshakesFailed, handshakeMs } = app.metrics();
    assertEquals([handshakes, handshakesFailed, handshakeMs.count], [1, 0, 1]);
    assertEquals(handshakeMs.sumMs, handshake.ms);
  });
}

Deno.test("the handshake of upgradeTls is told and counted, be it a failed one", async () => {
  const { app, events, types } = observed();
  app.onError(() => {});
  app.onConnection((socket) => void socket.upgradeTls(tls)).listen(0, "127.0.0.1");
  const client = await connectTo(app);
  await client.upgradeTls({ ca: authority.cert, servername: "localhost" });
  client.end().resume();
  await client.closed;
  using garbage = await Peer.connect(portOf(app));
  await garbage.write("GET / HTTP/1.1\r\n\r\n");
  await garbage.readToEnd().catch(() => {/* reset */});
  await app.close();
  const handshakes = events.filter((event) => event.type === "handshake.end");
  assertEquals(handshakes.map(({ code }) => code === undefined), [true, false]);
  assertEquals([app.metrics().handshakes, app.metrics().handshakesFailed], [1, 1]);
  assertEquals([app.metrics().accepted, app.metrics().failed], [2, 0]);
  assertEquals(types().filter((type) => type.startsWith("connection.")).length, 4);
});

Deno.test("an accept that fails is told with what is done about it", async () => {
  const { app, events } = observed();
  app.listen(0, "127.0.0.1");
  const peer = await connectResettable(portOf(app));
  peer.resetAndDestroy(); // nobody has accepted it yet
  app.onConnection(() => {});
  await visitAndLeave(app);
  await app.close();
  const errors = events.filter((event) => event.type === "accept.error");
  assertEquals(errors.map(({ code, verdict }) => [code, verdict]), [["ENOTCONN", "next"]]);
  assertEquals(app.metrics().acceptErrors, 1);
});

async function visitAndLeave(app: TcpServer): Promise<void> {
  const accepted = once(app, "connection");
  const client = await connectTo(app);
  await accepted;
  client.destroy();
  await client.closed;
}

Deno.test("a queue that fills up is told, counted as blocked, and told again when it is empty", async () => {
  const { app, events } = observed();
  app.listen(0, "127.0.0.1");
  const accepted = once(app, "connection");
  app.onConnection((socket) => {
    while (socket.writableLength < 8_000_000) socket.write(new Uint8Array(1_000_000));
  });
  const client = await connectTo(app);
  const [socket] = await accepted;
  assertEquals(app.metrics().blocked, 1);
  const drained = once(socket, "drain");
  client.resume();
  await drained;
  assertEquals(app.metrics().blocked, 0);
  client.destroy();
  await client.closed;
  await app.close();
  const queue = events.filter((event) => event.type.startsWith("queue."));
  assertEquals(queue.map(({ type }) => type), ["queue.high", "queue.low"]);
  const [high] = queue;
  assert(high?.type === "queue.high" && high.queuedBytes >= 65_536 && high.id === socket.id);
});

Deno.test("messages are counted, and bad frames told with their codes", async () => {
  const { app, events } = observed();
  app.onError(() => {});
  app.onConnection((socket) => {
    const peer = new MessageProtocol<string>(socket, { maxFrameBytes: 10 });
    peer.onMessage = (text) => void peer.send(text);
    peer.attach();
  });
  app.listen(0, "127.0.0.1");
  using peer = await Peer.connect(portOf(app));
  const bad = new Uint8Array([0, 0, 0, 1, 0x7b]);
  await peer.writeMessage("one");
  await peer.write(bad);
  await peer.writeMessage("two");
  assertEquals([await peer.readMessage(), await peer.readMessage()], ["one", "two"]);
  const { messagesReceived, messagesSent } = app.metrics();
  assertEquals([messagesReceived, messagesSent], [2, 2]);
  await peer.writeMessage("much too long");
  await peer.readToEnd();
  await app.close();
  const errors = events.filter((event) => event.type === "frame.error");
  const [{ id }] = [errors[0]!]; // there are two, see below
  assertEquals(errors.map(({ type, id, code, recoverable }) => ({ type, id, code, recoverable })), [
    { type: "frame.error", id, code: "ERR_MESSAGE_INVALID", recoverable: true },
    { type: "frame.error", id, code: "ERR_FRAME_TOO_LARGE", recoverable: false },
  ]);
  assertEquals(app.metrics().closed.protocol, 1);
});

Deno.test("what is sent to many counts for each, and what is refused counts for nobody", async () => {
  const app = createServer();
  const peers = new Set<ReturnType<typeof framed<string, string>>>();
  app.onConnection((socket) => void peers.add(framed(socket, lines()))).listen(0, "127.0.0.1");
  const clients = [await connectTo(app), await connectTo(app)];
  await until(() => peers.size === 2);
  for (const peer of peers) peer.sendEncoded(peer.encode("to all"));
  assertEquals(app.metrics().messagesSent, 2);
  for (const peer of peers) peer.socket.destroy();
  for (const peer of peers) peer.sendEncoded(peer.encode("too late")), peer.send("too late");
  assertEquals(app.metrics().messagesSent, 2);
  for (const client of clients) client.resume();
  await Promise.all(clients.map((client) => client.closed));
  await app.close();
});
