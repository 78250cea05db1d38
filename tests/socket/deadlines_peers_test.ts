/** Every deadline with a real peer that provokes it, and an honest one beside it that must not notice. */

import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { type CloseReason, connect, createServer, MessageProtocol, type SocketDeadlines, TcpError } from "../../mod.ts";
import { frame, Peer } from "../documentation/peer.ts";
import { descriptorsAt, descriptorsFall } from "../support/descriptors.ts";

const WAIT_MS = 400;
const LARGE = new Uint8Array(32 * 1_024 * 1_024); // more than the kernel takes

/** Calls `step` over and over until the promise settles. */
async function during(promise: Promise<unknown>, step: () => Promise<void>): Promise<void> {
  let over = false;
  void promise.then(() => over = true);
  while (!over) {
    await step();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function exchange(peer: Peer): Promise<void> {
  await peer.writeMessage({ type: "ping" });
  assertEquals(await peer.readMessage(), { type: "pong" });
}

interface Case {
  readonly name: string;
  readonly deadlines: SocketDeadlines;
  readonly reason: CloseReason;
  /** What the error's message names. */
  readonly option: string;
  /** The peer that provokes it: does something once, and something over and over. */
  readonly first?: (peer: Peer) => Promise<void>;
  readonly then?: (peer: Peer) => Promise<void>;
  /** What an honest peer does over and over; exchanges messages where left out. */
  readonly honest?: (peer: Peer, port: number) => Promise<void>;
}

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
    first: (peer) => peer.write(frame("x".repeat(100_000)).subarray(0, 4)),
    then: (peer) => peer.write("x"),
  },
  {
    name: "a peer that is silent and to whom nothing is said",
    deadlines: { idleMs: WAIT_MS },
    reason: "deadline:idle",
    option: `${WAIT_MS} ms (deadlines.idleMs)`,
    first: exchange,
  },
  {
    name: "a peer that only listens",
    deadlines: { idleReadMs: WAIT_MS },
    reason: "deadline:idle",
    option: `${WAIT_MS} ms (deadlines.idleReadMs)`,
    first: (peer) => peer.writeMessage({ type: "subscribe" }),
  },
  {
    name: "a peer who gets no answer",
    deadlines: { idleWriteMs: WAIT_MS },
    reason: "deadline:idle",
    option: `${WAIT_MS} ms (deadlines.idleWriteMs)`,
    then: (peer) => peer.writeMessage({ type: "quiet" }),
  },
  {
    name: "a peer that sends a frame too slowly",
    deadlines: { rate: { bytesPerSecond: 100_000, graceMs: WAIT_MS } },
    reason: "deadline:rate",
    option: "less than 100000 a second (deadlines.rate)",
    first: (peer) => peer.write(frame("x".repeat(100_000)).subarray(0, 4)),
    then: (peer) => peer.write("x"),
  },
  {
    name: "a peer that reads too slowly",
    deadlines: { rate: { bytesPerSecond: 1_000_000_000, graceMs: WAIT_MS } },
    reason: "deadline:rate",
    option: "less than 1000000000 a second (deadlines.rate)",
    first: (peer) => peer.writeMessage({ type: "flood" }),
    then: async (peer) => void await peer.read(1),
  },
  {
    name: "a peer that does not read",
    deadlines: { flushMs: WAIT_MS },
    reason: "deadline:flush",
    option: `${WAIT_MS} ms (deadlines.flushMs)`,
    first: (peer) => peer.writeMessage({ type: "flood" }),
  },
  {
    name: "a peer that stays for ever",
    deadlines: { lifetimeMs: WAIT_MS },
    reason: "deadline:lifetime",
    option: `${WAIT_MS} ms (deadlines.lifetimeMs)`,
    then: exchange,
    honest: async (_, port) => {
      using visitor = await Peer.connect(port);
      await exchange(visitor);
    },
  },
];

