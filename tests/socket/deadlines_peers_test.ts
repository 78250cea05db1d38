/** Every deadline with a peer that provokes it, and an honest one beside it that must not notice. */

import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  type CloseReason,
  connect,
  createServer,
  MessageProtocol,
  type SocketDeadlines,
  TcpError,
  TCPSocket,
} from "../../mod.ts";
import { createNetwork } from "../../src/testing/mod.ts";
import { frame, Peer } from "../documentation/peer.ts";
import { descriptorsFall } from "../support/descriptors.ts";

const WAIT_MS = 60_000;
const STEP_MS = 500;
const LARGE = new Uint8Array(32 * 1_024 * 1_024); // more than a link takes

type Message = { type: string };

/** One end of a connection that somebody else's program holds, as far as the server can tell. */
class FarPeer {
  readonly socket: TCPSocket;
  readonly #protocol: MessageProtocol<Message>;
  pongs = 0;

  constructor(socket: TCPSocket) {
    this.socket = socket;
    socket.on("error", () => {}); // it may be cut off
    this.#protocol = new MessageProtocol<Message>(socket);
    this.#protocol.onMessage = ({ type }) => void (type === "pong" && this.pongs++);
  }

  /** Reads from now on; a peer that does not is left with what the network holds. */
  listen(): this {
    this.#protocol.attach();
    return this;
  }

  say(type: string): void {
    this.#protocol.send({ type });
  }
}

interface Case {
  readonly name: string;
  readonly deadlines: SocketDeadlines;
  readonly reason: CloseReason;
  /** What the error's message names. */
  readonly option: string;
  /** The peer that provokes it: does something once, and something over and over. */
  readonly first?: (peer: FarPeer) => void;
  readonly then?: (peer: FarPeer) => void;
}

const beginFrame = ({ socket }: FarPeer) => void socket.write(frame("x".repeat(100_000)).subarray(0, 4));

const CASES: Case[] = [
  {
    name: "a peer that connects and says nothing",
    deadlines: { firstByteMs: WAIT_MS },
    reason: "deadline:firstByte",
    option: `${WAIT_MS} ms (deadlines.firstByteMs)`,
  },
  {
    name: "a peer that sends a frame byte by byte",
    deadlines: { frameMs: WAIT_MS },
    reason: "deadline:frame",
    option: `${WAIT_MS} ms (deadlines.frameMs)`,
    first: beginFrame,
    then: (peer) => void peer.socket.write("x"),
  },
  {
    name: "a peer that is silent and to whom nothing is said",
    deadlines: { idleMs: WAIT_MS },
    reason: "deadline:idle",
    option: `${WAIT_MS} ms (deadlines.idleMs)`,
    first: (peer) => peer.listen().say("ping"),
  },
  {
    name: "a peer that only listens",
    deadlines: { idleReadMs: WAIT_MS },
    reason: "deadline:idle",
    option: `${WAIT_MS} ms (deadlines.idleReadMs)`,
    first: (peer) => peer.listen().say("subscribe"),
  },
  {
    name: "a peer who gets no answer",
    deadlines: { idleWriteMs: WAIT_MS },
    reason: "deadline:idle",
    option: `${WAIT_MS} ms (deadlines.idleWriteMs)`,
    then: (peer) => peer.say("quiet"),
  },
  {
    name: "a peer that sends a frame too slowly",
    deadlines: { rate: { bytesPerSecond: 100_000, graceMs: WAIT_MS } },
    reason: "deadline:rate",
    option: "less than 100000 a second (deadlines.rate)",
    first: beginFrame,
    then: (peer) => void peer.socket.write("x"),
  },
  {
    name: "a peer that reads too slowly",
    deadlines: { rate: { bytesPerSecond: 1_000_000_000, graceMs: WAIT_MS } },
    reason: "deadline:rate",
    option: "less than 1000000000 a second (deadlines.rate)",
    first: (peer) => peer.say("flood"),
    then: (peer) => peer.socket.once("data", () => peer.socket.pause()).resume(), // a chunk and no more
  },
  {
    name: "a peer that does not read",
    deadlines: { flushMs: WAIT_MS },
    reason: "deadline:flush",
    option: `${WAIT_MS} ms (deadlines.flushMs)`,
    first: (peer) => peer.say("flood"),
  },
];

for (const { name, deadlines, reason, option, first, then } of CASES) {
  Deno.test({
    name: `${name} ends with ${reason}, and nobody else does`,
    permissions: "none",
    async fn() {
      await using network = createNetwork({ chunkBytes: 200 });
      const app = createServer("tcp", { deadlines });
      const [errors, sockets]: [Error[], TCPSocket[]] = [[], []];
      app.onError((error) => errors.push(error));
      const subscribed: MessageProtocol<Message>[] = [];
      app.onConnection((socket) => {
        sockets.push(socket);
        const protocol = new MessageProtocol<Message>(socket).attach();
        protocol.onMessage = ({ type }) => {
          if (type === "ping") protocol.send({ type: "pong" });
          if (type === "flood") socket.write(LARGE);
          if (type === "subscribe") subscribed.push(protocol);
        };
      });
      const port = network.listen(app);
      const good = new FarPeer(await network.connect(port)).listen();
      const bad = new FarPeer(await network.connect(port));
      await network.advance(0);
      const [lasts, ends] = sockets;

      first?.(bad);
      let steps = 0;
      while (ends?.destroyed === false && ++steps < 1_000) {
        good.say("ping");
        if (!bad.socket.destroyed) then?.(bad);
        for (const protocol of subscribed) protocol.send({ type: "news" });
        await network.advance(STEP_MS);
      }
      // The honest one goes on as long again.
      for (let more = steps; more > 0; more--) {
        good.say("ping");
        await network.advance(STEP_MS);
      }

      const receipt = await ends!.closed; // it was accepted
      assert(steps * STEP_MS >= WAIT_MS, `not before it is due: after ${steps} steps`);
      assertEquals(receipt.reason, reason);
      assertInstanceOf(receipt.error, TcpError);
      assertEquals(receipt.error.code, "ETIMEDOUT");
      assertStringIncludes(receipt.error.message, option);
      assertEquals(errors, [receipt.error]);
      assertEquals(app.metrics().closed[reason], 1);
      assertEquals([lasts?.destroyed, app.connections.size, good.pongs], [false, 1, 2 * steps]);
    },
  });
}

