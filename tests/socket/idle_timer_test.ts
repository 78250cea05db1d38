import { assert, assertEquals, assertLess } from "@std/assert";
import { createServer } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { createNetwork } from "../../src/testing/mod.ts";
import { IdleTimer } from "../../src/socket/idle_timer.ts";
import { FakeTime } from "../base/fake_time.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A timer, its port and the times at which it told. */
function watch(timeoutMs: number): { timer: IdleTimer; port: { movedAt: number }; told: number[] } {
  const start = performance.now();
  const told: number[] = [];
  const port = { movedAt: start };
  const timer = new IdleTimer(port, timeoutMs, () => told.push(performance.now() - start));
  return { timer, port, told };
}

unit("IdleTimer tells of silence once", () => {
  using time = new FakeTime();
  const { told, timer } = watch(100);
  time.tick(99);
  assertEquals([told, timer.fired], [[], false]);
  time.tick(10_000);
  assertEquals([told, timer.fired, time.timers], [[100], true, 0]);
});

unit("IdleTimer counts from the last activity, of which nobody tells it", () => {
  using time = new FakeTime();
  const { told, port } = watch(100);
  for (let i = 0; i < 10; i++) {
    time.tick(90);
    port.movedAt = performance.now();
  }
  assertEquals(told, []);
  time.tick(100);
  assertEquals(told, [1_000]);
});

unit("IdleTimer tells again after activity and the next silence", () => {
  using time = new FakeTime();
  const { told, timer, port } = watch(100);
  time.tick(500);
  port.movedAt = performance.now();
  timer.rearm();
  assertEquals(timer.fired, false);
  time.tick(500);
  assertEquals(told, [100, 600]);
});

unit("IdleTimer waits for its whole time even if there was silence before it", () => {
  using time = new FakeTime();
  const port = { movedAt: performance.now() - 1_000 };
  let told = 0;
  const timer = new IdleTimer(port, 100, () => told++);
  time.tick(99);
  assertEquals(told, 0);
  time.tick(1);
  assertEquals(told, 1);
  timer.clear();
});

unit("IdleTimer.clear() ends it", () => {
  using time = new FakeTime();
  const { told, timer } = watch(100);
  timer.clear();
  time.tick(1_000);
  assertEquals([told, time.timers], [[], 0]);
});

unit("IdleTimer may be cleared and armed again by what it tells", () => {
  using time = new FakeTime();
  const told: number[] = [];
  const start = performance.now();
  const port = { movedAt: start };
  const timer = new IdleTimer(port, 100, () => {
    told.push(performance.now() - start);
    port.movedAt = performance.now();
    if (told.length < 3) timer.rearm();
  });
  time.tick(1_000);
  assertEquals([told, time.timers], [[100, 200, 300], 0]);
  timer.clear();
});

unit("IdleTimer arms one timer a silence, not one for every activity", () => {
  using time = new FakeTime();
  const { port, timer } = watch(1_000);
  for (let i = 0; i < 10_000; i++) {
    port.movedAt = performance.now();
    time.tick(1);
  }
  assertLess(time.armed, 15);
  timer.clear();
});

// ---- real sockets ----

Deno.test("TCPSocket.setTimeout() emits timeout on silence, and only that", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1" });
  const peer = await listener.accept();
  const startedAt = performance.now();
  await new Promise<void>((resolve) => socket.setTimeout(40, resolve));
  assert(performance.now() - startedAt >= 38, "it must not come early");
  assertEquals([socket.destroyed, socket.timeout], [false, 40]);
  socket.destroy();
  peer.close();
  await socket.closed;
});

