/** The Redis client of the examples against a real server, which is killed and started again under load. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { RequestError, TcpError } from "../../tcp.ts";
import { RedisClient } from "../../examples/redis/client.ts";
import { redisPool } from "../../examples/redis/connection.ts";
import { type Reply, RespError } from "../../examples/redis/resp.ts";
import { RedisSubscriber } from "../../examples/redis/subscriber.ts";
import { standing } from "../client/pool_support.ts";
import { Counter, Uncaught, until } from "../client/support.ts";
import { EngineServer } from "./rooms_service.ts";

const host = "127.0.0.1";
const backoff = { initialMs: 5, maxMs: 50 };

async function server(): Promise<EngineServer> {
  const redis = new EngineServer("redis-server");
  await redis.start();
  return redis;
}

Deno.test("Redis: commands and their answers, of every kind", async () => {
  await using redis = await server();
  await using client = new RedisClient({ port: redis.port, host, backoff });
  assertEquals(await client.ping(), "PONG");
  assertEquals(await client.get("none"), null);
  assertEquals(await client.set("Zoë", "🦕 \r\n\0"), true);
  assertEquals(await client.get("Zoë"), "🦕 \r\n\0");
  assertEquals(await client.set("Zoë", "no", { only: "absent" }), false);
  assertEquals(await client.mget("Zoë", "none"), ["🦕 \r\n\0", null]);
  assertEquals(await client.incrBy("n", 41), 41);
  assertEquals(await client.incrBy("n"), 42);
  assertEquals(await client.command(["SET", "big", "9223372036854775806"]), "OK");
  assertEquals(await client.command(["INCR", "big"]), 9_223_372_036_854_775_807n);
  assertEquals(await client.rpush("list", "a", 1, new TextEncoder().encode("c")), 3);
  assertEquals(await client.lrange("list"), ["a", "1", "c"]);
  assertEquals(await client.exists("n", "list", "none"), 2);
  assertEquals(await client.del("n"), 1);
  const large = "x".repeat(3_000_000);
  await client.set("large", large);
  assertEquals(await client.get("large") === large, true);
  const error = await assertRejects(() => client.incrBy("list"), RespError);
  assertEquals(error.code, "WRONGTYPE");
  assertEquals(await client.ping(), "PONG"); // the others are not harmed
});

Deno.test("Redis: a pipeline of 1,000, and as many commands at once", async () => {
  await using redis = await server();
  await using client = new RedisClient({ port: redis.port, host, backoff });
  const echo = (index: number) => ["ECHO", `${index}`] as const;
  const indices = Array.from({ length: 1_000 }, (_, index) => index);
  const expected: Reply[] = indices.map(String);
  assertEquals(await client.pipeline(indices.map(echo)), expected);
  assertEquals(await Promise.all(indices.map((index) => client.command(echo(index)))), expected);
  const mixed = await client.pipeline([["SET", "k", 1], ["LPUSH", "k", 1], ["GET", "k"]]);
  assertEquals([mixed[0], (mixed[1] as RespError).code, mixed[2]], ["OK", "WRONGTYPE", "1"]);
});

Deno.test("Redis: killed and started again in mid-load, there is no wrong answer and every promise settles", async () => {
  using uncaught = new Uncaught();
  await using redis = await server();
  const client = new RedisClient({ port: redis.port, host, backoff, waitMs: 60_000 });
  const counts = { reads: 0, writes: 0 };
  let stop = false;
  let lives = 1;
  const worker = async (who: number) => {
    // What may stand there now: the last that was confirmed, whatever was in doubt since then, or nothing after a restart.
    let possible: (string | null)[] = [null];
    let life = lives;
    for (let step = 0; !stop; step++) {
      const echo = `${who}/${step}`;
      assertEquals(await client.command(["ECHO", echo]), echo);
      const before = lives;
      const value = await client.get(`key ${who}`);
      if (lives !== life || before !== lives) {
        possible.push(null);
        life = lives;
      }
      assert(possible.includes(value), `${value} is none of ${possible}`);
      counts.reads += 2;
      try {
        await client.set(`key ${who}`, echo);
        possible = [echo];
        counts.writes++;
      } catch (error) {
        // It was under way when the server died, and is not repeated: the server may have done it.
        assert(error instanceof RequestError && error.sent, `${error}`);
        possible.push(echo);
      }
    }
  };
  const workers = Promise.all(Array.from({ length: 20 }, (_, who) => worker(who)));
  for (let restart = 0; restart < 3; restart++) {
    const enough = counts.writes + 500;
    await until(() => counts.writes > enough);
    lives++;
    redis.freeze();
    // Both are under way when it dies: the write is not repeated, the read is.
    const write = assertRejects(() => client.set("doubt", "x"), RequestError);
    const read = client.get("nobody's");
    await new Promise((resolve) => setTimeout(resolve, 0)); // they have left
    await redis.kill();
    assertEquals((await write).sent, true);
    await redis.start();
    assertEquals(await read, null);
    lives++;
  }
  const enough = counts.writes + 500;
  await until(() => counts.writes > enough);
  stop = true;
  await workers;
  await client.close();
  await assertRejects(() => client.ping(), Error, "The client is closed");
  assertEquals(uncaught.seen, []);
});

Deno.test("Redis: increments that were under way are not repeated", async () => {
  const directory = await Deno.makeTempDir();
  const args = ["--dir", directory, "--appendonly", "yes", "--appendfsync", "always"];
  await using redis = new EngineServer("redis-server", args);
  await redis.start();
  const client = new RedisClient({ port: redis.port, host, backoff, waitMs: 60_000 });
  let done = 0, inDoubt = 0, stop = false;
  const workers = Promise.all(Array.from({ length: 10 }, async () => {
    while (!stop) {
      await client.incrBy("n").then(() => done++, (error) => {
        if (error instanceof RespError) return; // it loads its data after the start: nothing was done
        assert(error instanceof RequestError && error.sent, `${error}`);
        inDoubt++;
      });
    }
  }));
  await until(() => done > 100);
  await redis.kill();
  const before = done;
  await redis.start();
  await until(() => done > before + 100);
  stop = true;
  await workers;
  const total = Number(await client.get("n"));
  await client.close();
  assert(total >= done && total <= done + inDoubt, `${total} increments; ${done} were confirmed, ${inDoubt} in doubt`);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("Redis: subscriptions come back with the server", async () => {
  await using redis = await server();
  await using subscriber = new RedisSubscriber({ port: redis.port, host, backoff, stableMs: 0 });
  const heard: string[] = [];
  await subscriber.subscribe("news", (message, channel) => heard.push(`${channel}: ${message}`));
  await using client = new RedisClient({ port: redis.port, host, backoff, stableMs: 0 });
  assertEquals(await client.publish("news", "first"), 1);
  await until(() => heard.length === 1);
  await redis.kill();
  await redis.start();
  for (let receivers = 0; receivers === 0;) receivers = await client.publish("news", "second").catch(() => 0);
  await until(() => heard.includes("news: second"));
  assertEquals(heard[0], "news: first");
  const ignored = () => {};
  await subscriber.subscribe("other", ignored);
  subscriber.unsubscribe("other", ignored);
  for (let receivers = 1; receivers > 0;) receivers = await client.publish("other", "x");
});

Deno.test("Redis: whoever subscribes in vain is told why, by a server that refuses and by one that never answers", async () => {
  await using redis = new EngineServer("redis-server", ["--requirepass", "secret"]);
  await redis.start();
  for (const password of [undefined, "no"]) {
    await using subscriber = new RedisSubscriber({ port: redis.port, host, backoff }, password, 300);
    const error = await assertRejects(() => subscriber.subscribe("news", () => {}), Error, "Not subscribed");
    assertEquals((error.cause as RespError).code, password === undefined ? "NOAUTH" : "WRONGPASS");
  }
  await using silent = new Counter();
  await using subscriber = new RedisSubscriber({ port: silent.port, host, backoff }, undefined, 100);
  await assertRejects(() => subscriber.subscribe("news", () => {}), Error, "Not subscribed within 100 ms");
  for (const conn of silent.conns) conn.close();
});

Deno.test("Redis: transactions over a pool, with a restart in between", async () => {
  using uncaught = new Uncaught();
  await using redis = await server();
  const pool = redisPool({ port: redis.port, host, max: 4, backoff, acquireTimeoutMs: 60_000, login: { database: 3 } });
  // Each reads, and adds one if nobody came between.
  const add = () =>
    pool.use(async (connection) => {
      for (;;) {
        await connection.command(["WATCH", "n"]);
        const next = Number(await connection.get("n") ?? 0) + 1;
        if (await connection.transaction([["SET", "n", next]]) !== null) return next;
      }
    });
  const sums = await Promise.all(Array.from({ length: 50 }, add));
  assertEquals(sums.toSorted((a, b) => a - b), Array.from({ length: 50 }, (_, index) => index + 1));
  assert(pool.metrics().created <= 4);
  await redis.kill();
  await assertRejects(() => add(), TcpError);
  await redis.start();
  await until(() => pool.metrics().dialling === 0);
  let total = 0;
  while (total === 0) total = await add().catch(() => 0); // the back-off
  assertEquals(total, 1);
  await pool.close();
  assertEquals(standing(pool.metrics()), [0, 0, 0, 0, 0]);
  assertEquals(uncaught.seen, []);
});

Deno.test("Redis: who waits for a server that is not there is told why", async () => {
  const redis = new EngineServer("redis-server");
  const client = new RedisClient({ port: redis.port, host, backoff, waitMs: 100 });
  const error = await assertRejects(() => client.ping(), Error, "No connection within 100 ms");
  assertEquals((error.cause as TcpError).code, "ECONNREFUSED");
  await client.close();
});

Deno.test("Redis: a wrong password is told, and a right one is given again on every connection", async () => {
  await using redis = new EngineServer("redis-server", ["--requirepass", "secret"]);
  await redis.start();
  await using wrong = new RedisClient({ port: redis.port, host, backoff, waitMs: 200, login: { password: "no" } });
  const error = await assertRejects(() => wrong.ping(), Error, "No connection");
  assertEquals((error.cause as RespError).code, "WRONGPASS");
  await using client = new RedisClient({
    port: redis.port,
    host,
    backoff,
    login: { password: "secret" },
    waitMs: 60_000,
  });
  assertEquals(await client.ping(), "PONG");
  await redis.kill();
  await redis.start();
  assertEquals(await client.ping(), "PONG");
});
