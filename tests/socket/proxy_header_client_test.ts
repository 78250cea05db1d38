// `connect({ proxyHeader })`: what a client sends before anything else, and what the server knows by it.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { createServer, type ServerOptions, type TCPSocket } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { authority, server } from "../tls/support.ts";

const source = { address: "2001:db8::7", port: 4_000 };
const destination = { address: "2001:db8::8", port: 443 };
const tlvs = [{ type: 3 }, { type: 5, value: "no. 7" }, { type: 0xe0, value: "ours" }];

function listen(options: ServerOptions) {
  const app = createServer("tcp", { proxyProtocol: "required", ...options });
  const accepted = new Promise<TCPSocket>((resolve) => app.onConnection(resolve));
  app.onConnection((socket) => socket.pipe(socket));
  app.listen(0, "127.0.0.1");
  return { app, accepted, port: app.address()!.port }; // it listens
}

for (const tls of [false, true]) {
  for (const version of [1, 2] as const) {
    Deno.test(`a header of version ${version} goes first, ${tls ? "in front of TLS" : "on plain TCP"}`, async () => {
      const { app, accepted, port } = listen(tls ? { tls: { cert: server.cert, key: server.key } } : {});
      await using _closed = app;
      const client = await connect({
        port,
        host: tls ? "localhost" : "127.0.0.1",
        proxyHeader: { version, source, destination, ...(version === 2 ? { tlvs } : {}) },
        ...(tls ? { tls: { ca: authority.cert } } : {}),
      });
      client.end("hello");
      let echoed = "";
      for await (const chunk of client) echoed += chunk;
      const socket = await accepted;
      assertEquals(echoed, "hello");
      assertEquals([socket.remoteAddress, socket.remotePort, socket.encrypted], [source.address, source.port, tls]);
      assertEquals([socket.proxy?.version, socket.proxy?.command], [version, "PROXY"]);
      assertEquals(socket.proxy?.destination, destination);
      assertEquals(String(Buffer.from(socket.proxy?.uniqueId ?? [])), version === 2 ? "no. 7" : "");
      assertEquals([client.bytesWritten, socket.bytesRead], [5, 5], "the header counts among no bytes");
      assertEquals(client.proxy, undefined);
    });
  }
}

Deno.test("a header without ends says that the connection is the client's own", async () => {
  const { app, accepted, port } = listen({});
  await using _closed = app;
  await using client = await connect({ port, host: "127.0.0.1", proxyHeader: {} });
  const socket = await accepted;
  assertEquals([socket.remotePort, socket.proxy?.command], [client.localPort, "LOCAL"]);
});

Deno.test("a wrong header is refused before anything is dialled", async () => {
  const refused = connect({ port: 1, proxyHeader: { source } });
  assert((await assertRejects(() => refused, TypeError)).message.includes("belong together"));
});
