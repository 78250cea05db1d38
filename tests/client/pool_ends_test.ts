/** Pools whose server is away, that leak, and that are closed. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { PoolLeak, TcpError } from "../../tcp.ts";
import { alone, askers, codeOf, gone, settled, standing } from "./pool_support.ts";

// ---- a server that is away ----

alone("A dial that fails rejects the oldest waiter; the rest wait on, and their timeout tells why", async (network) => {
  const { pool, app } = askers(network, { max: 1, backoff: { initialMs: 200, factor: 1, jitter: 0 } });
  network.refuse(app.address()!.port);
  const codes: unknown[] = [];
  const waiting = [1, 2, 3, 4].map(() => pool.acquire());
  waiting.forEach((lease) => void codeOf(lease).then((code) => codes.push(code)));
  await network.advance(50);
  assertEquals(codes, ["ECONNREFUSED"]);
  await network.advance(200); // the next dial came after the back-off
  assertEquals(codes, ["ECONNREFUSED", "ECONNREFUSED"]);
  assertEquals(pool.metrics().failed, 2);
  network.partition(10_000);
  await network.advance(5_000);
  assertEquals(codes.slice(2), ["ERR_POOL_TIMEOUT", "ERR_POOL_TIMEOUT"]);
  const error = await waiting[3]!.then(() => undefined, (error) => error);
  assertEquals((error.cause as TcpError).code, "ECONNREFUSED");
  await settled(network, pool.close());
});

alone("While connecting fails one dial at a time tries; when it works again everybody is served", async (network) => {
  const { pool, app } = askers(network, { max: 5, acquireTimeoutMs: 60_000 });
  const { port } = app.address()!;
  network.refuse(port);
  const outcomes: string[] = [];
  for (let task = 0; task < 20; task++) {
    void pool.use((asker) => asker.ask("x")).then(() => outcomes.push("served"), () => outcomes.push("failed"));
  }
  await network.advance(1_000);
  // Five at once, then one after about 100, 200, 400 ms.
  const { failed } = pool.metrics();
  assert(failed >= 7 && failed <= 10, `${failed} dials`);
  network.refuse(port, false);
  await network.advance(2_000);
  assertEquals(outcomes.length, 20);
  assertEquals(outcomes.filter((outcome) => outcome === "failed").length, failed);
  await pool.close();
});

// ---- leaks, abort, close ----

alone(
  "Pool emits leak once for a connection that is in use for leakMs, with the stack of its acquire",
  async (network) => {
    const { pool } = askers(network, { leakMs: 1_000 });
    const leaks: PoolLeak[] = [];
    pool.on("leak", (leak) => leaks.push(leak));
    async function whoForgets() {
      return await pool.acquire();
    }
    const forgotten = await settled(network, whoForgets());
    const returned = await settled(network, pool.acquire());
    await network.advance(500);
    returned.release();
    await network.advance(5_000);
    assertEquals(leaks.length, 1);
    assertStringIncludes(leaks[0]!.stack, "whoForgets");
    assert(leaks[0]!.heldMs >= 1_000 && leaks[0]!.heldMs < 1_500);
    forgotten.release();
    await pool.close();
  },
);

alone("Pool.acquire() gives up with the reason of its signal, and leaves no listener on it", async (network) => {
  const { pool } = askers(network, { max: 1 });
  await assertRejects(() => pool.acquire({ signal: AbortSignal.abort(new Error("before")) }), Error, "before");
  const stop = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = stop.signal;
  Object.assign(stop.signal, {
    addEventListener(...args: [never, never]) {
      listeners++;
      addEventListener.apply(this, args);
    },
    removeEventListener(...args: [never, never]) {
      listeners--;
      removeEventListener.apply(this, args);
    },
  });
  const lease = await settled(network, pool.acquire({ signal: stop.signal }));
  assertEquals(listeners, 0);
  const [one, two] = [pool.acquire({ signal: stop.signal }), pool.acquire()];
  stop.abort(new Error("enough"));
  await assertRejects(() => one, Error, "enough");
  assertEquals(listeners, 0);
  lease.release();
  (await two).release(); // nobody was forgotten
  await assertRejects(() => pool.acquire({ signal: 1 as never }), TypeError, '"signal" must be an AbortSignal');
  await assertRejects(() => pool.acquire({ timeout: 1 } as never), TypeError, '"timeout" is unknown');
  await pool.close();
});

alone("Pool.close() rejects waiters, waits for leases, and destroys after drainMs", async (network) => {
  const { pool, app } = askers(network, { max: 2 });
  const [kept, returned] = [await settled(network, pool.acquire()), await settled(network, pool.acquire())];
  const waiting = codeOf(pool.acquire());
  const closed = pool.close({ drainMs: 1_000 });
  assertEquals(await waiting, "ERR_POOL_CLOSED");
  assertEquals(await codeOf(pool.acquire()), "ERR_POOL_CLOSED");
  assertEquals(await settled(network, returned.value.ask("still works")), "STILL WORKS");
  returned.release();
  await network.advance(900);
  assertEquals(kept.value.socket.readyState, "open");
  await network.advance(200);
  await closed;
  assert(kept.value.socket.destroyed);
  kept.release();
  assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]);
  assertEquals([gone(pool.metrics()), app.connections.size], [{ shutdown: 2 }, 0]);
  await pool.close();
});

for (const state of ["new", "dialling", "setting up", "idle", "checking", "leased", "backing off"]) {
  for (const way of ["close", "signal"]) {
    alone(`Pool leaves nothing running: ${way} while ${state}`, async (network) => {
      const stop = new AbortController();
      const hang = () => new Promise<never>(() => {});
      const { pool, app } = askers(network, {
        signal: stop.signal,
        ...(state === "setting up" ? { setup: hang } : {}),
        ...(state === "checking" ? { check: hang } : {}),
      });
      if (state === "backing off") network.refuse(app.address()!.port);
      if (state === "dialling") network.partition(1_000_000);
      let waiting: Promise<unknown> | undefined;
      if (state === "idle" || state === "checking" || state === "leased") {
        const lease = await settled(network, pool.acquire());
        if (state !== "leased") lease.release();
        if (state === "checking") waiting = codeOf(pool.acquire());
      } else if (state !== "new") waiting = codeOf(pool.acquire());
      if (state === "backing off") {
        assertEquals(await waiting, "ECONNREFUSED");
        waiting = codeOf(pool.acquire());
      }
      await network.advance(20);
      const reason = new Error("the signal's own");
      if (way === "signal") stop.abort(reason);
      const closed = pool.close({ drainMs: 0 });
      if (waiting !== undefined) assertEquals(await waiting, way === "signal" ? reason : "ERR_POOL_CLOSED");
      assertEquals(await codeOf(pool.acquire()), way === "signal" ? reason : "ERR_POOL_CLOSED");
      await settled(network, closed);
      assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]);
      network.partition(0);
      await network.advance(2_000_000); // the server sees the ends
      await settled(network, app.close());
      assertEquals(network.timers, 0);
    });
  }
}

alone("A pool whose signal was aborted before is closed", async (network) => {
  const { pool } = askers(network, { min: 3, signal: AbortSignal.abort("no") });
  assertEquals(await pool.acquire().catch((reason) => reason), "no");
  await settled(network, pool.close());
  assertEquals(pool.metrics().created, 0);
});
