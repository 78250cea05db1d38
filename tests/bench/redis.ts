// deno-lint-ignore-file no-console -- a command line
/**
 * The Redis client of the examples beside ioredis, in the same run, against a server of its own:
 * `deno run -A tests/bench/redis.ts [SECONDS]`. Needs `redis-server` on PATH. Values have 64 bytes; each line is measured
 * in rounds that take turns, and the best round of each counts.
 */

import { Redis } from "npm:ioredis@6.0.0";
import { RedisClient } from "../../examples/redis/client.ts";
import { EngineServer } from "../peers/rooms_service.ts";

const seconds = Number(Deno.args[0] ?? 6);
const ROUNDS = 10;
const VALUE = "x".repeat(64);
const BATCH = 100;

await using server = new EngineServer("redis-server");
await server.start();
await using ours = new RedisClient({ port: server.port, host: "127.0.0.1" });
const theirs = new Redis(server.port, "127.0.0.1");

const get = { ours: () => ours.get("key"), theirs: () => theirs.get("key") };
const set = { ours: () => ours.set("key", VALUE), theirs: () => theirs.set("key", VALUE) };
const GETS = Array.from({ length: BATCH }, () => ["GET", "key"] as const);
const SETS = Array.from({ length: BATCH }, () => ["SET", "key", VALUE] as const);

/** Keeps that many under way until the time is over; gives operations per second. */
async function rate(operation: () => Promise<unknown>, inFlight: number, ms: number, each = 1): Promise<number> {
  const started = performance.now();
  let done = 0;
  const worker = async () => {
    while (performance.now() - started < ms) {
      await operation();
      done += each;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return done / (performance.now() - started) * 1_000;
}

function pipelined(commands: readonly (readonly string[])[]) {
  return {
    ours: () => ours.pipeline(commands),
    theirs: () => {
      const pipeline = theirs.pipeline();
      for (const [name, ...args] of commands) pipeline.call(name!, ...args); // none is empty
      return pipeline.exec();
    },
  };
}

const lines = [
  ["GET, 1 in flight", get, 1, 1],
  ["SET, 1 in flight", set, 1, 1],
  ["GET, 50 in flight", get, 50, 1],
  ["SET, 50 in flight", set, 50, 1],
  [`GET, pipelined x ${BATCH}`, pipelined(GETS), 1, BATCH],
  [`SET, pipelined x ${BATCH}`, pipelined(SETS), 1, BATCH],
] as const;

await set.ours();
console.log("operations per second".padEnd(24), "ours".padStart(9), "ioredis".padStart(9), "ratio".padStart(7));
for (const [name, { ours, theirs }, inFlight, each] of lines) {
  const best = { ours: 0, theirs: 0 };
  const ms = seconds * 1_000 / lines.length / ROUNDS;
  for (let round = 0; round < ROUNDS; round++) {
    best.ours = Math.max(best.ours, await rate(ours, inFlight, ms / 2, each));
    best.theirs = Math.max(best.theirs, await rate(theirs, inFlight, ms / 2, each));
  }
  const cells = [best.ours, best.theirs].map((rate) => Math.round(rate).toLocaleString("en").padStart(9));
  console.log(name.padEnd(24), ...cells, (best.ours / best.theirs).toFixed(2).padStart(7));
}
theirs.disconnect();
