/** Pools among everything that goes wrong at once: a hundred tasks over ten connections, with many seeds. */

import { assert, assertEquals } from "@std/assert";
import { createNetwork } from "../../src/testing/mod.ts";
import { Random } from "../../src/testing/random.ts";
import { createServer, framed } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { createPool, type TCPSocket } from "../../tcp.ts";
import { Asker, pass, settled, standing } from "./pool_support.ts";
import { Uncaught } from "./support.ts";

const SEEDS = 60;
const TASKS = 100;
const MAX = 10;

async function torture(seed: number): Promise<void> {
  using uncaught = new Uncaught();
  await using network = createNetwork({ seed, latencyMs: [0, 5] });
  const random = new Random(seed);
  const chance = (percent: number) => random.below(100) < percent;
  const app = createServer();
  app.onError(() => {});
  app.onConnection((socket) => {
    if (chance(10)) return void socket.destroy();
    const peer = framed(socket, lines());
    peer.on("message", (line) => {
      const fate = random.below(100);
      if (fate < 4) network.link(socket).reset();
      else if (fate < 8) socket.end();
      else if (fate >= (line === "login" ? 18 : 12)) peer.send(line.toUpperCase()); // else it never answers
    });
  });
  const port = network.listen(app);

  const alive = new Set<TCPSocket>();
  const inUse = new Set<Asker>();
  let most = 0;
  const pool = createPool<Asker>({
    port,
    network,
    max: MAX,
    min: random.below(3),
    maxWaiting: TASKS,
    acquireTimeoutMs: 2_000,
    createTimeoutMs: 100,
    idleMs: 200,
    maxLifetimeMs: 1_000,
    backoff: { initialMs: 5, maxMs: 50 },
    async setup(socket) {
      alive.add(socket);
      most = Math.max(most, alive.size);
      void socket.closed.then(() => alive.delete(socket));
      if (chance(5)) throw new Error("setup fails");
      if (chance(5)) await new Promise(() => {/* it hangs */});
      const asker = new Asker(socket);
      await asker.ask("login");
      return asker;
    },
    async check(asker) {
      if (chance(5)) throw new Error("check fails");
      if (chance(5)) await new Promise(() => {/* it hangs */});
      return await asker.ask("ping") === "PING";
    },
  });
  const judge = () => {
    const metrics = pool.metrics();
    assert(metrics.open + metrics.dialling <= MAX, `${metrics.open} open and ${metrics.dialling} being made`);
    assert(metrics.leased + metrics.idle <= metrics.open);
    const went = Object.values(metrics.destroyed).reduce((sum, count) => sum + count, 0);
    assertEquals(metrics.created, metrics.open + went);
  };

  const outcomes = { worked: 0, failed: 0 };
  const work = async (index: number) => {
    await pass(random.below(500));
    const stop = new AbortController();
    if (chance(20)) void pass(random.below(50)).then(() => stop.abort(new Error("aborted")));
    const lease = await pool.acquire({ signal: stop.signal });
    judge();
    const asker = lease.value;
    assert(!stop.signal.aborted, "somebody who gave up was served");
    assertEquals(asker.socket.readyState, "open", "a dead connection was handed out");
    assert(!asker.dirty, "a dirty connection was handed out");
    assert(!inUse.has(asker), "a connection was handed out twice");
    inUse.add(asker);
    try {
      if (chance(5)) throw new Error("the task fails");
      if (chance(5)) asker.dirty = true, asker.socket.on("drain", () => {});
      if (chance(5)) asker.socket.destroy();
      const answer = await Promise.race([asker.ask(`task ${index}`), pass(100).then(() => "no answer")]);
      if (answer === "no answer") throw new Error(answer);
      assertEquals(answer, `TASK ${index}`);
      await pass(random.below(100));
      if (chance(10)) lease.destroy();
      inUse.delete(asker);
      lease.release();
    } catch (error) {
      inUse.delete(asker);
      lease[Symbol.dispose]();
      throw error;
    }
  };
  const tasks = Array.from({ length: TASKS }, (_, index) =>
    work(index).then(() => outcomes.worked++, (error) => {
      if ((error as Error).name === "AssertionError") throw error;
      outcomes.failed++;
    }));
  await settled(network, Promise.all(tasks));
  judge();
  assertEquals(outcomes.worked + outcomes.failed, TASKS);
  assert(outcomes.worked > TASKS / 3, `${outcomes.worked} tasks went well`);
  assert(most <= MAX, `${most} sockets at once`);
  assertEquals(pool.metrics().waiting, 0);
  assertEquals(pool.metrics().leased, 0);

  await settled(network, pool.close());
  judge();
  assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]);
  assertEquals(alive.size, 0);
  await settled(network, app.close({ drainMs: 100 }));
  await network.advance(10_000); // the delays of the test itself
  assertEquals(network.timers, 0);
  assertEquals(uncaught.seen, []);
}

for (let seed = 1; seed <= SEEDS; seed++) {
  Deno.test({ name: `createPool() among random failures, seed ${seed}`, permissions: "none", fn: () => torture(seed) });
}
