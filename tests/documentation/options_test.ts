/** The documentation's options, and what they do. */

import { assertEquals, assertInstanceOf } from "@std/assert";
import { createServer, TcpError, type TCPSocket } from "@verb/tcp";
import { Peer } from "./peer.ts";

const TCP = {
  keepAlive: true,
  keepAliveInitialDelay: 300_000,
  noDelay: true,
  timeout: 300_000,
  allowHalfOpen: false,
};

Deno.test("withOptions takes the documented options, and sockets have them", async () => {
  await using app = createServer();
  assertEquals(app.withOptions({ port: 0, tcp: TCP }), app);
  const accepted = Promise.withResolvers<TCPSocket>();
  app.onConnection((socket) => {
    socket.on("data", (data) => socket.write(data));
    accepted.resolve(socket);
  });
  app.listen();
  using peer = await Peer.connect(app.address()!.port); // listen() has bound at once
  await peer.write("x");
  assertEquals(await peer.readText("x"), "x");
  const socket = await accepted.promise;
  assertEquals([socket.timeout, socket.allowHalfOpen], [300_000, false]);
});

Deno.test("withOptions says where listen() without a port listens", async () => {
  using taken = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const app = createServer().withOptions({ port: taken.addr.port, hostname: "127.0.0.1", tcp: TCP });
  const failed = new Promise<Error>((resolve) => app.onError(resolve));
  app.listen();
  const error = await failed;
  assertInstanceOf(error, TcpError);
  assertEquals([error.code, error.address, error.port], ["EADDRINUSE", "127.0.0.1", taken.addr.port]);
});

Deno.test("the runtime's want of a keep-alive delay can be asked for", () => {
  assertEquals(createServer().withOptions({ tcp: TCP }).capabilities.keepAliveInitialDelay, false);
});

Deno.test("tcp.timeout ends a silent connection where nobody listens for timeout", async () => {
  await using app = createServer();
  app.withOptions({ port: 0, hostname: "127.0.0.1", tcp: { ...TCP, timeout: 50 } });
  const failed = Promise.withResolvers<string | undefined>();
  app.onConnection((socket) => socket.on("error", (error) => failed.resolve(error.code)));
  app.listen();
  using peer = await Peer.connect(app.address()!.port); // listen() has bound at once
  assertEquals((await peer.readToEnd()).length, 0);
  assertEquals(await failed.promise, "ETIMEDOUT");
});

Deno.test("tcp.timeout only tells where somebody listens for timeout", async () => {
  await using app = createServer();
  app.withOptions({ port: 0, hostname: "127.0.0.1", tcp: { ...TCP, timeout: 50 } });
  app.onConnection((socket) => socket.on("timeout", () => socket.end("still there?")));
  app.listen();
  using peer = await Peer.connect(app.address()!.port); // listen() has bound at once
  assertEquals(String(await peer.readToEnd()), "still there?");
});

Deno.test("tcp.allowHalfOpen decides whether a server may answer after the peer's end", async () => {
  for (const allowHalfOpen of [true, false]) {
    await using app = createServer();
    app.withOptions({ port: 0, hostname: "127.0.0.1", tcp: { ...TCP, allowHalfOpen } });
    app.onConnection((socket) => {
      socket.resume();
      // Behind the `end` listeners our side is ended as well, unless half-open is on.
      socket.on("end", () =>
        queueMicrotask(() => {
          if (!socket.writableEnded) socket.end("after the end");
        }));
    });
    app.listen();
    using peer = await Peer.connect(app.address()!.port); // listen() has bound at once
    await peer.end();
    assertEquals(String(await peer.readToEnd()), allowHalfOpen ? "after the end" : "");
  }
});