Deno.test({
  name: "a peer that stays for ever ends with deadline:lifetime, and those that come and go do not",
  permissions: "none",
  async fn() {
    await using network = createNetwork();
    const app = createServer("tcp", { deadlines: { lifetimeMs: WAIT_MS } }).onError(() => {});
    app.onConnection((socket) => socket.on("data", (data) => socket.write(data)));
    const port = network.listen(app);
    const bad = (await network.connect(port)).on("data", () => {}).on("error", () => {});
    let visits = 0;
    await network.advance(0);
    while (!bad.destroyed && visits < 1_000) {
      bad.write("still here");
      const visitor = await network.connect(port);
      visitor.end("hello");
      visitor.resume();
      await network.advance(STEP_MS);
      assertEquals((await visitor.closed).reason, "local");
      visits++;
    }
    assert(visits * STEP_MS >= WAIT_MS);
    const { closed } = app.metrics();
    assertEquals([closed["deadline:lifetime"], closed.peer], [1, visits]);
  },
});

Deno.test("a deadline frees the descriptor, and nobody else's", async () => {
  await using app = createServer("tcp", { deadlines: { firstByteMs: 400 } });
  app.onError(() => {});
  const accepted: TCPSocket[] = [];
  const { promise: both, resolve } = Promise.withResolvers<void>();
  app.onConnection((socket) => {
    socket.on("data", (data) => socket.write(data));
    if (accepted.push(socket) === 2) resolve();
  });
  app.listen(0, "127.0.0.1");
  const { port } = app.address()!; // listening
  using lasts = await Peer.connect(port);
  await lasts.write("hello");
  await lasts.read(5);
  using _bad = await Peer.connect(port);
  await both;
  assertEquals((await accepted[1]!.closed).reason, "deadline:firstByte");
  assert(await descriptorsFall(port, 2), "only the listener's descriptor and that of the first peer are left");
  await lasts.write("hello");
  await lasts.read(5);
});

Deno.test("a client's deadlines end a server that keeps it waiting", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1", deadlines: { firstByteMs: 50 } });
  using _peer = await listener.accept();
  const failed = new Promise<Error>((resolve) => socket.on("error", resolve));
  assertEquals((await socket.closed).reason, "deadline:firstByte");
  assertStringIncludes((await failed).message, "50 ms (deadlines.firstByteMs)");
});

Deno.test({
  name: "a client's firstByteMs counts from the connection, not from the making of the socket",
  permissions: "none",
  async fn() {
    await using network = createNetwork();
    const port = network.listen(createServer().onConnection((socket) => socket.resume()));
    const socket = new TCPSocket({ deadlines: { firstByteMs: 20_000 } });
    socket.on("error", () => {});
    await network.advance(30_000);
    socket.connect({ port, network });
    await network.advance(19_999);
    assertEquals([socket.readyState, socket.destroyed], ["open", false]);
    await network.advance(2);
    assertEquals((await socket.closed).reason, "deadline:firstByte");
  },
});

Deno.test({
  name: "a peer whose bytes we do not take is not blamed for them",
  permissions: "none",
  async fn() {
    await using network = createNetwork();
    const deadlines = { idleReadMs: 30_000, frameMs: 15_000, rate: { bytesPerSecond: 1_000_000, graceMs: 20_000 } };
    const app = createServer("tcp", { deadlines }).onError(() => {});
    const { promise: accepted, resolve } = Promise.withResolvers<TCPSocket>();
    app.onConnection((socket) => {
      socket.pause();
      resolve(socket);
    });
    const peer = await network.connect(network.listen(app));
    peer.write(frame({ type: "first half" }).subarray(0, 10));
    const socket = await accepted;
    await network.advance(50_000); // longer than each of them
    assertEquals([socket.bytesRead, socket.destroyed], [10, false]);
    new MessageProtocol(socket).attach();
    socket.resume();
    await network.advance(15_001);
    assertEquals((await socket.closed).reason, "deadline:frame", "now that we read, it is the peer's turn");
    peer.destroy();
  },
});

Deno.test("a socket without deadlines but flushMs has no frame clock", async () => {
  const { connectionOf } = await import("../../src/socket/socket_facts.ts");
  await using app = createServer().onConnection((socket) => socket.end()).listen(0, "127.0.0.1");
  const socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  assertEquals(connectionOf(socket).frameClock, undefined);
  await Array.fromAsync(socket);
});
