/** What users of other pools reported, HikariCP's and generic-pool's above all, a test each. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createPool, TcpError, type TCPSocket } from "../../tcp.ts";
import { alone, Asker, askers, codeOf, gone, lineServer, settled, standing } from "./pool_support.ts";

alone("reported: dead connections are handed out. One that the server closed is not", async (network) => {
  const { pool, app } = askers(network);
  const lease = await settled(network, pool.acquire());
  lease.release();
  for (const socket of app.connections) socket.end();
  await network.advance(10);
  assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]); // noticed while it lay idle
  assertEquals(await settled(network, pool.use((asker) => asker.ask("new"))), "NEW");
  assertEquals([app.metrics().accepted, gone(pool.metrics()).closed], [2, 1]);
  await pool.close();
});

alone(
  "reported: dead connections are handed out. A reset of an idle one is told nobody and costs nobody",
  async (network) => {
    const { pool, app } = askers(network);
    (await settled(network, pool.acquire())).release();
    for (const socket of app.connections) network.link(socket).reset();
    await network.advance(10);
    assertEquals(await settled(network, pool.use((asker) => asker.ask("new"))), "NEW");
    await pool.close();
  },
);

alone(
  "reported: dirty connections are handed out. Unread bytes, listeners, readers and a pause are seen",
  async (network) => {
    const quiet = network.listen(lineServer());
    const talking = network.listen(lineServer().onConnection((socket) => void socket.write("greeting")));
    const dirt: [name: string, port: number, leave: (socket: TCPSocket) => void][] = [
      ["unread bytes", talking, () => {}],
      ["a listener", quiet, (socket) => socket.on("error", () => {})],
      ["a claimed read side", quiet, (socket) => void socket.readable.getReader().read().catch(() => {})],
      ["a data listener that is gone", quiet, (socket) => socket.on("data", () => {}).removeAllListeners("data")],
      ["a pause", quiet, (socket) => socket.pause()],
      ["an end", quiet, (socket) => socket.end()],
    ];
    for (const [name, port, leave] of dirt) {
      const pool = createPool({ port, network, max: 1 });
      const first = await settled(network, pool.acquire());
      await network.advance(10);
      leave(first.value);
      if (name !== "an end") await network.advance(10); // an end would be over
      first.release();
      const second = await settled(network, pool.acquire());
      assert(second.value !== first.value, name);
      assertEquals(gone(pool.metrics()), { [name === "an end" ? "closed" : "dirty"]: 1 }, name);
      second.destroy();
      await settled(network, pool.close());
    }
  },
);

alone(
  "reported: dead connections are handed out. Whoever fails its check, throws or hangs in it is not",
  async (network) => {
    for (const how of ["no", "throw", "hang"]) {
      let checks = 0;
      const { pool } = askers(network, {
        createTimeoutMs: 100,
        check(): boolean | Promise<boolean> {
          checks++;
          if (how === "throw") throw new Error("not good");
          return how === "hang" ? new Promise(() => {}) : false;
        },
      });
      const first = await settled(network, pool.acquire());
      assertEquals(checks, 0); // a new one needs none
      first.release();
      const second = await settled(network, pool.acquire());
      assertEquals(checks, 1);
      assert(second.value !== first.value, how);
      assertEquals(gone(pool.metrics()), { check: 1 });
      second.release();
      await settled(network, pool.close());
      assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]);
    }
  },
);

alone("Pool hands on from one user to the next without a check, which is for those that lay idle", async (network) => {
  let checks = 0;
  const { pool } = askers(network, { max: 1, check: () => ++checks > 0 });
  const tasks = [1, 2, 3].map(() => pool.use((asker) => asker.ask("x")));
  await settled(network, Promise.all(tasks));
  assertEquals(checks, 0);
  await settled(network, pool.use((asker) => asker.ask("x")));
  assertEquals(checks, 1);
  await pool.close();
});

alone(
  "reported: slots leak. Not by aborted waiters, failed setups, thrown tasks or connections that die in use",
  async (network) => {
    let setups = 0;
    const { pool } = askers(network, {
      max: 1,
      backoff: { initialMs: 1, maxMs: 1 },
      setup(socket) {
        if (++setups % 2 === 1) throw new Error(`setup ${setups}`);
        return new Asker(socket);
      },
    });
    for (let round = 0; round < 5; round++) {
      // The dial is the pool's: it goes on when the caller gives up.
      const stop = new AbortController();
      const waiting = pool.acquire({ signal: stop.signal });
      stop.abort(new Error("gave up"));
      await assertRejects(() => waiting, Error, "gave up");
      await settled(network, pool.use((asker) => asker.ask("x"))).catch(() => "its setup failed");
      const lease = await settled(network, pool.acquire().catch(() => pool.acquire()));
      lease.value.socket.destroy(); // and it is never released
      await network.advance(10);
    }
    assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]);
    await pool.close();
  },
);

alone("Pool.acquire() goes on at once when a connection ends in its check", async (network) => {
  const { pool } = askers(network, { acquireTimeoutMs: 1_000, check: (asker) => asker.ask("cut").then(() => true) });
  (await settled(network, pool.acquire())).release();
  assertEquals(await settled(network, pool.use((asker) => asker.ask("new"))), "NEW");
  assertEquals(pool.metrics().maxWaitMs < 500, true);
  await pool.close();
});

alone("A check leaves nothing on its connection, however often it is made", async (network) => {
  let looks = 0;
  const { pool } = askers(network, {
    setup(socket) {
      const { closed } = socket;
      Object.defineProperty(socket, "closed", { get: () => (looks++, closed) });
      return new Asker(socket);
    },
    check: () => true,
  });
  (await settled(network, pool.acquire())).release();
  const before = looks;
  for (let round = 0; round < 10; round++) (await settled(network, pool.acquire())).release();
  // A reaction on a promise stays until the connection ends.
  assertEquals([looks - before, pool.metrics().created], [0, 1]);
  await pool.close();
});

alone("A pool with min does not storm a server that accepts and closes", async (network) => {
  const app = lineServer().onConnection((socket) => socket.destroy());
  const pool = createPool({ port: network.listen(app), network, min: 2, backoff: { jitter: 0 } });
  for (let step = 0; step < 1_000; step++) await network.advance(10);
  // Two at a time, after 100, 200, 400, ... ms.
  const { accepted } = app.metrics();
  assert(accepted >= 8 && accepted <= 16, `${accepted} connections in 10 s`);
  // Who asks is served at once.
  (await settled(network, pool.acquire())).release();
  assert(pool.metrics().maxWaitMs < 50);
  await settled(network, pool.close());
  await network.advance(60_000);
  assertEquals(network.timers, 0);
});

alone("reported: waiters grow without bound. Those beyond maxWaiting are refused at once", async (network) => {
  const { pool } = askers(network, { max: 1, maxWaiting: 2 });
  const lease = await settled(network, pool.acquire());
  const waiting = [pool.acquire(), pool.acquire()];
  const error = await assertRejects(() => pool.acquire(), TcpError, "2 callers wait already, at most 2 are allowed");
  assertEquals(error.code, "ERR_POOL_FULL");
  assertStringIncludes(error.message, "1 of at most 1 open, 1 in use");
  lease.release();
  const next = await waiting[0]!;
  const one = pool.acquire(); // there is room again
  next.release();
  (await waiting[1]!).release();
  (await one).release();
  await pool.close();
});

alone("Pool with maxWaiting 0 hands out what there is or can be made, and lets nobody wait for it", async (network) => {
  const { pool } = askers(network, { max: 1, maxWaiting: 0 });
  const acquired = pool.acquire();
  assertEquals(await codeOf(pool.acquire()), "ERR_POOL_FULL");
  (await settled(network, acquired)).release();
  (await pool.acquire()).release();
  await pool.close();
});

alone("reported: eviction does nothing. Idle connections go after idleMs by default, down to min", async (network) => {
  const { pool } = askers(network, { min: 1 });
  await network.advance(10);
  assertEquals(standing(pool.metrics()), [1, 1, 0, 0, 0]); // made at once
  const leases = [];
  for (let at = 0; at < 4; at++) leases.push(await settled(network, pool.acquire()));
  for (const lease of leases) lease.release();
  await network.advance(59_000);
  assertEquals(pool.metrics().idle, 4);
  await network.advance(2_000);
  assertEquals(standing(pool.metrics()), [1, 1, 0, 0, 0]);
  assertEquals(gone(pool.metrics()), { idle: 3 });
  await network.advance(600_000);
  assertEquals(pool.metrics().idle, 1); // min stays
  await pool.close();
});

alone(
  "reported: connections live for ever. maxLifetimeMs ends idle ones, and used ones at their release",
  async (network) => {
    const { pool } = askers(network, { min: 2, max: 3, maxLifetimeMs: 100_000, idleMs: 0 });
    await network.advance(10);
    const used = await settled(network, pool.acquire());
    await network.advance(89_000);
    assertEquals(gone(pool.metrics()), {}); // a tenth is chance
    await network.advance(12_000);
    assertEquals(gone(pool.metrics()), { lifetime: 1 });
    assertEquals(pool.metrics().open, 2); // another was made for min
    assertEquals(used.value.socket.readyState, "open");
    used.release();
    await network.advance(10);
    assertEquals([gone(pool.metrics()), pool.metrics().open], [{ lifetime: 2 }, 2]);
    await pool.close();
  },
);

alone("reported: acquire hangs. A server that never answers the connect ends in createTimeoutMs", async (network) => {
  const { pool } = askers(network, { acquireTimeoutMs: 0, createTimeoutMs: 500 });
  network.partition(10_000);
  const error = await assertRejects(
    () => settled(network, pool.acquire()),
    TcpError,
    "within 500 ms (createTimeoutMs)",
  );
  assertEquals(error.code, "ETIMEDOUT");
  await pool.close();
});

alone(
  "reported: acquire hangs. A setup that hangs ends in createTimeoutMs, and its connection with it",
  async (network) => {
    const { pool, app } = askers(network, { createTimeoutMs: 500, setup: () => new Promise<Asker>(() => {}) });
    assertEquals(await codeOf(settled(network, pool.acquire())), "ETIMEDOUT");
    await network.advance(10);
    assertEquals([app.connections.size, pool.metrics().failed], [0, 1]);
    await pool.close();
  },
);

alone("Pool.acquire() rejects with the error of setup, or of the connection that ended meanwhile", async (network) => {
  const { pool: thrown } = askers(network, { setup: () => Promise.reject(new Error("no such user")) });
  await assertRejects(() => settled(network, thrown.acquire()), Error, "no such user");
  await thrown.close();
  const { pool: ended } = askers(network, {
    setup(socket) {
      socket.destroy();
      return new Asker(socket);
    },
  });
  assertEquals(await codeOf(settled(network, ended.acquire())), "ECONNABORTED");
  await ended.close();
});

alone("reported: acquire hangs. Waiting ends in acquireTimeoutMs, and tells how the pool stands", async (network) => {
  const { pool } = askers(network, { max: 1, acquireTimeoutMs: 300 });
  const lease = await settled(network, pool.acquire());
  const error = await assertRejects(() => settled(network, pool.acquire()), TcpError);
  assertEquals(error.code, "ERR_POOL_TIMEOUT");
  assertEquals(
    error.message,
    "No connection within 300 ms (acquireTimeoutMs): 1 of at most 1 open, 1 in use, 0 being made, 1 waiting",
  );
  assertEquals([pool.metrics().timeouts, pool.metrics().waiting], [1, 0]);
  lease.release();
  await pool.close();
});
