import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { connect, createServer, ServerProtocol, TcpError, TCPSocket, type TelemetryEvent } from "../../mod.ts";
import { runModule } from "../support/child.ts";

Deno.test("createServer() takes ServerProtocol.TCP or nothing at all", () => {
  assertEquals(createServer().listening, false);
  assertEquals(createServer(ServerProtocol.TCP).listening, false);
  for (const wrong of [undefined, null, "udp", 1, "TCP"]) {
    assertThrows(() => createServer(wrong as "tcp"), TypeError, "ServerProtocol.TCP");
  }
});

Deno.test("listen() binds at once: address() is right on return", async () => {
  await using app = createServer().listen(0, "127.0.0.1");
  const address = app.address();
  assert(address !== null && address.port > 0);
  assertEquals({ ...address, port: 0 }, { address: "127.0.0.1", port: 0, family: "IPv4" });
  assertEquals(app.listening, true);
  await app.close();
  assertEquals(app.address(), null);
});

Deno.test("listen() without a hostname listens on 0.0.0.0", async () => {
  await using app = createServer().listen(0);
  assertEquals(app.address()?.address, "0.0.0.0");
});

const forms: [string, (app: ReturnType<typeof createServer>, ready: () => void) => unknown][] = [
  ["(port, hostname, backlog, callback)", (app, ready) => app.listen(0, "127.0.0.1", 10, ready)],
  ["(port, hostname, callback)", (app, ready) => app.listen(0, "127.0.0.1", ready)],
  ["(port, backlog, callback)", (app, ready) => app.listen(0, 10, ready)],
  ["(port, callback)", (app, ready) => app.listen(0, ready)],
  ["(callback)", (app, ready) => app.listen(ready)],
  [
    "({ port, hostname, backlog }, callback)",
    (app, ready) => app.listen({ port: 0, hostname: "127.0.0.1", backlog: 5 }, ready),
  ],
  ["({ port, host }, callback)", (app, ready) => app.listen({ port: 0, host: "127.0.0.1" }, ready)],
  ["(port, undefined, undefined, callback)", (app, ready) => app.listen(0, undefined, undefined, ready)],
];
for (const [name, listen] of forms) {
  Deno.test(`listen${name} calls back when it listens`, async () => {
    await using app = createServer();
    await new Promise<void>((resolve) => listen(app, resolve));
    assert(app.address()!.port > 0);
  });
}

Deno.test("listen() takes the port from withOptions, and its own before that", async () => {
  await using probe = createServer().listen(0, "127.0.0.1");
  const { port } = probe.address()!;
  await probe.close();
  await using app = createServer(ServerProtocol.TCP, { port, hostname: "127.0.0.1" }).listen();
  assertEquals(app.address()?.port, port);
  await using other = createServer(ServerProtocol.TCP, { port, hostname: "127.0.0.1" }).listen(0);
  assert(other.address()!.port !== port);
});

Deno.test("listen() on a unix socket: address() is its path, the file goes with the server", async () => {
  const path = `${await Deno.makeTempDir()}/socket`;
  const app = createServer().onConnection((socket) => socket.end(`for ${socket.remoteAddress}`)).listen({ path });
  assertEquals(app.address<string>(), path);
  const client = await connect({ path });
  assertEquals((await Array.fromAsync(client, String)).join(""), "for undefined");
  await app.close();
  await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
});

Deno.test("listen(path) is a unix socket, as in Node", async () => {
  const path = `${await Deno.makeTempDir()}/socket`;
  await using app = createServer().listen(path);
  assertEquals(app.address<string>(), path);
});

Deno.test("listening twice throws ERR_SERVER_ALREADY_LISTEN, and so does withOptions meanwhile", async () => {
  await using app = createServer().listen(0, "127.0.0.1");
  for (const again of [() => app.listen(0), () => app.withOptions({ port: 1 })]) {
    assertEquals(assertThrows(again, TcpError).code, "ERR_SERVER_ALREADY_LISTEN");
  }
});

Deno.test("a port in use reaches onError as EADDRINUSE in a microtask, and listen may be called again", async () => {
  await using first = createServer().listen(0, "127.0.0.1");
  await using app = createServer();
  const failed = new Promise<Error & { code?: string }>((resolve) => {
    app.listen(first.address()!.port, "127.0.0.1");
    app.onError(resolve); // in time: the error comes in a microtask
  });
  const error = await failed;
  assert(error instanceof TcpError);
  assertEquals([error.code, error.syscall, error.address, error.port], [
    "EADDRINUSE",
    "listen",
    "127.0.0.1",
    first.address()!.port,
  ]);
  assertEquals(app.listening, false);
  app.listen(0, "127.0.0.1");
  await once(app, "listening");
  assert(app.address()!.port > 0);
});

Deno.test("an address that is not ours reaches onError as EADDRNOTAVAIL", async () => {
  const app = createServer();
  const failed = once(app, "error").then(([error]) => error.code, (error) => error.code);
  app.listen(0, "192.0.2.1");
  assertEquals(await failed, "EADDRNOTAVAIL");
});