for (const { name, deadlines, reason, option, first, then, honest } of CASES) {
  Deno.test(`${name} ends with ${reason}, and nobody else does`, async () => {
    await using app = createServer<{ subscribed: boolean }>("tcp", { deadlines });
    const errors: Error[] = [];
    app.onError((error) => errors.push(error));
    const accepted: ReturnType<typeof Promise.withResolvers<Parameters<Parameters<typeof app.onConnection>[0]>[0]>>[] =
      [
        Promise.withResolvers(),
        Promise.withResolvers(),
      ];
    let count = 0;
    const tickers: ReturnType<typeof setInterval>[] = [];
    app.onConnection((socket) => {
      accepted[count++]?.resolve(socket);
      const protocol = new MessageProtocol<{ type: string }>(socket).attach();
      protocol.onMessage = ({ type }) => {
        if (type === "ping") protocol.send({ type: "pong" });
        if (type === "flood") socket.write(LARGE);
        if (type === "subscribe") tickers.push(setInterval(() => protocol.send({ type: "news" }), 10));
      };
    });
    app.listen(0, "127.0.0.1");
    const { port } = app.address()!; // listening
    const lasts = reason === "deadline:lifetime" ? undefined : await Peer.connect(port);
    const good = lasts === undefined ? undefined : await accepted[0]?.promise;
    using bad = await Peer.connect(port);
    const socket = await accepted[lasts === undefined ? 0 : 1]?.promise;
    assert(socket !== undefined);
    const before = await descriptorsAt(port);

    await first?.(bad);
    // A peer that is cut off in the middle of a write has done its part.
    const provoked = during(socket.closed, async () => await then?.(bad).catch(() => {}));
    // The honest one goes on until all is counted, or it would be idle itself.
    const freed = socket.closed.then(() =>
      before === undefined || lasts === undefined || descriptorsFall(port, before - 1)
    );
    const unharmed = during(freed, async () => {
      if (lasts === undefined) await honest?.(bad, port);
      else await exchange(lasts);
    });
    const receipt = await socket.closed;
    await Promise.all([provoked, unharmed]);
    tickers.forEach((ticker) => clearInterval(ticker));

    assertEquals(receipt.reason, reason);
    assertInstanceOf(receipt.error, TcpError);
    assertEquals(receipt.error.code, "ETIMEDOUT");
    assertStringIncludes(receipt.error.message, option);
    assertEquals(errors, [receipt.error]);
    assertEquals(app.metrics().closed[reason], 1);
    if (lasts === undefined) return;
    assertEquals([good?.destroyed, app.connections.size], [false, 1]);
    assert(await freed, "its descriptor must be free");
    await exchange(lasts);
    lasts.close();
  });
}

Deno.test("a client's deadlines end a server that keeps it waiting", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1", deadlines: { firstByteMs: 50 } });
  using _peer = await listener.accept();
  const failed = new Promise<Error>((resolve) => socket.on("error", resolve));
  assertEquals((await socket.closed).reason, "deadline:firstByte");
  assertStringIncludes((await failed).message, "50 ms (deadlines.firstByteMs)");
});

Deno.test("a client's firstByteMs counts from the connection, not from the making of the socket", async () => {
  const { promise: reachable, resolve } = Promise.withResolvers<void>();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { TCPSocket } = await import("../../mod.ts");
  const socket = new TCPSocket({ deadlines: { firstByteMs: 200 } });
  setTimeout(resolve, 300);
  await reachable;
  const startedAt = performance.now();
  socket.on("error", () => {});
  socket.connect(listener.addr.port, "127.0.0.1");
  using _peer = await listener.accept();
  assertEquals((await socket.closed).reason, "deadline:firstByte");
  assert(performance.now() - startedAt >= 195);
});

Deno.test("a peer whose bytes we do not take is not blamed for them", async () => {
  const deadlines = { idleReadMs: 300, frameMs: 150, rate: { bytesPerSecond: 1_000_000_000, graceMs: 200 } };
  await using app = createServer("tcp", { deadlines });
  const { promise: accepted, resolve } = Promise.withResolvers<Parameters<Parameters<typeof app.onConnection>[0]>[0]>();
  app.onConnection((socket) => {
    socket.pause();
    resolve(socket);
  });
  app.listen(0, "127.0.0.1");
  using peer = await Peer.connect(app.address()!.port);
  await peer.write(frame({ type: "first half" }).subarray(0, 10));
  const socket = await accepted;
  while (socket.bytesRead === 0) await new Promise((later) => setTimeout(later, 1));
  await new Promise((later) => setTimeout(later, 500)); // longer than each of them
  assertEquals(socket.destroyed, false);
  new MessageProtocol(socket).attach();
  socket.resume();
  assertEquals((await socket.closed).reason, "deadline:frame", "now that we read, it is the peer's turn");
});

Deno.test("a socket without deadlines but flushMs has no frame clock", async () => {
  const { connectionOf } = await import("../../src/socket/socket_facts.ts");
  await using app = createServer().onConnection((socket) => socket.end()).listen(0, "127.0.0.1");
  const socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  assertEquals(connectionOf(socket).frameClock, undefined);
  await Array.fromAsync(socket);
});
