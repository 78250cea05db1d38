// `vtcp load` as a process, against servers in the test and one that stops for a second.

import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLess, assertMatch } from "@std/assert";
import { createServer, framed, MessageProtocol, type TcpServer, type TCPSocket } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { lines } from "../../src/framing/mod.ts";
import { LatencyHistogram } from "../../src/cli/latency_histogram.ts";
import { run, Vtcp } from "./vtcp.ts";

function serve(handler: (socket: TCPSocket) => void): TcpServer & { target: string } {
  const app = createServer().onConnection(handler);
  app.onError(() => {}); // clients come and go
  app.listen(0, "127.0.0.1");
  return Object.assign(app, { target: `127.0.0.1:${app.address()?.port}` });
}

Deno.test("load sends as many messages as were asked for over as many connections, and reports", async () => {
  let connections = 0;
  await using app = serve((socket) => {
    connections++;
    socket.pipe(socket);
  });
  const args = ["load", app.target, "--connections", "3", "--rate", "200", "--seconds", "1"];
  const { code, stdout, stderr } = await run(args);
  assertEquals([code, stderr, connections], [0, "", 3]);
  assertMatch(stdout, /^127\.0\.0\.1:\d+: 200 messages of 6 bytes in [\d.]+ s, 3 connections\n/);
  assertMatch(stdout, /\n200 answered, 0 not, 0 bad answers, 0 connections lost\n/);
  assertMatch(stdout, /\n {2}mean [\d.]+ {2}p50 [\d.]+ {2}p90 [\d.]+ {2}p99 [\d.]+ {2}p99\.9 [\d.]+ {2}max [\d.]+\n$/);
});

Deno.test("load --json prints one object, and sends the message that it was given", async () => {
  const messages: unknown[] = [];
  await using app = serve((socket) => {
    const protocol = new MessageProtocol<unknown>(socket).attach();
    protocol.onMessage = (message) => {
      messages.push(message);
      protocol.send("pong");
    };
  });
  const args = ["--codec", "json", "--message", '{"type": "ping"}', "--connections", "2", "--rate", "50"];
  const { code, stdout } = await run(["load", app.target, "--json", "--seconds", "1", ...args]);
  assertEquals([code, stdout.split("\n").length], [0, 2]);
  const { seconds, latencyMs, ...rest } = JSON.parse(stdout);
  assertEquals(messages, Array(50).fill({ type: "ping" }));
  assertEquals(rest, {
    target: app.target,
    codec: "json",
    messageBytes: 19,
    connections: 2,
    messagesPerSecond: 50,
    sent: 50,
    answered: 50,
    badAnswers: 0,
    lostConnections: 0,
    unanswered: 0,
  });
  assertGreaterOrEqual(seconds, 0.98);
  const { mean, p50, p90, p99, p999, max } = latencyMs;
  assert(0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= p999 && p999 <= max && 0 < mean && mean <= max, stdout);
});

Deno.test("load reports at Ctrl-C what it has so far", async () => {
  let count = 0;
  const enough = Promise.withResolvers<void>();
  await using app = serve((socket) => {
    socket.on("data", (data) => {
      socket.write(data);
      if (++count >= 20) enough.resolve();
    });
  });
  await using vtcp = new Vtcp(["load", app.target, "--json", "--seconds", "1000", "--rate", "100"]);
  await enough.promise;
  vtcp.interrupt();
  const { code, stdout } = await vtcp.end();
  const { sent, answered, unanswered } = JSON.parse(stdout);
  assertEquals([code, answered, unanswered], [0, sent, 0]);
  assertGreaterOrEqual(sent, 20);
  assertLess(sent, 100_000);
});

Deno.test("load fails with 1 where messages are not answered, and says how many", async () => {
  // The second message of a connection ends it, the first has an answer.
  await using app = serve((socket) => {
    const peer = framed(socket, lines());
    let count = 0;
    peer.on("message", (line) => ++count === 1 ? peer.send(line) : socket.destroy());
  });
  const { code, stdout, stderr } = await run(["load", app.target, "--connections", "2", "--rate", "20"]);
  assertEquals(code, 1);
  assertMatch(stdout, /\n2 answered, [2-9]\d* not, 0 bad answers, 2 connections lost\n/);
  assertMatch(stderr, /^vtcp: \d+ messages not answered, 0 bad answers, 2 connections lost\n$/);
});

Deno.test("load fails with one line where it cannot connect or its message is none", async () => {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = `127.0.0.1:${free.addr.port}`;
  free.close();
  const [refused, wrong] = await Promise.all([
    run(["load", target, "--json"]),
    run(["load", target, "--codec", "json", "--message", "{"]),
  ]);
  assertEquals([refused.code, wrong.code, refused.stdout, wrong.stdout], [1, 2, "", ""]);
  assertMatch(refused.stderr, /^vtcp: .*\(ECONNREFUSED\)\n$/);
  assertMatch(wrong.stderr, /^vtcp: Option --message is not a message of json: .*\n$/);
});

/** A program that stops for a second at the hundredth message. */
async function stallingServer(): Promise<AsyncDisposable & { port: number }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-net", new URL("../fixtures/stalling_server.ts", import.meta.url).href],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await output.read();
  return {
    port: Number(value),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await output.cancel();
      await child.status;
    },
  };
}

/** A load generator of the naive kind: each connection asks again when it has its answer. */
async function naiveLoad(port: number, connections: number, messages: number): Promise<LatencyHistogram> {
  const latency = new LatencyHistogram();
  let left = messages;
  await Promise.all(Array.from({ length: connections }, async () => {
    const socket = await connect({ port, host: "127.0.0.1" });
    const peer = framed(socket, lines());
    let sentAt = 0;
    const next = () => {
      if (left-- <= 0) return void socket.end();
      sentAt = performance.now();
      peer.send("hello");
    };
    peer.on("message", () => {
      latency.record(performance.now() - sentAt);
      next();
    });
    next();
    await socket.closed;
  }));
  return latency;
}

Deno.test("load shows a server that stops for a second, which a naive generator hardly sees", async () => {
  const naive = await (async () => {
    await using server = await stallingServer();
    return await naiveLoad(server.port, 4, 400);
  })();
  await using server = await stallingServer();
  const target = `127.0.0.1:${server.port}`;
  const { stdout } = await run(["load", target, "--json", "--connections", "4", "--rate", "200", "--seconds", "2"]);
  const { answered, latencyMs } = JSON.parse(stdout);
  assertEquals(answered, 400);
  // Half of the messages were to be sent while it stood still, and waited half a second in the mean.
  assertGreater(latencyMs.p90, 500);
  assertGreater(latencyMs.max, 900);
  // The naive one sent none of them: it has seen four that took long, however long that was.
  assertGreater(naive.maxMs, 900);
  assertLess(naive.percentile(0.9), latencyMs.p90 / 2);
});
