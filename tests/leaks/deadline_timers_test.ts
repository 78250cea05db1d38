import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

/** Runs the fixture with as many descriptors as the system allows, and as many connections as these allow. */
async function open(wanted: number, mode: "on" | "off"): Promise<{ count: number; result: Record<string, number> }> {
  const shell = `ulimit -n $(ulimit -H -n); limit=$(ulimit -n); [ "$limit" = unlimited ] && limit=1000000
    count=$(( (limit - 100) / 2 )); [ $count -gt ${wanted} ] && count=${wanted}
    echo $count; exec "$0" run --quiet --allow-net tests/fixtures/many_connections.ts $count ${mode}`;
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", shell, Deno.execPath()],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [count = "", json = ""] = new TextDecoder().decode(stdout).trim().split("\n");
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return { count: Number(count), result: JSON.parse(json) };
}

/** While anything is read at all, one timer of the process tells every 5 ms whether the network was looked at. */
const looks = (ms: number) => ms / 5;

/** Everybody has a turn after 64 accepts. */
const turns = (accepts: number) => accepts / 64;

Deno.test("10,000 connections with all deadlines on arm one timer each, and traffic arms none", async () => {
  const { count, result } = await open(10_000, "on");
  assert(count > 0);
  const { opening, talking, talkMs, resting, messages, open: stillOpen, ended, cpuMs, restMs } = result;
  assertEquals([messages, stillOpen, ended], [5 * count, count, 0]);
  // One a connection, and the few of the server itself.
  assert(opening !== undefined && talking !== undefined && talkMs !== undefined && resting !== undefined);
  assertLessOrEqual(opening, count + turns(count) + 5);
  // One for the flush watch; frames and writes may want an earlier look than the first, each once.
  assertLessOrEqual(talking, looks(talkMs) + 5);
  assertLessOrEqual(resting, 5);
  assert(cpuMs !== undefined && restMs !== undefined);
  assertLess(cpuMs, restMs / 4, "ms of CPU while nothing happened");
});

Deno.test("connections without deadlines of their own arm no timer", async () => {
  const { count, result: { opening, talking, talkMs, resting } } = await open(1_000, "off");
  assertLessOrEqual(opening ?? Infinity, turns(count) + 5);
  assertLessOrEqual(talking ?? Infinity, looks(talkMs ?? 0) + 5);
  assertLessOrEqual(resting ?? Infinity, 5);
});
