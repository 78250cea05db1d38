/** Clients that stay connected, against servers that fail in every way. */

import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { createServer } from "../../mod.ts";
import { reconnect, type Retry, TcpError, type TCPSocket } from "../../tcp.ts";
import { FakeTime } from "../base/fake_time.ts";
import { Program } from "../examples/program.ts";
import { alone, lineServer, settled } from "./pool_support.ts";
import { Counter, freePort, nextOf, turn, Uncaught, until } from "./support.ts";

const host = "127.0.0.1";
const quick = { initialMs: 1, maxMs: 5 };

async function echoed(socket: TCPSocket): Promise<string> {
  socket.write("hello");
  const reader = socket.readable.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value);
}

Deno.test("reconnect() finds a server that was killed and started again", async () => {
  using uncaught = new Uncaught();
  const retries: Retry[] = [];
  let port = 0;
  await using first = new Program("tests/fixtures/echo_program.ts");
  port = await first.port();
  const connections = reconnect({ port, host, backoff: quick, onRetry: (retry) => retries.push(retry) });
  const one = await nextOf(connections);
  assertEquals(await echoed(one), "hello");
  first.signal("SIGKILL");
  await first.end();
  const later = nextOf(connections);
  await one.closed;
  await until(() => retries.some(({ cause }) => (cause as TcpError).code === "ECONNREFUSED"));
  await using second = new Program("tests/fixtures/echo_program.ts", [String(port)]);
  await second.port();
  const two = await later;
  assert(two !== one);
  assertEquals(await echoed(two), "hello");
  // The first of them lived too short a time, the others found nobody.
  assertEquals([...new Set(retries.map(({ cause }) => (cause as TcpError).code))], [
    "ERR_RECONNECT_UNSTABLE",
    "ECONNREFUSED",
  ]);
  assertEquals(retries.map(({ attempt }) => attempt), retries.map((_, index) => index + 1));
  await connections.close();
  assertEquals(uncaught.seen, []);
});

Deno.test("reconnect() does not storm a server that accepts and closes: few attempts in 10 s", async () => {
  await using server = new Counter((conn) => conn.close());
  const time = new FakeTime();
  const causes: TcpError[] = [];
  const connections = reconnect({ port: server.port, host, onRetry: ({ cause }) => causes.push(cause as TcpError) });
  const loop = (async () => {
    for await (const socket of connections) await socket.closed;
  })();
  let waited = 0;
  try {
    while (waited < 10_000) {
      await until(() => connections.state === "waiting");
      time.tick(10);
      waited += 10;
    }
    await until(() => connections.state === "waiting");
  } finally {
    time[Symbol.dispose]();
  }
  await connections.close();
  await loop;
  // Waits of 100, 200, 400, ... 6,400 ms are 12.7 s; with chance they may be half as long.
  assert(server.accepted >= 6 && server.accepted <= 9, `${server.accepted} attempts`);
  const [{ code, cause, message }] = causes as [TcpError];
  assertEquals(code, "ERR_RECONNECT_UNSTABLE");
  assertEquals((cause as { reason: string }).reason, "peer");
  assertStringIncludes(message, "less than 10000 (stableMs)");
});

Deno.test("reconnect() begins its back-off anew after a connection that lived for stableMs", async () => {
  await using server = new Counter((conn) => server.accepted === 3 ? undefined : conn.close());
  using time = new FakeTime();
  const retries: Retry[] = [];
  const connections = reconnect({ port: server.port, host, onRetry: (retry) => retries.push(retry) });
  const waits = async () => {
    await until(() => connections.state === "waiting");
    time.tick(30_000);
  };
  let last: TCPSocket | undefined;
  const loop = (async () => {
    for await (const socket of connections) {
      last = socket;
      await socket.closed;
    }
  })();
  await waits();
  await waits();
  await until(() => connections.state === "connected" && server.accepted === 3);
  time.tick(10_000);
  last?.destroy();
  // The fourth is dialled at once, and its failure is a first one.
  await waits();
  await connections.close();
  await loop;
  assertEquals(retries.map(({ attempt }) => attempt), [1, 2, 1]);
});

Deno.test("reconnect() gives up a server that never answers a handshake, and goes on", async () => {
  await using server = new Counter();
  const codes: unknown[] = [];
  const connections = reconnect({
    port: server.port,
    host,
    tls: true,
    timeoutMs: 30,
    backoff: quick,
    maxAttempts: 3,
    onRetry: ({ cause }) => codes.push((cause as TcpError).code),
  });
  const error = await assertRejects(() => connections.next(), TcpError);
  assertEquals([...codes, error.code], ["ETIMEDOUT", "ETIMEDOUT", "ETIMEDOUT"]);
  assertEquals([server.accepted, connections.state], [3, "closed"]);
  assertEquals(await connections.next(), { value: undefined, done: true });
});

