import { assertEquals, assertStringIncludes } from "@std/assert";
import { once } from "node:events";
import net from "node:net";
import { connect, createServer, type TcpServer, type TCPSocket } from "../../mod.ts";
import { runModule } from "../support/child.ts";

/** What `onError` heard, and the socket's own events from registration on. */
async function failing(
  handler: (socket: TCPSocket) => unknown,
  poke: (port: number) => Promise<unknown> = async (port) => {
    const client = await connect({ port, host: "127.0.0.1" });
    client.resume();
    client.write("x");
    await client.closed;
  },
): Promise<{ message: string; sameSocket: boolean; events: string[]; reason: string }> {
  await using app: TcpServer = createServer();
  const events: string[] = [];
  const { promise, resolve } = Promise.withResolvers<{ message: string; socket: TCPSocket | undefined }>();
  let accepted: TCPSocket | undefined;
  app.onError((error, socket) => resolve({ message: error.message, socket }));
  app.onConnection((socket) => {
    accepted = socket;
    for (const event of ["end", "finish", "close"] as const) socket.on(event, () => events.push(event));
    return handler(socket);
  });
  app.listen(0, "127.0.0.1");
  const poked = poke(app.address()!.port);
  const { message, socket } = await promise;
  const { reason } = await accepted!.closed; // a connection was accepted, or onError would not have been called
  await poked;
  return { message, sameSocket: socket === accepted, events, reason };
}

const wanted = { message: "boom", sameSocket: true, events: ["close"], reason: "error" };
const boom = () => {
  throw new Error("boom");
};
const asyncBoom = () => Promise.reject(new Error("boom"));

Deno.test("an onConnection handler that throws reaches onError and costs only its socket", async () => {
  assertEquals(await failing(boom), wanted);
});

Deno.test("an onConnection handler that rejects reaches onError and costs only its socket", async () => {
  assertEquals(await failing(asyncBoom), wanted);
});

Deno.test("a data listener that throws reaches onError and costs only its socket", async () => {
  assertEquals(await failing((socket) => socket.on("data", boom)), wanted);
});

Deno.test("a data listener that rejects reaches onError and costs only its socket", async () => {
  assertEquals(await failing((socket) => socket.on("data", asyncBoom)), wanted);
});

Deno.test("a write callback that throws reaches onError", async () => {
  assertEquals(await failing((socket) => socket.write("x", boom)), wanted);
});

Deno.test("a drain listener that throws reaches onError", async () => {
  const outcome = await failing((socket) => {
    socket.on("drain", boom);
    socket.write(new Uint8Array(65_536));
  }, async (port) => {
    const client = await connect({ port, host: "127.0.0.1" });
    client.resume();
    await client.closed;
  });
  assertEquals(outcome, wanted);
});

Deno.test("a close listener that throws reaches onError, the connection's own reason stays", async () => {
  const outcome = await failing((socket) => socket.on("close", boom), async (port) => {
    const client = await connect({ port, host: "127.0.0.1" });
    client.end();
    await client.closed;
  });
  assertEquals(outcome.message, "boom");
  assertEquals(outcome.reason, "peer");
});

Deno.test("a handler that throws something else reaches onError as an Error with it as cause", async () => {
  const { message } = await failing(() => {
    throw "a string";
  });
  assertStringIncludes(message, "a string");
});

Deno.test("other sockets go on while one handler fails", async () => {
  await using app = createServer();
  app.onError(() => {});
  app.onConnection((socket) => {
    socket.on("data", (data) => {
      if (String(data) === "fail") throw new Error("boom");
      socket.write(data);
    });
  }).listen(0, "127.0.0.1");
  const { port } = app.address()!;
  const [good, bad] = await Promise.all([connect({ port }), connect({ port })]);
  bad.write("fail");
  assertEquals((await bad.closed).bytesRead, 0);
  good.end("fine");
  const chunks = await Array.fromAsync(good, String);
  assertEquals(chunks.join(""), "fine");
});

