import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, framed, TcpError } from "../../mod.ts";
import { lines } from "../../src/framing/mod.ts";
import { startWorkers, type StartWorkersOptions, type Workers } from "../../src/workers/mod.ts";

const MODULE = new URL("../fixtures/worker_echo.ts", import.meta.url);

/** Several workers; the runtime's own resources of a worker are not the test's. */
function withWorkers(name: string, options: StartWorkersOptions, fn: (workers: Workers) => Promise<void>): void {
  Deno.test({
    name,
    async fn() {
      await using workers = startWorkers(MODULE, options);
      await workers.ready;
      await fn(workers);
    },
  });
}

/** One client that asks and hears answers. */
async function client(workers: Workers) {
  const socket = await connect({ port: workers.address()!.port, host: "127.0.0.1" });
  const peer = framed(socket, lines());
  const heard: string[] = [];
  let wake = () => {};
  peer.on("message", (line) => {
    heard.push(line);
    wake();
  });
  peer.on("error", () => wake());
  const next = async (): Promise<string | undefined> => {
    while (heard.length === 0 && !socket.destroyed) await new Promise<void>((resolve) => wake = resolve);
    return heard.shift();
  };
  void socket.closed.then(() => wake());
  return {
    socket,
    heard,
    next,
    ask(line: string): Promise<string | undefined> {
      peer.send(line);
      return next();
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      await socket.closed;
    },
  };
}

/** Clients until every worker has one. */
async function oneOfEach(workers: Workers): Promise<Map<string, Awaited<ReturnType<typeof client>>>> {
  const found = new Map<string, Awaited<ReturnType<typeof client>>>();
  while (found.size < workers.size) {
    const one = await client(workers);
    const who = await one.ask("who");
    if (who === undefined || found.has(who)) await one[Symbol.asyncDispose]();
    else found.set(who, one);
  }
  return found;
}

async function closeAll(clients: Iterable<AsyncDisposable>): Promise<void> {
  for (const one of clients) await one[Symbol.asyncDispose]();
}

withWorkers(
  "workers share a port, get their data, and count together",
  { count: 3, data: { name: "x" } },
  async (workers) => {
    assertEquals(workers.size, 3);
    const clients = await oneOfEach(workers);
    for (const one of clients.values()) assertEquals(await one.ask("data"), '{"name":"x"}');
    const { open, accepted } = await workers.metrics();
    assertEquals(open, 3);
    assert(accepted >= 3);
    await closeAll(clients.values());
  },
);

withWorkers(
  "what was counted stays when workers are replaced, and what is open does not",
  { count: 2 },
  async (workers) => {
    const before = await oneOfEach(workers);
    for (const one of before.values()) await one.ask("hello");
    const { accepted, messagesReceived } = await workers.metrics();
    const restarted = workers.restart();
    for (const { socket } of before.values()) {
      await socket.closed;
      const during = await workers.metrics();
      assert(during.accepted >= accepted && during.messagesReceived >= messagesReceived);
    }
    await restarted;
    const after = await workers.metrics();
    assertEquals([after.open, after.accepted, after.messagesReceived], [0, accepted, messagesReceived]);
    assertEquals(Object.values(after.closed).reduce((sum, count) => sum + count), accepted);
    const again = await client(workers);
    const failed = new Promise((resolve) => workers.once("workerFailed", resolve));
    void again.ask("exit");
    await failed;
    const last = await workers.metrics();
    assert(last.accepted >= accepted);
    assertEquals(last.open, 0);
    await closeAll([again]);
  },
);

