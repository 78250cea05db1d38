/** Heartbeats of MessageProtocol, with peers that answer, peers that do not, and peers that are gone without a word. */

import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { type MessageHeartbeatOptions, MessageProtocol, type TCPSocket } from "../../mod.ts";
import type { CloseReceipt } from "../../src/telemetry/close_receipt.ts";
import { resolveSocketSettings } from "../../src/socket/settings.ts";
import { connectionOf } from "../../src/socket/socket_facts.ts";
import { adoptTransport } from "../../src/socket/tcp_socket.ts";
import { memoryPair, type MemoryTransport } from "../../src/transport/memory.ts";
import { FakeTime } from "../base/fake_time.ts";
import { Program } from "../examples/program.ts";
import { link, readBytes } from "./linked.ts";

interface Message {
  type: string;
}

const SPEAKS: MessageHeartbeatOptions<Message> = {
  ping: () => ({ type: "ping" }),
  isPong: ({ type }) => type === "pong",
  isPing: ({ type }) => type === "ping",
  pong: () => ({ type: "pong" }),
  jitter: 0,
};

/** A socket of a server that does not exist, over one end of a cable in memory. */
function socketOver(transport: MemoryTransport): { socket: TCPSocket; errors: Error[] } {
  const errors: Error[] = [];
  const socket = adoptTransport(transport, resolveSocketSettings(undefined, undefined, undefined), {
    handlerFailed: (error) => errors.push(error),
    connectionFailed: (error) => errors.push(error),
    connectionClosed: () => {},
  });
  queueMicrotask(() => connectionOf(socket).startReading());
  return { socket, errors };
}

/** Lets everything run that is due. */
async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await null;
}

/** Both ends of a cable, each with a protocol. */
function talk(options: Partial<MessageHeartbeatOptions<Message>>) {
  const [here, there] = memoryPair();
  const { socket, errors } = socketOver(here);
  const { socket: peer } = socketOver(there);
  const ours = new MessageProtocol<Message>(socket).attach();
  const theirs = new MessageProtocol<Message>(peer).attach();
  const [received, seen]: [Message[], Message[]] = [[], []];
  ours.onMessage = (message) => void received.push(message);
  theirs.onMessage = (message) => {
    seen.push(message);
    if (message.type === "ping") theirs.send({ type: "pong" });
  };
  const heartbeat = ours.startHeartbeat({ ...SPEAKS, ...options });
  return { here, socket, peer, errors, ours, theirs, received, seen, heartbeat };
}

async function end(...sockets: TCPSocket[]): Promise<CloseReceipt[]> {
  for (const socket of sockets) socket.destroy();
  return await Promise.all(sockets.map((socket) => socket.closed));
}

Deno.test("a peer that answers pings lives, and neither pings nor pongs reach onMessage", async () => {
  using time = new FakeTime();
  const { socket, peer, received, seen, heartbeat, theirs } = talk({ intervalMs: 100 });
  for (let i = 0; i < 10; i++) {
    time.tick(100);
    await settle();
  }
  theirs.send({ type: "ping" });
  theirs.send({ type: "chat" });
  await settle();
  assertEquals(received, [{ type: "chat" }]);
  assertEquals(seen.map(({ type }) => type), [...Array(10).fill("ping"), "pong"]);
  assertEquals([socket.destroyed, heartbeat.roundTripMs], [false, 0]);
  await end(socket, peer);
  assertEquals([heartbeat.running, time.timers], [false, 0]);
});

for (const misses of [1, 2, 4]) {
  Deno.test(`a peer behind a cut cable is noticed within interval × (misses + 1), misses ${misses}`, async () => {
    using time = new FakeTime();
    const { here, socket, peer, errors } = talk({ intervalMs: 100, misses });
    for (let i = 0; i < 35; i++) {
      time.tick(10);
      await settle();
    }
    const lastWordAt = performance.now(); // the pong at 300 ms at the latest
    here.blackHole();
    while (!socket.destroyed) {
      time.tick(1);
      await settle();
      assertLessOrEqual(performance.now() - lastWordAt, 100 * (misses + 1));
    }
    const { reason, error } = await socket.closed;
    assertEquals([reason, errors], ["heartbeat", [error]]);
    assert(error !== undefined && "code" in error);
    assertEquals(error.code, "ETIMEDOUT");
    assertStringIncludes(error.message, `${misses} intervals of 100 ms (heartbeat)`);
    await end(peer);
  });
}

Deno.test("a peer that does not know pings is ended, unless it talks", async () => {
  using time = new FakeTime();
  const { socket, peer, theirs, received } = talk({ intervalMs: 100, misses: 2 });
  theirs.onMessage = () => {};
  for (let i = 0; i < 10; i++) {
    time.tick(150);
    theirs.send({ type: "chat" });
    await settle();
  }
  assertEquals([socket.destroyed, received.length], [false, 10]);
  time.tick(300);
  await settle();
  assertEquals((await socket.closed).reason, "heartbeat");
  await end(peer);
});

