/** The documentation's first server. */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { Buffer } from "node:buffer";
import { createServer, ServerProtocol } from "@verb/tcp";
import { Peer } from "./peer.ts";

Deno.test("a first server echoes what comes, told by its event handlers", async () => {
  const app = createServer(ServerProtocol.TCP);
  await using _closed = app;
  const told: string[] = [];
  const gone = Promise.withResolvers<void>();
  app.onConnection((socket) => {
    told.push(`${socket.remoteAddress}:${socket.remotePort}`);
    socket.on("data", (data) => {
      told.push(`${data}`);
      socket.write(`Echo: ${data}`);
    });
    socket.on("error", (error) => gone.reject(error));
    socket.on("close", () => gone.resolve());
  });
  app.listen(0, "127.0.0.1");

  using peer = await Peer.connect(app.address()!.port); // listen() has bound at once
  await peer.write("hello");
  assertEquals(await peer.readText("Echo: hello"), "Echo: hello");
  peer.close();
  await gone.promise;
  assertEquals(told, [peer.address, "hello"]);
});

Deno.test("a server without a hostname takes connections on the loopback", async () => {
  await using app = createServer(ServerProtocol.TCP);
  app.onConnection((socket) => socket.end("welcome"));
  app.listen(0);
  using peer = await Peer.connect(app.address()!.port); // listen() has bound at once
  assertEquals(String(await peer.readToEnd()), "welcome");
});

Deno.test("a data listener gets Buffers that stay as they are while more comes", async () => {
  await using app = createServer(ServerProtocol.TCP);
  const chunks: Buffer[] = [];
  app.onConnection((socket) => {
    socket.on("data", (data) => {
      assertInstanceOf(data, Buffer);
      assert(Buffer.isBuffer(data));
      chunks.push(data);
      socket.write(".");
    });
  });
  app.listen(0, "127.0.0.1");
  using peer = await Peer.connect(app.address()!.port); // listen() has bound at once
  for (let i = 0; i < 300; i++) {
    await peer.write(`message ${i};`);
    await peer.read(1); // so that each is a chunk of its own
  }
  assertEquals(chunks.map(String), Array.from({ length: 300 }, (_, i) => `message ${i};`));
});