for (const [how, command, code] of [["throws", "throw", undefined], ["exits", "exit", "ERR_WORKER_EXITED"]] as const) {
  withWorkers(`a worker that ${how} is told and replaced, and the others go on`, { count: 2 }, async (workers) => {
    const clients = await oneOfEach(workers);
    const [victim, other] = [...clients.values()];
    const failed = new Promise<Error & { code?: string }>((resolve) => workers.once("workerFailed", resolve));
    void victim!.ask(command);
    const error = await failed;
    if (code === undefined) assertEquals(error.message, "thrown on demand");
    else assertEquals(error.code, code);
    assertEquals(await other!.ask("still here"), "still here");
    while (workers.size < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    const again = await oneOfEach(workers);
    assertEquals(again.size, 2);
    await closeAll([...clients.values(), ...again.values()]);
  });
}

withWorkers("a worker that runs out of memory is told and replaced", { count: 2, maxHeapMiB: 64 }, async (workers) => {
  const clients = await oneOfEach(workers);
  const [victim, other] = [...clients.values()];
  const failed = new Promise<Error & { code?: string }>((resolve) => workers.once("workerFailed", resolve));
  void victim!.ask("eat");
  assertEquals((await failed).code, "ERR_WORKER_OUT_OF_MEMORY");
  assertEquals(await other!.ask("still here"), "still here");
  while (workers.size < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  await closeAll(clients.values());
});

withWorkers("limits change in all workers, and a wrong one rejects", { count: 2 }, async (workers) => {
  await workers.updateLimits({ maxConnectionsPerAddress: 1 });
  const error = await assertRejects(() => workers.updateLimits({ maxConnections: -1 }), TcpError);
  assert(error.message.includes("limits.maxConnections"), error.message);
  await assertRejects(() => workers.reloadTls({}), TcpError);
});

withWorkers("restart() under load loses no request and refuses no connect", { count: 2 }, async (workers) => {
  let running = true;
  let answered = 0;
  const lost: string[] = [];
  const load = Array.from({ length: 200 }, async (_, number) => {
    while (running) {
      try {
        await using one = await client(workers);
        for (let n = 0; n < 5; n++) {
          const question = `slow ${number}.${n}`;
          const answer = await one.ask(question);
          if (answer === question) answered++;
          // A connection that was told of the end before it asked has asked nobody.
          else if (!one.socket.readableEnded) lost.push(`${question}: ${answer}`);
        }
      } catch (error) {
        lost.push(`${(error as TcpError).code}`);
      }
    }
  });
  await workers.restart();
  running = false;
  await Promise.all(load);
  assertEquals(lost, []);
  assert(answered > 200, `${answered} answered`);
  assertEquals(workers.size, 2);
});

withWorkers("rooms over workerBus() lose nothing while a worker is blocked", { count: 2 }, async (workers) => {
  const clients = await oneOfEach(workers);
  const [ann, bob] = [...clients.values()];
  for (const one of [ann!, bob!]) assertEquals(await one.ask("join"), "joined true");
  const unblocked = bob!.ask("block 2000");
  for (let n = 0; n < 5_000; n++) ann!.socket.write(`say ${n}\n`);
  assertEquals(await unblocked, "unblocked");
  while (bob!.heard.length < 5_000) await new Promise((resolve) => setTimeout(resolve, 10)); // the next look
  assertEquals(bob!.heard, Array.from({ length: 5_000 }, (_, n) => `${n}`));
  await closeAll(clients.values());
});

Deno.test("a module that fails at once is told by ready, and nothing is left running", async () => {
  const workers = startWorkers(new URL("../fixtures/no_such_module.ts", import.meta.url), { count: 2 });
  workers.on("workerFailed", () => {});
  await assertRejects(() => workers.ready, Error);
  await workers.close();
  assertEquals(workers.size, 0);
});

Deno.test("restart() with a module that does not start any more keeps the workers there are, and no more", async () => {
  const broken = new Int32Array(new SharedArrayBuffer(4));
  const module = new URL("../fixtures/worker_breaking.ts", import.meta.url);
  await using workers = startWorkers(module, { count: 2, data: broken });
  const failures: string[] = [];
  workers.on("workerFailed", (error) => failures.push(error.message));
  await workers.ready;
  Atomics.store(broken, 0, 1);
  const error = await assertRejects(() => workers.restart(), Error);
  assertEquals([error.message, failures, workers.size], ["broken on demand", ["broken on demand"], 2]);
  Atomics.store(broken, 0, 0);
  await workers.restart();
  assertEquals([failures.length, workers.size], [1, 2]);
});

withWorkers("limits that were changed hold for workers to come, the last of each", { count: 1 }, async (workers) => {
  await workers.updateLimits({ maxConnections: 7, maxConnectionsPerAddress: 3 });
  await workers.updateLimits({ maxConnectionsPerAddress: 1 });
  await workers.restart();
  await using first = await client(workers);
  assertEquals(await first.ask("in"), "in");
  await using second = await client(workers);
  assertEquals(await second.ask("in"), undefined);
  const { open, dropped } = await workers.metrics();
  assertEquals([open, dropped.address], [1, 1]);
});

Deno.test("startWorkers() refuses options that make no sense", () => {
  for (const options of [{ count: 0 }, { count: 1.5 }, { size: 1 }, { maxHeapMiB: 1 }]) {
    assertThrows(() => startWorkers(MODULE, options as StartWorkersOptions), Error);
  }
  assertThrows(() => startWorkers(7 as never), TypeError);
});

withWorkers("a worker that hangs is told and replaced", { count: 1 }, async (workers) => {
  await using victim = await client(workers);
  const failed = new Promise<Error & { code?: string }>((resolve) => workers.once("workerFailed", resolve));
  void victim.ask("block 14000");
  assertEquals((await failed).code, "ERR_WORKER_HANGS");
  while (workers.size < 1) await new Promise((resolve) => setTimeout(resolve, 10)); // the next look
});

Deno.test("SIGTERM drains all workers, and the process ends with 0", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-net", "--allow-read", "tests/fixtures/workers_main.ts"],
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const { status } = child; // asked for at once: it keeps the test alive while the child is silent
  const reader = child.stdout.getReader();
  const port = Number(new TextDecoder().decode((await reader.read()).value));
  const clients = await Promise.all(Array.from({ length: 8 }, () => connect({ port, host: "127.0.0.1" })));
  const peers = clients.map((socket) => framed(socket, lines()));
  const heard = peers.map((peer) => {
    const begun = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    peer.on("message", (line) => line === "begun" ? begun.resolve() : done.resolve());
    peer.send("begin");
    return { begun: begun.promise, done: done.promise };
  });
  await Promise.all(heard.map(({ begun }) => begun)); // every request has been accepted
  child.kill("SIGTERM");
  await Promise.all(heard.map(({ done }) => done));
  assertEquals((await status).code, 0);
  await reader.cancel();
  await Promise.all(clients.map((socket) => socket.closed));
});