for (const direction of ["in", "out"]) {
  Deno.test(`TCPSocket.setTimeout() counts from the last byte that went ${direction}`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const socket = await connect({ port: listener.addr.port, host: "127.0.0.1" });
    const peer = await listener.accept();
    let movedAt = performance.now();
    const silences: number[] = [];
    const { promise: told, resolve } = Promise.withResolvers<void>();
    socket.on("data", () => movedAt = performance.now());
    socket.on("timeout", () => {
      silences.push(performance.now() - movedAt);
      resolve();
    });
    socket.setTimeout(100);
    const startedAt = performance.now();
    while (performance.now() - startedAt < 250) {
      if (direction === "in") await peer.write(new Uint8Array(1));
      else await new Promise((sent) => socket.write("x", sent));
      if (direction === "out") movedAt = performance.now();
      await new Promise((later) => setTimeout(later, 5));
    }
    await told;
    // On a machine that stood still for a while there may be more than one, but none without a silence before it.
    for (const silence of silences) assert(silence >= 95, `after ${silence} ms`);
    socket.destroy();
    peer.close();
    await socket.closed;
  });
}

Deno.test("TCPSocket.setTimeout(0) switches it off and takes the listener away", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1" });
  const peer = await listener.accept();
  const told = () => {
    throw new Error("it was switched off");
  };
  socket.setTimeout(20, told);
  socket.setTimeout(0, told);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals([socket.timeout, socket.listenerCount("timeout")], [0, 0]);
  socket.destroy();
  peer.close();
  await socket.closed;
});

Deno.test("tcp.timeout of the server destroys a socket without a timeout listener with ETIMEDOUT", async () => {
  await using app = createServer("tcp", { tcp: { timeout: 40 } });
  const { promise: receipt, resolve } = Promise.withResolvers<Awaited<(typeof connected)["closed"]>>();
  const codes: unknown[] = [];
  app.onError((error) => codes.push(error.code));
  app.onConnection((socket) => void socket.closed.then(resolve));
  app.listen(0, "127.0.0.1");
  const connected = await connect({ port: app.address()?.port ?? 0, host: "127.0.0.1" });
  connected.resume();
  const { reason, error } = await receipt;
  assertEquals([reason, error instanceof Error && "code" in error && error.code], ["deadline:idle", "ETIMEDOUT"]);
  assertEquals(codes, ["ETIMEDOUT"]);
  await connected.closed;
});

Deno.test("tcp.timeout of the server only tells a socket with a timeout listener", async () => {
  await using app = createServer("tcp", { tcp: { timeout: 30 } });
  const told = new Promise<boolean>((resolve) => {
    app.onConnection((socket) => {
      socket.on("timeout", () => {
        resolve(socket.destroyed);
        socket.end();
      });
    });
  });
  app.listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()?.port ?? 0, host: "127.0.0.1" });
  client.resume();
  assertEquals(await told, false);
  await client.closed;
});

Deno.test("a socket's idle timer is gone when the socket is closed", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const socket = await connect({ port: listener.addr.port, host: "127.0.0.1" });
  const peer = await listener.accept();
  socket.setTimeout(600_000);
  socket.destroy();
  peer.close();
  await socket.closed; // a timer that is left fails this test by the sanitizer
  socket.setTimeout(600_000);
  assertEquals(socket.timeout, 0);
});

Deno.test("timeout is not emitted behind our own FIN, where a listener that writes would fail", async () => {
  await using network = createNetwork();
  const told: string[] = [];
  const app = createServer("tcp", { tcp: { allowHalfOpen: true } }).onConnection((socket) => socket.resume());
  const socket = await network.connect(network.listen(app));
  socket.on("timeout", () => {
    told.push("timeout");
    socket.write("still there?");
  });
  socket.on("error", (error) => told.push(error.message));
  socket.setTimeout(1_000);
  await network.advance(1_500);
  assertEquals(told, ["timeout"]);
  socket.end();
  await network.advance(10_000);
  assertEquals([told, socket.writableFinished, socket.destroyed], [["timeout"], true, false]);
  socket.destroy();
  await socket.closed;
});

Deno.test("timeout is emitted while our end waits for a peer that does not read", async () => {
  await using network = createNetwork();
  const app = createServer("tcp", { tcp: { allowHalfOpen: true } }).onConnection(() => {});
  const socket = await network.connect(network.listen(app));
  socket.write(new Uint8Array(8 * 1_024 * 1_024)); // more than a link takes
  socket.end();
  let told = 0;
  socket.setTimeout(1_000, () => told++);
  await network.advance(5_000);
  assertEquals([told, socket.writableFinished], [1, false]);
  socket.destroy();
  await socket.closed;
});
