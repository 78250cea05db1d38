import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { once } from "node:events";
import { type ClientOptions, connect, createServer, TcpError, TCPSocket } from "../../mod.ts";
import { runModule } from "../support/child.ts";

/** A port of loopback on which nobody listens. */
function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  return port;
}

Deno.test("connect() rejects with ECONNREFUSED, address and port", async () => {
  const port = freePort();
  const error = await assertRejects(() => connect({ port, host: "127.0.0.1" }), TcpError);
  assertEquals([error.code, error.syscall, error.address, error.port], ["ECONNREFUSED", "connect", "127.0.0.1", port]);
  assert(error.cause instanceof Error);
});

Deno.test("connect() to a host that does not exist rejects with a resolver's code", async () => {
  const error = await assertRejects(() => connect({ port: 1, host: "no-such-host.invalid" }), TcpError);
  assertMatch(error.code, /^(ENOTFOUND|EAI_AGAIN)$/);
  assertEquals([error.syscall, error.hostname, "port" in error], ["getaddrinfo", "no-such-host.invalid", false]);
});

Deno.test("connect() to what is no host's name rejects with ENOTFOUND", async () => {
  for (const host of ["two words", "a..b", "*"]) {
    const error = await assertRejects(() => connect({ port: 1, host }), TcpError);
    assertEquals([error.code, error.hostname], ["ENOTFOUND", host]);
  }
});

Deno.test("connect() to a unix path that does not exist rejects with ENOENT", async () => {
  assertEquals((await assertRejects(() => connect({ path: "/nowhere/socket" }), TcpError)).code, "ENOENT");
});

Deno.test("connect() rejects with the signal's own reason, before and during", async () => {
  const port = freePort();
  const mine = new Error("changed my mind");
  const before = await assertRejects(() => connect({ port, signal: AbortSignal.abort(mine) }));
  assertStrictEquals(before, mine);
  const controller = new AbortController();
  const during = connect({ port, host: "127.0.0.1", signal: controller.signal });
  controller.abort(mine);
  assertStrictEquals(await assertRejects(() => during), mine);
});

Deno.test("a signal has no effect once the socket is connected", async () => {
  await using app = createServer().onConnection((socket) => socket.end("fine")).listen(0, "127.0.0.1");
  const controller = new AbortController();
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1", signal: controller.signal });
  controller.abort();
  assertEquals((await Array.fromAsync(client, String)).join(""), "fine");
});

for (
  const [name, options] of [
    ["timeoutMs", { timeoutMs: 100 }],
    ["deadlines.connectMs", { deadlines: { connectMs: 100 } }],
    ["timeoutMs, which goes before deadlines.connectMs,", { timeoutMs: 100, deadlines: { connectMs: 60_000 } }],
  ] as const
) {
  Deno.test(`connect() gives up after ${name} with ETIMEDOUT, reason deadline:connect`, () => givesUp(options, name));
}

