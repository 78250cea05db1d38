import { assert, assertEquals, assertLess } from "@std/assert";
import { createServer } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import {
  endBegun,
  enterFlushWatch,
  flushEnded,
  Flushing,
  flushStarted,
  leaveFlushWatch,
} from "../../src/socket/flush_watch.ts";
import { FakeTime } from "../base/fake_time.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A connection as the watch sees it; leaves the watch when it is disposed. */
class Watched extends Flushing implements Disposable {
  override readonly flushMs: number;
  override readonly endMs: number;
  /** When something last came or went after its end. */
  movedAt = 0;
  /** When it was found forsaken, in milliseconds since it was made. */
  readonly forsakenAt: number[] = [];
  /** When it was found stalled, in milliseconds since it was made. */
  readonly stalls: number[] = [];
  readonly #madeAt = performance.now();
  #left = false;

  constructor(flushMs: number, endMs = Infinity) {
    super();
    this.flushMs = flushMs;
    this.endMs = endMs;
    enterFlushWatch();
  }

  stalled(): void {
    this.stalls.push(performance.now() - this.#madeAt);
    this.leave(); // as a connection that is destroyed
  }

  silentSince(): number {
    return this.movedAt;
  }

  forsaken(): void {
    this.forsakenAt.push(performance.now() - this.#madeAt);
    this.leave();
  }

  end(): void {
    this.movedAt = performance.now();
    endBegun(this, this.movedAt);
  }

  progress(): void {
    flushStarted(this, performance.now());
  }

  leave(): void {
    if (!this.#left) leaveFlushWatch(this);
    this.#left = true;
  }

  [Symbol.dispose](): void {
    this.leave();
  }
}

unit("the flush watch finds a write that makes no progress for flushMs", () => {
  using time = new FakeTime();
  using one = new Watched(1_000);
  one.progress();
  time.tick(999);
  assertEquals(one.stalls, []);
  time.tick(1);
  assertEquals(one.stalls, [1_000]);
});

unit("the flush watch counts from the last progress", () => {
  using time = new FakeTime();
  using one = new Watched(1_000);
  for (let i = 0; i < 5; i++) {
    one.progress();
    time.tick(900);
  }
  assertEquals(one.stalls, []);
  time.tick(100);
  assertEquals(one.stalls, [4_600]);
});

unit("the flush watch does not mind a connection that has nothing to write", () => {
  using time = new FakeTime();
  using one = new Watched(1_000);
  one.progress();
  time.tick(500);
  flushEnded(one);
  time.tick(10_000);
  one.progress();
  time.tick(999);
  assertEquals(one.stalls, []);
  time.tick(1);
  assertEquals(one.stalls, [11_500]);
});

unit("the flush watch never ends a connection without a deadline", () => {
  using time = new FakeTime();
  using one = new Watched(Infinity);
  one.progress();
  assertEquals(time.timers, 0);
  time.tick(1e9);
  assertEquals(one.stalls, []);
});

unit("the flush watch uses one timer for any number of connections", () => {
  using time = new FakeTime();
  const many = Array.from({ length: 100 }, (_, i) => new Watched(1_000 + i));
  for (const one of many) one.progress();
  assertEquals(time.timers, 1);
  time.tick(1_049);
  assertEquals(many.filter((one) => one.stalls.length === 1).length, 50);
  time.tick(50);
  assertEquals(many.flatMap((one) => one.stalls), Array.from({ length: 100 }, (_, i) => 1_000 + i));
  assertEquals(time.timers, 0);
});

unit("the flush watch finds each connection by its own deadline, whatever the order they began in", () => {
  using time = new FakeTime();
  using slow = new Watched(5_000);
  using quick = new Watched(100);
  using middle = new Watched(1_000);
  for (const one of [slow, quick, middle]) one.progress();
  time.tick(10_000);
  assertEquals([slow.stalls, quick.stalls, middle.stalls], [[5_000], [100], [1_000]]);
});

unit("the flush watch takes out connections from any place of its list", () => {
  using time = new FakeTime();
  const all = Array.from({ length: 5 }, () => new Watched(1_000));
  for (const one of all) one.progress();
  for (const gone of [0, 2, 4]) {
    const one = all[gone];
    if (one !== undefined) flushEnded(one);
    if (one !== undefined) flushEnded(one); // twice does no harm
  }
  time.tick(1_000);
  assertEquals(all.map((one) => one.stalls.length), [0, 1, 0, 1, 0]);
  for (const one of all) one.leave();
});

unit("the flush watch leaves no timer behind when the last connection goes", () => {
  using time = new FakeTime();
  const [one, other] = [new Watched(1_000), new Watched(1_000)];
  one.progress();
  other.progress();
  one.leave();
  assertEquals(time.timers, 1);
  other.leave();
  assertEquals(time.timers, 0);
});

unit("the flush watch arms its timer once a deadline, not once a write", () => {
  using time = new FakeTime();
  using one = new Watched(1_000);
  for (let i = 0; i < 10_000; i++) {
    one.progress();
    time.tick(1);
  }
  assertEquals(one.stalls, []);
  assertLess(time.armed, 15);
});

// ---- real sockets ----

/** A peer that connects and takes nothing, until it is closed. */
async function silentPeer(port: number): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: "127.0.0.1", port });
}