Deno.test("what we send does not count as the peer's life", async () => {
  using time = new FakeTime();
  const { here, socket, peer, ours } = talk({ intervalMs: 100 });
  here.blackHole();
  for (let i = 0; i < 30 && !socket.destroyed; i++) {
    time.tick(10);
    ours.send({ type: "news" });
    await settle();
  }
  assertEquals(socket.destroyed, true);
  await end(peer);
});

Deno.test("a peer whose bytes we do not take is not blamed", async () => {
  using time = new FakeTime();
  const { socket, peer, theirs } = talk({ intervalMs: 100 });
  socket.pause();
  theirs.send({ type: "held" });
  await settle();
  for (let i = 0; i < 20; i++) {
    time.tick(100);
    await settle();
  }
  assertEquals(socket.destroyed, false);
  socket.resume();
  await settle();
  for (let i = 0; i < 20; i++) {
    time.tick(100);
    await settle();
  }
  assertEquals(socket.destroyed, false, "its pongs came meanwhile");
  await end(socket, peer);
});

Deno.test("after our end no ping is sent, and the peer has its time", async () => {
  using time = new FakeTime();
  const { socket, peer, seen } = talk({ intervalMs: 100 });
  connectionOf(peer).allowHalfOpen = true;
  socket.end();
  await settle();
  for (let i = 0; i < 20; i++) {
    time.tick(100);
    await settle();
  }
  assertEquals([socket.readyState, seen], ["readOnly", []]);
  await end(socket, peer);
});

Deno.test("startHeartbeat() again starts anew, and on a closed socket nothing starts", async () => {
  using time = new FakeTime();
  const { socket, peer, ours, seen, heartbeat } = talk({ intervalMs: 100 });
  const other = ours.startHeartbeat({ ...SPEAKS, intervalMs: 1_000 });
  assertEquals([heartbeat.running, other.running, time.timers], [false, true, 1]);
  time.tick(1_000);
  await settle();
  assertEquals([seen.length, socket.listenerCount("close")], [1, 1]);
  await end(socket, peer);
  assertEquals([ours.startHeartbeat(SPEAKS).running, time.timers], [false, 0]);
});

Deno.test("a ping factory that throws is a handler's failure", async () => {
  using time = new FakeTime();
  const failure = new Error("no ping today");
  const { socket, peer, errors } = talk({
    intervalMs: 100,
    ping: () => {
      throw failure;
    },
  });
  time.tick(100);
  assertEquals([(await socket.closed).reason, errors], ["error", [failure]]);
  await end(peer);
});

const BAD: [options: unknown, message: string][] = [
  [{}, 'Argument "ping" must be a function; it is undefined'],
  [{ ping: () => 1, isPong: true }, 'Argument "isPong" must be a function; it is true'],
  [{ ping: () => 1, isPing: () => true }, 'Options "isPing" and "pong" belong together: give both or none'],
  [{ ping: () => 1, intervalMs: -1 }, 'Option "intervalMs" must be from 0 to 2147483647 milliseconds; it is -1'],
  [
    { ping: () => 1, interval: 1 },
    'Option "interval" is unknown; "options" takes intervalMs, misses, jitter, ping, isPong, isPing, pong',
  ],
];
for (const [options, message] of BAD) {
  Deno.test(`startHeartbeat() says: ${message}`, async () => {
    await using linked = await link();
    const protocol = new MessageProtocol(linked.socket);
    const error = assertThrows(() => Reflect.apply(protocol.startHeartbeat, protocol, [options]), Error);
    assertEquals([error.message, linked.socket.listenerCount("close")], [message, 0]);
  });
}

Deno.test("a stopped process is noticed within interval × (misses + 1), and an honest peer lives on", async () => {
  await using linked = await link();
  const { app, socket: honest, peer } = linked;
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<TCPSocket>();
  app.removeAllListeners("connection");
  app.onConnection(arrive);
  await using program = new Program("tests/fixtures/answering_peer.ts", [String(app.address()?.port)]);
  const dying = await arrived;
  await program.line(/^connected$/);

  const misses = 2;
  const rhythm = { ...SPEAKS, intervalMs: 150, misses };
  const protocol = new MessageProtocol<Message>(dying).attach();
  let pings = 0;
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const heartbeat = protocol.startHeartbeat({
    ...rhythm,
    ping: () => {
      pings++;
      return { type: "ping" };
    },
    isPong: ({ type }) => {
      answer();
      return type === "pong";
    },
  });
  const calm = new MessageProtocol<Message>(honest).attach().startHeartbeat(rhythm);
  const frame = new MessageProtocol<Message>(honest).encode({ type: "ping" });
  const pong = new MessageProtocol<Message>(honest).encode({ type: "pong" });
  const echo = (async () => {
    while ((await readBytes(peer, frame.length)).length === frame.length) await peer.write(pong);
  })().catch(() => "the test is over");

  await answered;
  assertGreaterOrEqual(heartbeat.roundTripMs ?? -1, 0);
  pings = 0;
  program.signal("SIGSTOP");
  const { reason } = await dying.closed;
  assertEquals(reason, "heartbeat");
  assertLessOrEqual(pings, misses, "no more intervals than misses + 1 passed");
  assertEquals([honest.destroyed, calm.running, app.metrics().closed.heartbeat], [false, true, 1]);
  honest.destroy();
  await echo;
});
