// What cannot be done is said of what cannot do it: a Deno.TcpConn sends no reset, node:net in Deno does.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { once } from "node:events";
import { type AddressInfo, createServer as createNodeServer } from "node:net";
import { connect, createServer } from "../../mod.ts";

Deno.test("resetAndDestroy() of a TCPSocket sends no reset: its peer sees an end", async () => {
  await using app = createServer().onConnection((socket) => socket.resetAndDestroy()).listen(0, "127.0.0.1");
  assertEquals(app.capabilities.reset, false);
  const { port } = app.address()!; // it listens
  using peer = await Deno.connect({ port, hostname: "127.0.0.1" });
  assertEquals(await peer.read(new Uint8Array(1)), null);
});

Deno.test("resetAndDestroy() of node:net in Deno sends one", async () => {
  const server = createNodeServer((socket) => socket.once("data", () => socket.resetAndDestroy())).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on a port
  const socket = await connect({ port, host: "127.0.0.1" });
  socket.write("reset me");
  await assertRejects(() => socket[Symbol.asyncIterator]().next(), Error, "ECONNRESET");
  server.close();
  await once(server, "close");
});

for (const file of ["examples/guides/from_node_net.md", "src/server/server_types.ts", "src/socket/tcp_socket.ts"]) {
  Deno.test(`${file} says so`, async () => {
    const text = await Deno.readTextFile(new URL(`../../${file}`, import.meta.url));
    assertMatch(text, /a `Deno\.TcpConn` cannot send a reset/i);
  });
}