/** Writes until the kernel takes no more. */
const MORE_THAN_THE_KERNEL_TAKES = new Uint8Array(32 * 1_024 * 1_024);

unit("the flush watch finds a peer that is silent for endMs after our end, each by its own", () => {
  using time = new FakeTime();
  using one = new Watched(Infinity, 1_000);
  using other = new Watched(Infinity, 2_500);
  using never = new Watched(Infinity);
  for (const each of [one, other, never]) each.end();
  time.tick(900);
  one.movedAt = performance.now();
  time.tick(999);
  assertEquals([one.forsakenAt, other.forsakenAt], [[], []]);
  time.tick(1);
  assertEquals([one.forsakenAt, other.forsakenAt], [[1_900], []]);
  time.tick(100_000);
  assertEquals([other.forsakenAt.length, never.forsakenAt], [1, []]);
});

unit("the flush watch does not know whoever has left it after its end", () => {
  using time = new FakeTime();
  using other = new Watched(Infinity, 5_000);
  const one = new Watched(Infinity, 1_000);
  one.end();
  one.leave();
  time.tick(10_000);
  assertEquals([one.forsakenAt, other.forsakenAt], [[], []]);
});

Deno.test("a server's socket whose peer takes nothing for flushMs ends with deadline:flush", async () => {
  await using app = createServer("tcp", { deadlines: { flushMs: 150 } });
  const { promise: accepted, resolve } = Promise.withResolvers<Parameters<Parameters<typeof app.onConnection>[0]>[0]>();
  app.onConnection(resolve);
  app.listen(0, "127.0.0.1");
  const peer = await silentPeer(app.address()?.port ?? 0);
  const socket = await accepted;
  const errors: Error[] = [];
  socket.on("error", (error) => errors.push(error));
  const failed = new Promise<Error | null | undefined>((settle) => socket.write(MORE_THAN_THE_KERNEL_TAKES, settle));
  const startedAt = performance.now();
  const receipt = await socket.closed;
  assert(performance.now() - startedAt >= 140, "it must not give up early");
  assertEquals([receipt.reason, receipt.error?.name], ["deadline:flush", "TcpError"]);
  assertEquals(errors.map((error) => "code" in error && error.code), ["ETIMEDOUT"]);
  assertEquals(receipt.error, errors[0]);
  assertEquals(receipt.bytesWritten + receipt.unsentBytes, MORE_THAN_THE_KERNEL_TAKES.length);
  assert(receipt.unsentBytes > 0);
  assertEquals(await failed, errors[0]);
  assertEquals(app.metrics().closed["deadline:flush"], 1);
  peer.close();
});

Deno.test("a client's socket whose peer takes nothing for flushMs ends with deadline:flush", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1", deadlines: { flushMs: 150 } });
  const peer = await listener.accept();
  const { promise: error, resolve } = Promise.withResolvers<Error & { code?: string }>();
  socket.on("error", resolve);
  for (let i = 0; i < 8; i++) socket.write(MORE_THAN_THE_KERNEL_TAKES.subarray(0, 1_024 * 1_024));
  assertEquals((await socket.closed).reason, "deadline:flush");
  assertEquals((await error).code, "ETIMEDOUT");
  peer.close();
});

Deno.test("a peer that reads slowly but steadily is not cut off by flushMs", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1", deadlines: { flushMs: 400 } });
  const peer = await listener.accept();
  socket.end(MORE_THAN_THE_KERNEL_TAKES);
  let received = 0;
  const buffer = new Uint8Array(1_024 * 1_024);
  const startedAt = performance.now();
  for (let count; (count = await peer.read(buffer)) !== null;) {
    received += count;
    // Whoever takes his time for every piece is slow, not silent.
    if (performance.now() - startedAt < 1_200) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(received, MORE_THAN_THE_KERNEL_TAKES.length);
  peer.close();
  const receipt = await socket.closed;
  assertEquals([receipt.reason, receipt.unsentBytes], ["local", 0]);
});

Deno.test("a peer that sends but takes nothing is cut off by flushMs all the same", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1", deadlines: { flushMs: 200 } });
  const peer = await listener.accept();
  socket.on("data", () => {});
  socket.on("error", () => {});
  socket.write(MORE_THAN_THE_KERNEL_TAKES);
  const chatter = setInterval(() => void peer.write(new Uint8Array(1)).catch(() => "the socket is gone"), 10);
  const { reason } = await socket.closed;
  clearInterval(chatter);
  assertEquals(reason, "deadline:flush");
  peer.close();
});

Deno.test("a socket that has nothing to write is not cut off by flushMs", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1", deadlines: { flushMs: 30 } });
  const peer = await listener.accept();
  socket.write("hello");
  const buffer = new Uint8Array(16);
  await peer.read(buffer);
  await new Promise((resolve) => setTimeout(resolve, 120)); // four deadlines long
  assertEquals(socket.destroyed, false);
  socket.end();
  assertEquals(await peer.read(buffer), null);
  peer.close();
  assertEquals((await socket.closed).reason, "local");
});

Deno.test("deadlines.flushMs: 0 switches the deadline off", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1", deadlines: { flushMs: 0 } });
  const peer = await listener.accept();
  socket.write(MORE_THAN_THE_KERNEL_TAKES);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(socket.destroyed, false);
  socket.destroy();
  peer.close();
  assertEquals((await socket.closed).reason, "destroyed");
});
