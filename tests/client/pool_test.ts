/** Pools: who gets which connection, and what goes back, in a network in memory whose time the test moves. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createPool, type PoolOptions, type TCPSocket } from "../../tcp.ts";
import { alone, askers, gone, pass, settled, standing } from "./pool_support.ts";

alone("Pool.acquire() connects when needed, and hands out what was used last", async (network) => {
  const { pool } = askers(network);
  assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]);
  const one = await settled(network, pool.acquire());
  const two = await settled(network, pool.acquire());
  assert(one.value !== two.value);
  assertEquals(await settled(network, one.value.ask("hello")), "HELLO");
  one.release();
  two.release();
  assertEquals(standing(pool.metrics()), [2, 2, 0, 0, 0]);
  const three = await pool.acquire();
  assert(three.value === two.value);
  three.release();
  three.release(); // only the first call counts
  three.destroy();
  assertEquals(standing(pool.metrics()), [2, 2, 0, 0, 0]);
  await settled(network, pool.close());
  assertEquals(gone(pool.metrics()), { shutdown: 2 });
});

alone("Pool.acquire() serves first who came first, with max connections at most", async (network) => {
  const { pool, app } = askers(network, { max: 2 });
  const order: number[] = [];
  const tasks = Array.from({ length: 10 }, (_, index) =>
    pool.use(async (asker) => {
      order.push(index);
      assertEquals(await asker.ask(`${index}`), `${index}`);
      await pass(10);
    }));
  assertEquals(pool.metrics().waiting, 10);
  await settled(network, Promise.all(tasks));
  assertEquals(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(app.metrics().accepted, 2);
  const { acquired, waitMs, maxWaitMs, created } = pool.metrics();
  assertEquals([acquired, created], [10, 2]);
  assert(maxWaitMs >= 40 && waitMs >= 200, `${maxWaitMs} of ${waitMs} ms`);
  await settled(network, pool.close());
});

alone("Pool.use() releases on success, and destroys on a throw", async (network) => {
  const { pool } = askers(network);
  assertEquals(await settled(network, pool.use((asker) => asker.ask("a"))), "A");
  assertEquals(standing(pool.metrics()), [1, 1, 0, 0, 0]);
  const failure = new Error("in the task");
  let socket: TCPSocket | undefined;
  const failed = pool.use((asker) => {
    socket = asker.socket;
    throw failure;
  });
  assertEquals(await assertRejects(() => settled(network, failed)), failure);
  assertEquals((await socket?.closed)?.error, failure);
  assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]);
  await assertRejects(() => pool.use(1 as never), TypeError, '"fn" must be a function');
  await pool.close();
});

alone(
  "A lease that is disposed without a release destroys its connection: answers may be under way",
  async (network) => {
    const { pool } = askers(network);
    {
      using lease = await settled(network, pool.acquire());
      lease.release();
    }
    assertEquals(pool.metrics().idle, 1);
    {
      using _lease = await pool.acquire();
    }
    await network.advance(0);
    assertEquals(gone(pool.metrics()), { lease: 1 });
    await pool.close();
  },
);

Deno.test("createPool() throws wrong options at the call", () => {
  const wrong: [Partial<PoolOptions>, string][] = [
    [{ max: 0 }, '"max" must be an integer from 1'],
    [{ max: 2, min: 3 }, '"min" must be an integer from 0 to 2; it is 3'],
    [{ maxWaiting: -1 }, '"maxWaiting"'],
    [{ acquireTimeoutMs: -1 }, '"acquireTimeoutMs"'],
    [{ createTimeoutMs: NaN }, '"createTimeoutMs"'],
    [{ idleMs: -1 }, '"idleMs"'],
    [{ maxLifetimeMs: -1 }, '"maxLifetimeMs"'],
    [{ leakMs: -1 }, '"leakMs"'],
    [{ backoff: { factor: 0 } }, '"backoff.factor"'],
    [{ port: 70_000 }, '"port"'],
    [{ limits: { maxWriteQueueBytes: 0 } }, "maxWriteQueueBytes"],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => createPool({ port: 1, ...options }), RangeError, message);
  }
  assertThrows(() => createPool(undefined as never), TypeError, '"options" must be an object');
  assertThrows(() => createPool({ port: 1, size: 1 } as never), TypeError, '"size" is unknown');
  assertThrows(() => createPool({}), TypeError, '"port" or "path"');
  assertThrows(() => createPool({ port: 1, setup: 1 as never }), TypeError, '"setup" must be a function');
  assertThrows(() => createPool({ port: 1, check: 1 as never }), TypeError, '"check" must be a function');
});