async function givesUp(options: Partial<ClientOptions>, name: string): Promise<void> {
  // A listener whose backlog is full does not answer the handshake.
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1", tcpBacklog: 1 });
  const { port } = listener.addr;
  const filling = Array.from({ length: 4 }, () => new TCPSocket().on("error", () => {}).connect(port, "127.0.0.1"));
  let error: unknown;
  while (error === undefined) {
    const { timeoutMs, ...rest } = options;
    const socket = new TCPSocket(rest).on("error", (failure) => error = failure);
    filling.push(socket);
    socket.connect({ port, host: "127.0.0.1", ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    await Promise.race([once(socket, "connect"), once(socket, "close")]).catch(() => {});
    if (socket.destroyed) assertEquals((await socket.closed).reason, "deadline:connect");
  }
  assert(error instanceof TcpError);
  assertEquals(error.code, "ETIMEDOUT");
  assertMatch(error.message, new RegExp(`127\\.0\\.0\\.1:${port}.*100 ms \\(${name.split(",")[0]}\\)`));
  for (const socket of filling) socket.destroy();
  await Promise.all(filling.map((socket) => socket.closed));
  listener.close();
}

Deno.test("destroying a socket that is connecting ends it and leaves nothing open", async () => {
  await using app = createServer().onConnection(() => {}).listen(0, "127.0.0.1");
  const events: string[] = [];
  const socket = new TCPSocket();
  for (const event of ["connect", "error", "close"] as const) socket.on(event, () => events.push(event));
  socket.connect(app.address()!.port, "127.0.0.1");
  socket.destroy();
  assertEquals((await socket.closed).reason, "destroyed");
  assertEquals(events, ["close"]);
});

Deno.test("a client's error that nobody is told is uncaught, as in Node", async () => {
  const { code, stderr } = await runModule(`
    import { TCPSocket } from "@verb/tcp/tcp";
    new TCPSocket().connect(${freePort()}, "127.0.0.1");
  `);
  assertEquals(code, 1);
  assertMatch(stderr, /Uncaught.*ECONNREFUSED/s);
});

Deno.test("a client's error that a promise, a stream or a callback was told is not uncaught besides", async () => {
  const { code, stdout, stderr } = await runModule(`
    import { connect, TCPSocket } from "@verb/tcp/tcp";
    const port = ${freePort()};
    await connect({ port, host: "127.0.0.1" }).catch((error) => console.log("promise", error.code));
    const written = new TCPSocket().connect(port, "127.0.0.1");
    written.write("x", (error) => console.log("callback", error.code));
    await written.closed;
    const iterated = new TCPSocket().connect(port, "127.0.0.1");
    try { for await (const _ of iterated); } catch (error) { console.log("iteration", error.code); }
    const streamed = new TCPSocket().connect(port, "127.0.0.1");
    await streamed.readable.getReader().read().catch((error) => console.log("stream", error.code));
    await new Promise((resolve) => setTimeout(resolve, 0));
  `);
  assertEquals(stderr, "");
  assertEquals(code, 0);
  assertEquals(stdout, ["promise", "callback", "iteration", "stream"].map((who) => `${who} ECONNREFUSED\n`).join(""));
});

Deno.test("a client's listener that throws is uncaught, as in Node, and the socket lives on", async () => {
  const { code, stdout } = await runModule(`
    import { createServer, TCPSocket } from "@verb/tcp";
    globalThis.addEventListener("error", (event) => { event.preventDefault(); console.log("uncaught", event.error.message); });
    const app = createServer().onConnection((socket) => { socket.on("data", (data) => socket.write(data)); }).listen(0);
    const client = new TCPSocket().connect(app.address()!.port, "127.0.0.1", () => client.write("one"));
    let count = 0;
    client.on("data", (data) => {
      if (++count === 1) { client.write("two"); throw new Error("mine"); }
      console.log(String(data));
      client.end();
    });
    await client.closed;
    await app.close();
  `);
  assertEquals({ code, stdout }, { code: 0, stdout: "uncaught mine\ntwo\n" });
});

for (
  const [options, name] of [
    [{}, "port"],
    [{ port: 0.5 }, "port"],
    [{ port: 1, path: "/x" }, "path"],
    [{ port: 1, timeoutMs: -1 }, "timeoutMs"],
    [{ port: 1, signal: {} }, "signal"],
    [{ port: 1, hots: "x" }, "hots"],
    [{ port: 1, tcp: { noDelay: "yes" } }, "tcp.noDelay"],
  ] as const
) {
  Deno.test(`connect(${JSON.stringify(options)}) rejects and names "${name}"`, async () => {
    const error = await assertRejects(() => connect(options as never), Error);
    assert(error instanceof TypeError || error instanceof RangeError);
    assertMatch(error.message, new RegExp(`"${name}"`));
  });
}

Deno.test("lastActivity moves with bytes and is near the clock", async () => {
  await using app = createServer().onConnection((socket) => socket.on("data", (data) => socket.write(data)));
  app.listen(0, "127.0.0.1");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  client.write("x");
  await once(client, "data");
  assert(Math.abs(Date.now() - client.lastActivity) < 5_000, `${client.lastActivity}`);
  assert(Math.abs(Date.now() - client.connectedAt) < 5_000, `${client.connectedAt}`);
  client.end();
});