Deno.test("a reset that nobody on the socket hears of reaches onError with its code", async () => {
  await using app = createServer();
  const failed = new Promise<[string | undefined, boolean]>((resolve) => {
    app.onError((error, socket) => resolve([error.code, socket?.destroyed === true]));
  });
  const accepted = once(app, "connection");
  app.onConnection((socket) => socket.on("data", () => {})).listen(0, "127.0.0.1");
  const peer = net.connect(app.address()!.port, "127.0.0.1");
  await Promise.all([accepted, once(peer, "connect")]);
  peer.resetAndDestroy();
  assertEquals(await failed, ["ECONNRESET", true]);
});

Deno.test("a reset that an error listener hears of does not reach onError", async () => {
  await using app = createServer();
  const errors: unknown[] = [];
  app.onError((error) => errors.push(error));
  const accepted = once(app, "connection");
  const heard = Promise.withResolvers<string | undefined>();
  app.onConnection((socket) => socket.on("error", (error) => heard.resolve(error.code))).listen(0, "127.0.0.1");
  const peer = net.connect(app.address()!.port, "127.0.0.1");
  const [[socket]] = await Promise.all([accepted, once(peer, "connect")]);
  peer.resetAndDestroy();
  assertEquals(await heard.promise, "ECONNRESET");
  assertEquals((await socket.closed).reason, "reset");
  assertEquals(errors, []);
});

Deno.test("without onError a handler's exception is printed once with its stack, and the server goes on", async () => {
  const { code, stdout, stderr } = await runModule(`
    import { connect, createServer } from "@verb/tcp";
    const app = createServer().onConnection(function broken(socket) { throw new Error("printed once"); }).listen(0);
    for (let i = 0; i < 2; i++) {
      const client = await connect({ port: app.address()!.port });
      client.resume();
      await client.closed;
      if (i === 0) app.removeAllListeners("connection").onConnection((socket) => { socket.end("fine"); });
      console.log("client", i, "closed");
    }
    await app.close();
  `);
  assertEquals({ code, stdout }, { code: 0, stdout: "client 0 closed\nclient 1 closed\n" });
  assertEquals(stderr.split("printed once").length, 2);
  assertStringIncludes(stderr, "broken");
});

Deno.test("without onError a handler's rejection is printed once in a program that imports nothing else", async () => {
  const { code, stderr } = await runModule(`
    import { connect, createServer } from "@verb/tcp";
    const app = createServer().onConnection((socket) => {
      socket.on("data", async () => { await null; throw new Error("printed once"); });
    }).listen(0);
    const client = await connect({ port: app.address()!.port });
    client.write("x");
    await client.closed;
    await app.close();
  `);
  assertEquals(code, 0, stderr);
  assertEquals(stderr.split("printed once").length, 2);
});

Deno.test("failures of connections are never printed", async () => {
  const outcome = await runModule(`
    import net from "node:net";
    import { once } from "node:events";
    import { createServer } from "@verb/tcp";
    const app = createServer().onConnection((socket) => { socket.on("data", () => {}); }).listen(0);
    for (let i = 0; i < 5; i++) {
      const accepted = once(app, "connection");
      const peer = net.connect(app.address()!.port, "127.0.0.1");
      const [[socket]] = await Promise.all([accepted, once(peer, "connect")]);
      peer.resetAndDestroy();
      await socket.closed;
    }
    await app.close();
  `);
  assertEquals(outcome, { code: 0, stdout: "", stderr: "" });
});

Deno.test("an onError that throws is printed and harms nothing else", async () => {
  const { code, stderr } = await runModule(`
    import { connect, createServer } from "@verb/tcp";
    const app = createServer().onError(() => { throw new Error("onError failed"); });
    app.onConnection(() => { throw new Error("first"); }).listen(0);
    const client = await connect({ port: app.address()!.port });
    await client.closed;
    await app.close();
  `);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, "onError failed");
});

Deno.test("an async onError that rejects is printed and not asked again", async () => {
  const { code, stderr } = await runModule(`
    import { connect, createServer } from "@verb/tcp";
    let calls = 0;
    const app = createServer().onError(async () => { calls++; await null; throw new Error("onError failed"); });
    app.onConnection(() => { throw new Error("first"); }).listen(0);
    const client = await connect({ port: app.address()!.port });
    await client.closed;
    await app.close();
    if (calls !== 1) throw new Error(calls + " calls");
  `);
  assertEquals(code, 0, stderr);
  assertEquals(stderr.split("onError failed").length, 2);
});
