// Workers that cannot start, are ended at once, or do not answer: somebody is told, and nothing is left running.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, TcpError } from "../../mod.ts";
import { createNetwork } from "../../src/testing/mod.ts";
import { startWorkers, type Workers } from "../../src/workers/mod.ts";

const MODULE = new URL("../fixtures/worker_echo.ts", import.meta.url);
const ROOT = new URL("../../", import.meta.url);

function program(...args: string[]): Deno.ChildProcess {
  const command = ["run", "--quiet", "--allow-net", "--allow-read", ...args];
  return new Deno.Command(Deno.execPath(), { args: command, cwd: ROOT, stdout: "piped", stderr: "piped" }).spawn();
}

function client(workers: Workers) {
  return connect({ port: workers.address()!.port, host: "127.0.0.1" });
}

const ENDS: Record<string, (workers: Workers) => unknown> = {
  "close()": (workers) => workers.close(),
  "destroy()": (workers) => workers.destroy(),
};

for (const [what, end] of Object.entries(ENDS)) {
  Deno.test(`${what} in the turn of the start leaves no worker behind`, async () => {
    const workers = startWorkers(MODULE, { count: 2 });
    await end(workers);
    assertEquals((await assertRejects(() => workers.ready, TcpError)).code, "ECANCELED");
    await workers.close();
    assertEquals([workers.size, workers.address()], [0, null]);
  });
}

for (const how of ["nobody", "signals"]) {
  Deno.test(`workers that cannot start end the program with the error, where ${how} waited for them`, async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const child = program("tests/fixtures/workers_unable.ts", how, `${taken.addr.port}`);
    const { code, stderr } = await child.output();
    assertEquals(code, 1);
    assert(new TextDecoder().decode(stderr).includes("EADDRINUSE"));
  });
}

const RUNTIMES: [flags: string[], outcome: RegExp][] = [
  [[], /^ERR_FEATURE_UNAVAILABLE .*run it with --unstable-net\n$/],
  [["--unstable-net"], /^2 listen\n$/],
];

for (const [flags, outcome] of RUNTIMES) {
  Deno.test(`where the runtime does not balance by itself, with flags "${flags}", workers do or say ${outcome}`, async () => {
    const { code, stdout, stderr } = await program(...flags, "tests/fixtures/workers_unshared.ts").output();
    assertMatch(new TextDecoder().decode(stdout), outcome);
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  });
}

Deno.test("a worker whose module takes long to load is waited for", async () => {
  await using network = createNetwork();
  const channelName = crypto.randomUUID();
  const channel = new BroadcastChannel(channelName);
  const loading = new Promise((resolve) => channel.onmessage = resolve);
  await using workers = startWorkers(new URL("../fixtures/worker_slow.ts", import.meta.url), {
    count: 1,
    data: channelName,
  });
  const { ready } = workers;
  await loading;
  await network.advance(12_000);
  channel.postMessage("go on");
  channel.close();
  await ready;
  assertEquals(workers.size, 1);
});

Deno.test("what a handler of a worker throws is printed once where no onError is", async () => {
  const child = program("tests/fixtures/workers_main.ts");
  const reader = child.stdout.getReader();
  const port = Number(new TextDecoder().decode((await reader.read()).value));
  const socket = await connect({ port, host: "127.0.0.1" });
  socket.write("fault\n");
  await socket.closed;
  child.kill("SIGTERM");
  const [printed] = await Promise.all([new Response(child.stderr).text(), child.status, reader.cancel()]);
  assertEquals(printed.match(/a handler's fault/g)?.length, 1, printed);
});

Deno.test("a worker that goes while limits change does not keep the others from them", async () => {
  await using workers = startWorkers(MODULE, { count: 2 });
  let failed = false;
  workers.on("workerFailed", () => failed = true);
  await workers.ready;
  const socket = await client(workers);
  socket.write("block 300\nexit\n");
  while (!failed) await workers.updateLimits({ maxConnections: 100 });
  await socket.closed;
});

Deno.test("restart() ends quietly when the workers are closed meanwhile", async () => {
  const workers = startWorkers(MODULE, { count: 2 });
  await workers.ready;
  const restarted = workers.restart();
  for (let turn = 0; turn < 5; turn++) await Promise.resolve(); // a new worker is being started
  await workers.close();
  await restarted;
  assertEquals(workers.size, 0);
});

Deno.test("metrics() does not wait for a worker that is blocked: its last word stands", async () => {
  await using workers = startWorkers(MODULE, { count: 1 });
  await workers.ready;
  await using socket = await client(workers);
  socket.write("hello\n");
  for await (const _ of socket.readable.values({ preventCancel: true })) break;
  assertEquals((await workers.metrics()).messagesReceived, 1);
  let answered = false;
  socket.write("block 4000\n");
  socket.on("end", () => answered = true);
  const blocked = await workers.metrics();
  assertEquals([blocked.open, answered], [1, false]);
});
