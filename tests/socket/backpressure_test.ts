import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { once } from "node:events";
import { connect, createServer, type TCPSocket } from "../../mod.ts";

const MIB = 1_048_576;

/** A server socket and the bare connection of its peer, which reads only when it is told to. */
async function withPeer(
  run: (socket: TCPSocket, peer: Deno.TcpConn) => Promise<void>,
  limits: { maxWriteQueueBytes?: number } = {},
): Promise<void> {
  const app = createServer().withOptions({ limits }).onError(() => {}).onConnection(() => {}).listen(0, "127.0.0.1");
  const accepted = once(app, "connection");
  const peer = await Deno.connect({ port: app.address()!.port, hostname: "127.0.0.1" });
  const [socket] = await accepted;
  try {
    await run(socket, peer);
  } finally {
    peer.close();
    app.destroy();
    await app.close();
  }
}

Deno.test("100 MiB written in pieces at a peer that does not read stops at the bound, with EOVERFLOW", () =>
  withPeer(async (socket) => {
    const codes: (string | undefined)[] = [];
    socket.on("error", (error) => codes.push(error.code));
    const piece = new Uint8Array(65_536);
    let refused = 0;
    for (let written = 0; written < 100 * MIB; written += piece.length) {
      assertLessOrEqual(socket.writableLength, 16 * MIB + piece.length);
      if (socket.destroyed) refused++;
      socket.write(piece);
      if (written % (4 * MIB) === 0) await new Promise((resolve) => setTimeout(resolve, 0)); // let the kernel take some
    }
    const { reason, error, unsentBytes, bytesWritten } = await socket.closed;
    assertEquals([reason, codes], ["overflow", ["EOVERFLOW"]]);
    assert(error !== undefined && /limits\.maxWriteQueueBytes/.test(error.message), error?.message);
    assertLessOrEqual(unsentBytes, 16 * MIB + piece.length);
    assertLess(bytesWritten, 32 * MIB);
    assert(refused > 0, "writes to the destroyed socket are refused and do not throw");
  }));

Deno.test("one write larger than the bound is taken whole", () =>
  withPeer(async (socket, peer) => {
    const sent = new Uint8Array(100 * MIB);
    for (let i = 0; i < sent.length; i += 4_096) sent[i] = i >> 12;
    const written = new Promise<unknown>((resolve) => socket.write(sent, resolve));
    socket.end();
    let at = 0;
    const buffer = new Uint8Array(262_144);
    for (let bytes; (bytes = await peer.read(buffer)) !== null;) {
      for (let i = 0; i < bytes; i++) if (buffer[i] !== sent[at + i]) throw new Error(`byte ${at + i} differs`);
      at += bytes;
    }
    assertEquals(at, sent.length);
    assertEquals(await written, null);
  }, { maxWriteQueueBytes: MIB }));

Deno.test("write() gives false at the high-water mark, then one drain follows", () =>
  withPeer(async (socket, peer) => {
    let drains = 0;
    socket.on("drain", () => drains++);
    assertEquals(socket.write(new Uint8Array(65_535)), true);
    assertEquals([socket.write(new Uint8Array(1)), socket.writableNeedDrain], [false, true]);
    const drained = once(socket, "drain");
    const buffer = new Uint8Array(65_536);
    let read = 0;
    while (read < 65_536) read += (await peer.read(buffer))!;
    await drained;
    assertEquals([drains, socket.writableNeedDrain, socket.writableLength], [1, false, 0]);
  }));

Deno.test("small writes are copied: the caller may reuse its buffer at once", () =>
  withPeer(async (socket, peer) => {
    const scratch = new Uint8Array(4_096);
    for (let i = 1; i <= 3; i++) {
      scratch.fill(i);
      socket.write(scratch);
    }
    scratch.fill(0);
    socket.end();
    const received: number[] = [];
    const buffer = new Uint8Array(65_536);
    for (let bytes; (bytes = await peer.read(buffer)) !== null;) received.push(...buffer.subarray(0, bytes));
    assertEquals(received.length, 3 * 4_096);
    assertEquals([received[0], received[4_096], received[8_192], received.at(-1)], [1, 2, 3, 3]);
  }));

Deno.test("a paused socket stops its peer: the kernel's buffers fill and no more than a chunk is held", async () => {
  await using app = createServer();
  const accepted = once(app, "connection");
  app.onConnection((socket) => socket.pause()).listen(0, "127.0.0.1");
  const client = await connect({
    port: app.address()!.port,
    host: "127.0.0.1",
    limits: { maxWriteQueueBytes: Infinity },
  });
  const [inside] = await accepted;
  const sent = 64 * MIB;
  client.end(new Uint8Array(sent));
  // Nothing moves any more once the kernel is full: two looks a while apart agree.
  let before = -1;
  while (client.writableLength !== before) {
    before = client.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert(client.writableLength > 32 * MIB, `${client.writableLength} bytes are still waiting`);
  assertLessOrEqual(inside.bytesRead, 65_536);
  let received = 0;
  inside.on("data", (data: Uint8Array) => received += data.length).resume();
  await inside.closed;
  assertEquals(received, sent);
});

Deno.test("a peer that does not read is cut off after deadlines.flushMs without progress", async () => {
  await using app = createServer().withOptions({ deadlines: { flushMs: 50 } });
  const accepted = once(app, "connection");
  app.onError(() => {}).onConnection((socket) => socket.write(new Uint8Array(32 * MIB))).listen(0, "127.0.0.1");
  const peer = await Deno.connect({ port: app.address()!.port, hostname: "127.0.0.1" });
  const [socket] = await accepted;
  const { reason, error } = await socket.closed;
  assertEquals([reason, (error as { code?: string }).code], ["deadline:flush", "ETIMEDOUT"]);
  peer.close();
});