Deno.test("reconnect() dials within 10 s where nothing else is said", async () => {
  // Full up: the kernel takes no more connections, so that a dial hangs.
  const { promise, resolve } = Promise.withResolvers<void>();
  using time = new FakeTime();
  const connect = Deno.connect;
  Object.assign(Deno, {
    connect: ({ signal }: { signal: AbortSignal }) => {
      resolve();
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  try {
    const connections = reconnect({ port: 1, host, maxAttempts: 1 });
    const failed = assertRejects(() => connections.next(), TcpError, "no answer within 10000 ms");
    await promise;
    time.tick(10_000);
    for (let turns = 0; time.timers > 0 && turns < 100; turns++) {
      time.tick(1);
      await turn();
    }
    assertEquals((await failed).code, "ETIMEDOUT");
  } finally {
    Object.assign(Deno, { connect });
  }
});

Deno.test("reconnect() moves on to the next target, and waits only after a round of all", async () => {
  await using server = new Counter();
  const nobody = freePort();
  const retries: Retry[] = [];
  const connections = reconnect({
    targets: [{ port: nobody, host }, { port: server.port, host }],
    backoff: quick,
    onRetry: (retry) => retries.push(retry),
  });
  const one = await nextOf(connections);
  assertEquals(one.remotePort, server.port);
  one.destroy();
  const two = await nextOf(connections);
  assertEquals(two.remotePort, server.port);
  await connections.close({ drainMs: 0 });
  assertEquals(retries.map(({ target, delayMs }) => [target.port, delayMs > 0]), [
    [server.port, false], // at once
    [nobody, true], // it was a round
    [server.port, false],
  ]);
});

Deno.test("reconnect() goes on after name resolution that failed for a while", async () => {
  await using server = new Counter();
  const { connect } = Deno;
  let dials = 0;
  Object.assign(Deno, {
    connect(options: Deno.ConnectOptions) {
      if (++dials < 4) {
        const why = dials < 3 ? "Temporary failure in name resolution" : "Name or service not known";
        return Promise.reject(new Error(`failed to lookup address information: ${why}`));
      }
      return connect({ ...options, hostname: "127.0.0.1" });
    },
  });
  try {
    const codes: unknown[] = [];
    const connections = reconnect({
      port: server.port,
      host: "db.example",
      backoff: quick,
      onRetry: ({ cause }) => codes.push((cause as TcpError).code),
    });
    await nextOf(connections);
    await connections.close({ drainMs: 0 });
    assertEquals(codes, ["EAI_AGAIN", "EAI_AGAIN", "ENOTFOUND"]);
  } finally {
    Object.assign(Deno, { connect });
  }
});

Deno.test("reconnect() throws the last error when attempts run out, or when retry says no", async () => {
  const port = freePort();
  const tried = reconnect({ port, host, backoff: quick, maxAttempts: 2 });
  assertEquals((await assertRejects(() => tried.next(), TcpError)).code, "ECONNREFUSED");
  const asked: number[] = [];
  const refused = reconnect({
    port,
    host,
    backoff: quick,
    retry: (_, attempt) => (asked.push(attempt), attempt < 3),
  });
  assertEquals((await assertRejects(() => refused.next(), TcpError)).code, "ECONNREFUSED");
  assertEquals(asked, [1, 2, 3]);
  const broken = reconnect({
    port,
    host,
    onRetry: () => {
      throw new Error("a log that fails");
    },
  });
  await assertRejects(() => broken.next(), Error, "a log that fails");
});

Deno.test({
  name: "reconnect() does not try again without the permission",
  permissions: { net: [] },
  async fn() {
    const connections = reconnect({ port: 9, host });
    assertEquals((await assertRejects(() => connections.next(), TcpError)).code, "EACCES");
  },
});

Deno.test("reconnect() throws wrong options at the call", () => {
  assertThrows(() => reconnect(undefined as never), TypeError, '"options" must be an object');
  assertThrows(() => reconnect({ port: 1, colour: "red" } as never), TypeError, '"colour" is unknown');
  assertThrows(() => reconnect({}), TypeError, '"port" or "path"');
  assertThrows(() => reconnect({ port: 70_000 }), RangeError, '"port"');
  assertThrows(() => reconnect({ targets: [] }), TypeError, '"targets"');
  assertThrows(() => reconnect({ port: 1, targets: [{ port: 1 }] }), TypeError, '"targets" excludes "port"');
  assertThrows(() => reconnect({ targets: [{ port: 1 }, { port: -1 }] }), RangeError, '"port"');
  assertThrows(() => reconnect({ targets: [{ tls: true } as never] }), TypeError, '"targets[0].tls" is unknown');
  assertThrows(() => reconnect({ port: 1, stableMs: -1 }), RangeError, '"stableMs"');
  assertThrows(() => reconnect({ port: 1, maxAttempts: 0 }), RangeError, '"maxAttempts"');
  assertThrows(() => reconnect({ port: 1, retry: 1 as never }), TypeError, '"retry"');
  assertThrows(() => reconnect({ port: 1, onRetry: 1 as never }), TypeError, '"onRetry"');
  assertThrows(() => reconnect({ port: 1, limits: { highWaterMarkBytes: 0 } }), RangeError, "highWaterMarkBytes");
  assertThrows(() => reconnect({ port: 1, tls: { ca: "no certificate" } }), Error, "ca");
});

Deno.test("reconnect() gives sockets whose errors are no uncaught ones", async () => {
  using uncaught = new Uncaught();
  await using server = new Counter();
  const connections = reconnect({ port: server.port, host, backoff: quick });
  const socket = await nextOf(connections);
  socket.destroy(new Error("broken"));
  assertEquals((await socket.closed).error?.message, "broken");
  await nextOf(connections);
  await connections.return();
  await turn();
  assertEquals(uncaught.seen, []);
});

Deno.test("reconnect().close() lets what was written go out, and ends the connection in order", async () => {
  await using app = createServer("tcp", { tcp: { allowHalfOpen: true } });
  let heard = "";
  app.onConnection((socket) => {
    socket.on("data", (data) => heard += data);
    socket.on("end", () => socket.end());
  });
  app.listen(0, host);
  const connections = reconnect({ port: app.address()!.port, host });
  const socket = await nextOf(connections);
  socket.write("the last words");
  const over = connections.next();
  await connections.close();
  assertEquals(await over, { value: undefined, done: true });
  assertEquals([heard, (await socket.closed).reason], ["the last words", "local"]);
  await connections.close(); // again
});

Deno.test("reconnect().close() destroys after drainMs a connection whose peer does not end", async () => {
  await using server = new Counter();
  await using connections = reconnect({ port: server.port, host });
  const socket = await nextOf(connections);
  await connections.close({ drainMs: 5 });
  assertEquals((await socket.closed).reason, "destroyed");
  await assertRejects(() => connections.close({ drainMs: -1 }), RangeError, '"drainMs"');
});

alone("reconnect() dials in a network in memory, and its waits are the network's", async (network) => {
  const app = lineServer();
  const port = network.listen(app);
  network.refuse(port);
  const delays: number[] = [];
  const connections = reconnect({
    targets: [{ port }],
    network,
    backoff: { jitter: 0 },
    onRetry: ({ delayMs }) => delays.push(delayMs),
  });
  const first = connections.next();
  await network.advance(350);
  assertEquals([connections.state, delays], ["waiting", [100, 200, 400]]);
  network.refuse(port, false);
  const { value: socket } = await settled(network, first);
  await network.advance(1);
  assertEquals([socket?.readyState, app.connections.size], ["open", 1]);
  await settled(network, connections.close());
});

// ---- every way to stop, in every state ----

const STATES = ["new", "dialling", "waiting", "connected", "between"] as const;
const WAYS = ["close", "return", "signal"] as const;

for (const state of STATES) {
  for (const way of WAYS) {
    Deno.test(`reconnect() leaves nothing running: ${way} while ${state}`, async () => {
      using uncaught = new Uncaught();
      await using server = new Counter();
      const stop = new AbortController();
      const removed: string[] = [];
      const remove = stop.signal.removeEventListener.bind(stop.signal);
      stop.signal.removeEventListener = (type: string, ...rest: [never]) => (removed.push(type), remove(type, ...rest));
      const connections = reconnect({
        port: state === "waiting" ? freePort() : server.port,
        host,
        // A handshake that hangs.
        tls: state === "dialling",
        backoff: { initialMs: 1_000_000, maxMs: 1_000_000 },
        stableMs: 0,
        signal: stop.signal,
      });
      let pending: Promise<unknown> | undefined;
      let socket: TCPSocket | undefined;
      if (state === "connected" || state === "between") {
        socket = await nextOf(connections);
        if (state === "between") {
          socket.destroy();
          await socket.closed;
        }
      } else if (state !== "new") {
        pending = connections.next();
        pending.catch(() => {}); // looked at below
        await until(() => connections.state === state && (state === "waiting" || server.accepted === 1));
      }
      const reason = new Error("enough");
      if (way === "close") await connections.close({ drainMs: 0 });
      else if (way === "return") await connections.return();
      else stop.abort(reason);
      assertEquals(connections.state, "closed");
      const told = pending ?? connections.next();
      if (way === "signal") assertEquals(await assertRejects(() => told), reason);
      else assertEquals(await told, { value: undefined, done: true });
      assertEquals(await connections.next(), { value: undefined, done: true });
      if (socket !== undefined) assert(socket.destroyed);
      if (way !== "signal") assertEquals(removed, ["abort"]);
      await turn();
      assertEquals(uncaught.seen, []);
    });
  }
}

Deno.test("leaving the loop of reconnect() destroys the socket, by break and by a throw", async () => {
  await using server = new Counter();
  const { port } = server;
  let left: TCPSocket | undefined;
  for await (const socket of reconnect({ port, host })) {
    left = socket;
    break;
  }
  assert(left?.destroyed);
  await assertRejects(
    async () => {
      for await (const socket of reconnect({ port, host })) {
        left = socket;
        throw new Error("in the loop");
      }
    },
    Error,
    "in the loop",
  );
  assert(left.destroyed);
});

Deno.test("reconnect() throws the reason of a signal that was aborted before", async () => {
  const connections = reconnect({ port: 1, signal: AbortSignal.abort("no") });
  assertEquals(await connections.next().catch((reason) => reason), "no");
});
