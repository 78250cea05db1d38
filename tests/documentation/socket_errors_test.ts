/** What a socket's error listeners get, by the codes that the documentation switches on. */

import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { createServer, type TCPSocket } from "@verb/tcp";
import { connectResettable, Peer } from "./peer.ts";

/** A server that hands out its first connection, and the code of its error once it has closed. */
function serve(tcp: { timeout?: number; allowHalfOpen?: boolean } = {}) {
  const app = createServer().withOptions({ tcp });
  const socket = Promise.withResolvers<TCPSocket>();
  const code = Promise.withResolvers<string | undefined>();
  app.onConnection((accepted) => {
    let seen: string | undefined;
    accepted.on("error", (error) => seen = error.code);
    accepted.on("close", () => code.resolve(seen));
    accepted.resume();
    socket.resolve(accepted);
  });
  app.listen(0, "127.0.0.1");
  return { app, port: app.address()!.port, socket: socket.promise, code: code.promise }; // listen() has bound at once
}

Deno.test("a socket's error is ECONNRESET when the peer resets the connection", async () => {
  const { app, port, socket, code } = serve();
  await using _closed = app;
  const peer = await connectResettable(port);
  const accepted = await socket;
  peer.resetAndDestroy();
  assertEquals(await code, "ECONNRESET");
  assertEquals((await accepted.closed).reason, "reset");
});

Deno.test("a socket's error is ETIMEDOUT when nothing moved for tcp.timeout", async () => {
  const { app, port, socket, code } = serve({ timeout: 50 });
  await using _closed = app;
  using _peer = await Peer.connect(port);
  assertEquals(await code, "ETIMEDOUT");
  assertEquals((await (await socket).closed).reason, "deadline:idle");
});

Deno.test("a socket's error is EPIPE for a write after the peer has ended", async () => {
  const { app, port, socket, code } = serve();
  await using _closed = app;
  using peer = await Peer.connect(port);
  const accepted = await socket;
  // What an `end` listener writes still goes out; behind it our side is ended, too.
  accepted.on("end", () => queueMicrotask(() => accepted.write("too late")));
  await peer.end();
  assertEquals(await code, "EPIPE");
});

Deno.test("a socket's error is EPIPE for writes to a half-open connection whose peer is gone", async () => {
  const { app, port, socket, code } = serve({ allowHalfOpen: true });
  await using _closed = app;
  using peer = await Peer.connect(port);
  const accepted = await socket;
  // The first write is what makes the peer's kernel say that nobody is there; a later one hears of it.
  const write = () => accepted.write("anybody there?", (error) => error ?? write());
  accepted.on("end", write);
  peer.close();
  assertEquals(await code, "EPIPE");
});

Deno.test("a socket's error goes to every one of its listeners, then close tells that there was one", async () => {
  await using app = createServer();
  const told: unknown[] = [];
  const closed = Promise.withResolvers<void>();
  app.onError((error) => told.push(["onError", error.code]));
  app.onConnection((socket) => {
    socket.on("error", (error) => told.push(["first", error.code]));
    socket.on("error", (error) => told.push(["second", error.code]));
    socket.on("close", (hadError) => {
      told.push(["close", hadError]);
      closed.resolve();
    });
    socket.write("x");
  });
  app.listen(0, "127.0.0.1");
  const peer = await connectResettable(app.address()!.port); // listen() has bound at once
  await once(peer, "data"); // or it might be gone before it is accepted
  peer.resetAndDestroy();
  await closed.promise;
  assertEquals(told, [["first", "ECONNRESET"], ["second", "ECONNRESET"], ["close", true]]);
});

Deno.test("a socket's error goes to onError, with its socket, where the socket has no listener", async () => {
  await using app = createServer();
  const failed = Promise.withResolvers<[code: string | undefined, port: number | undefined]>();
  app.onError((error, socket) => failed.resolve([error.code, socket?.remotePort]));
  app.onConnection((socket) => socket.write("x"));
  app.listen(0, "127.0.0.1");
  const peer = await connectResettable(app.address()!.port); // listen() has bound at once
  await once(peer, "data"); // or it might be gone before it is accepted
  const { localPort } = peer;
  peer.resetAndDestroy();
  assertEquals(await failed.promise, ["ECONNRESET", localPort]);
});
