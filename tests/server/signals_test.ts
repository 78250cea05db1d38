/** Servers that signals close, as child processes. */

import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { connect, type DrainReport, MessageProtocol } from "../../mod.ts";
import { Program } from "../examples/program.ts";

interface Request {
  client: number;
  number: number;
}

interface Outcome {
  accepted: [client: number, number: number][];
  pending: number;
  report: DrainReport;
  open: number;
}

async function start(answerMs: number, drainMs: number): Promise<{ server: Program; port: number }> {
  const server = new Program("tests/fixtures/draining_server.ts", [answerMs, drainMs].map(String));
  const [port] = await server.line(/^\d+$/);
  return { server, port: Number(port) };
}

/** A client that always has a request under way, until the server ends the connection. */
async function converse(port: number, client: number): Promise<number[]> {
  const socket = await connect({ port, host: "127.0.0.1" });
  const protocol = new MessageProtocol<Request>(socket).attach();
  const answers: number[] = [];
  protocol.onMessage = ({ number }) => {
    answers.push(number);
    protocol.send({ client, number: number + 1 });
  };
  protocol.send({ client, number: 1 });
  await socket.closed;
  return answers;
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} with 200 clients in mid-conversation: every accepted request is answered`, async () => {
    const { server, port } = await start(10, 30_000);
    await using _ = server;
    const conversations = Array.from({ length: 200 }, (_, client) => converse(port, client));
    await server.line(/^pending 200$/);
    server.signal(signal);
    const answers = await Promise.all(conversations);
    const { code, rest, stderr } = await server.end();
    assertEquals([code, stderr], [0, ""]);
    const { accepted, pending, report, open }: Outcome = JSON.parse(rest.at(-1) ?? "");
    assertEquals(pending, 200, "every client had a request under way");
    assertEquals(accepted.length, 200);
    for (const [client, last] of accepted) {
      const answered = answers[client] ?? [];
      assertEquals(answered, answered.map((_, i) => i + 1), "answers come in order");
      assertGreaterOrEqual(answered.length, last, `client ${client} was not answered`);
    }
    assertEquals([report.ended, report.forced, report.unsentBytes, open], [200, 0, 0, 0]);
    assertLess(report.tookMs, 30_000);
  });
}

Deno.test("a second signal ends at once what the first one waits for", async () => {
  const { server, port } = await start(0, 600_000);
  await using _ = server;
  const opened = Array.from({ length: 20 }, async (_, client) => {
    const socket = await connect({ port, host: "127.0.0.1" });
    socket.resume();
    new MessageProtocol<Request>(socket).send({ client, number: 1 });
    return socket;
  });
  const sockets = await Promise.all(opened);
  await server.line(/^pending 20$/);
  server.signal("SIGTERM");
  await server.line(/^closing$/);
  assert(sockets.every((socket) => !socket.readableEnded), "requests are pending, so nobody is ended");
  server.signal("SIGTERM");
  await Promise.all(sockets.map((socket) => socket.closed));
  const { code, rest, stderr } = await server.end();
  assertEquals([code, stderr], [0, ""]);
  const { report, open }: Outcome = JSON.parse(rest.at(-1) ?? "");
  assertEquals([report.ended, report.forced, report.unsentBytes, open], [0, 20, 0, 0]);
  assertLess(report.tookMs, 600_000);
});

Deno.test("a program whose server closes before any signal ends by itself", async () => {
  const { runModule } = await import("../support/child.ts");
  const { code, stdout, stderr } = await runModule(`
    import { createServer } from "@verb/tcp";
    const app = createServer().onConnection(() => {}).listen(0, "127.0.0.1");
    const closed = app.closeOnSignals();
    await app.close();
    console.log((await closed).forced);
  `);
  assertEquals([code, stdout, stderr], [0, "0\n", ""]);
});