Deno.test("a unix path in a missing directory reaches onError as ENOENT", async () => {
  const app = createServer();
  const failed = once(app, "error").then(([error]) => error.code, (error) => error.code);
  app.listen({ path: "/nowhere/at/all/socket" });
  assertEquals(await failed, "ENOENT");
});

Deno.test("a failed listen without onError is uncaught", async () => {
  const { code, stderr } = await runModule(`
    import { createServer } from "@verb/tcp";
    const first = createServer().listen(0, "127.0.0.1");
    createServer().listen(first.address()!.port, "127.0.0.1");
  `);
  assertEquals(code, 1);
  assertMatch(stderr, /Uncaught.*EADDRINUSE/s);
});

Deno.test("listen without --allow-net reaches onError as EACCES", async () => {
  const { code, stdout } = await runModule(
    `
    import { createServer } from "@verb/tcp";
    createServer().onError((error) => console.log(error.code)).listen(0, "127.0.0.1");
  `,
    ["--no-prompt"],
  );
  assertEquals({ code, stdout }, { code: 0, stdout: "EACCES\n" });
});

const wrong: [unknown[], string][] = [
  [[65_536], "port"],
  [[-1], "port"],
  [[1.5], "port"],
  [[NaN], "port"],
  [[{ port: "x" }], "port"],
  [[{ port: 1, prot: 2 }], "prot"],
  [[{ path: "/tmp/x", port: 1 }], "path"],
  [[0, "127.0.0.1", 0], "backlog"],
  [[0, "127.0.0.1", 5, {}], "listen"],
  [[0, true], "listen"],
];
for (const [args, name] of wrong) {
  Deno.test(`listen(${JSON.stringify(args).slice(1, -1)}) throws and names "${name}"`, () => {
    const app = createServer();
    const error = assertThrows(() => (app.listen as (...args: unknown[]) => unknown)(...args), Error);
    assert(error instanceof TypeError || error instanceof RangeError);
    assertMatch(error.message, new RegExp(name));
    assertEquals(app.listening, false);
  });
}

Deno.test("withOptions() refuses unknown names by name and changes nothing then", async () => {
  await using app = createServer(ServerProtocol.TCP, { hostname: "127.0.0.1" });
  assertThrows(() => app.withOptions({ hostnam: "::" } as never), TypeError, "hostnam");
  assertThrows(() => app.withOptions({ tcp: { nodelay: true } as never }), TypeError, "tcp.nodelay");
  assertThrows(
    () => app.withOptions({ hostname: "::", limits: { maxConnections: 0 } }),
    RangeError,
    "limits.maxConnections",
  );
  assertEquals(app.listen(0).address()?.address, "127.0.0.1");
});

Deno.test("reusePort without the runtime's flag throws instead of ending the process", async () => {
  const { code, stdout } = await runModule(`
    import { createServer, ServerProtocol } from "@verb/tcp";
    try { createServer(ServerProtocol.TCP, { reusePort: true }); } catch (error) { console.log(error.code, error.message); }
  `);
  assertEquals(code, 0);
  assertMatch(stdout, /^ERR_FEATURE_UNAVAILABLE .*reusePort.*--unstable-net/);
});

Deno.test("reusePort with the runtime's flag shares the port", async () => {
  const { code, stderr } = await runModule(
    `
    import { createServer, ServerProtocol } from "@verb/tcp";
    const one = createServer(ServerProtocol.TCP, { reusePort: true, hostname: "127.0.0.1" }).listen(0);
    const two = createServer(ServerProtocol.TCP, { reusePort: true, hostname: "127.0.0.1" }).listen(one.address()!.port);
    if (!two.listening) throw new Error("not shared");
    await one.close();
    await two.close();
  `,
    ["--allow-net", "--unstable-net"],
  );
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
});

Deno.test("an IPv4 peer of a server on :: is told as IPv4", async () => {
  await using app = createServer();
  const seen = new Promise((resolve) => {
    app.onConnection((socket) => {
      resolve([socket.remoteAddress, socket.remoteFamily, socket.localAddress]);
      socket.end();
    });
  });
  app.listen(0, "::");
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  assertEquals(await seen, ["127.0.0.1", "IPv4", "127.0.0.1"]);
  client.resume();
  await client.closed;
});

Deno.test("keepAliveInitialDelay is accepted, and said to have no effect", async () => {
  const { channel } = await import("node:diagnostics_channel");
  const told: unknown[] = [];
  const hear = (message: unknown) => {
    const { type, option } = message as Extract<TelemetryEvent, { type: "option.unsupported" }>;
    told.push([type, option]);
  };
  channel("verb:tcp").subscribe(hear);
  const app = createServer().withOptions({ tcp: { keepAliveInitialDelay: 300_000 } });
  new TCPSocket({ tcp: { keepAliveInitialDelay: 1 } });
  channel("verb:tcp").unsubscribe(hear);
  assertEquals(app.capabilities.keepAliveInitialDelay, false);
  const event = ["option.unsupported", "tcp.keepAliveInitialDelay"];
  assertEquals(told, [event, event], "by the server and by the client");
});
