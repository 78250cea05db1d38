// TLS under the event socket, streams and messages, with every engine on both ends.

import { assert, assertEquals } from "@std/assert";
import { connect, MessageProtocol, TCPSocket, type TlsEngine } from "../../mod.ts";
import { authority, connectTo, listen, listenEcho, pattern, readAll, server } from "./support.ts";

const ENGINES: readonly { server: TlsEngine; client: TlsEngine }[] = [
  { server: "node", client: "node" },
  { server: "node", client: "deno" },
  { server: "deno", client: "node" },
  { server: "deno", client: "deno" },
];

for (const engines of ENGINES) {
  const tls = { cert: server.cert, key: server.key, engine: engines.server };
  const options = { tls, ...(engines.server === "deno" ? { tcp: { noDelay: false } } : {}) };
  const name = `${engines.client} client, ${engines.server} server`;

  for (const bytes of [1, 16_384, 1_000_000]) {
    Deno.test(`TLS (${name}) echoes ${bytes} bytes`, async () => {
      await using app = listenEcho(options);
      const socket = await connectTo(app, { tls: { engine: engines.client } });
      const sent = pattern(bytes);
      let at = 0;
      socket.write(sent);
      for await (const chunk of socket) {
        assertEquals(Buffer.compare(chunk, sent.subarray(at, at + chunk.length)), 0);
        if ((at += chunk.length) === bytes) break;
      }
    });
  }

  Deno.test(`TLS (${name}) ends in order on both sides`, async () => {
    await using app = listen(options);
    const accepted = new Promise<string>((resolve) => {
      app.onConnection(async (socket) => {
        socket.end("bye");
        socket.resume();
        resolve((await socket.closed).reason);
      });
    });
    const socket = await connectTo(app, { tls: { engine: engines.client } });
    assertEquals(String(Buffer.from(await readAll(socket))), "bye");
    assertEquals((await socket.closed).reason, "peer");
    assertEquals(await accepted, "local");
  });

  Deno.test(`TLS (${name}) goes on writing after the peer's end with allowHalfOpen`, async () => {
    await using app = listen({ ...options, tcp: { ...options.tcp, allowHalfOpen: true } });
    app.onConnection((socket) => {
      socket.resume();
      socket.on("end", () => socket.end("answer"));
    });
    const socket = await connectTo(app, { tls: { engine: engines.client } });
    socket.end("question");
    assertEquals(String(Buffer.from(await readAll(socket))), "answer");
    assertEquals((await socket.closed).reason, "local");
  });

  Deno.test(`TLS (${name}) carries messages`, async () => {
    await using app = listen(options);
    app.onConnection((socket) => {
      const protocol = new MessageProtocol<number>(socket).attach();
      protocol.onMessage = (message) => protocol.send(message + 1);
    });
    const socket = await connectTo(app, { tls: { engine: engines.client } });
    const protocol = new MessageProtocol<number>(socket).attach();
    const answer = new Promise<number>((resolve) => protocol.onMessage = resolve);
    protocol.send(41);
    assertEquals(await answer, 42);
    socket.destroy();
  });
}

Deno.test("TLS emits connect, ready and secureConnect, and sends then what was written before", async () => {
  await using app = listenEcho({ tls: { cert: server.cert, key: server.key } });
  const socket = new TCPSocket({ tls: { ca: authority.cert } });
  const events: string[] = [];
  for (const event of ["connect", "ready", "secureConnect", "data"] as const) {
    socket.on(event, () => events.push(`${event} ${socket.encrypted}`));
  }
  socket.connect(app.address()!.port, "localhost");
  socket.write("early");
  await new Promise((resolve) => socket.once("data", resolve));
  assertEquals(events, ["connect false", "ready false", "secureConnect true", "data true"]);
  socket.destroy();
});

Deno.test("TLS tells cipher, protocol, name and certificate with the engine node", async () => {
  await using app = listen({ tls: { cert: server.cert, key: server.key, alpnProtocols: ["a", "b"] } });
  const accepted = new Promise<unknown[]>((resolve) => {
    app.onConnection((socket) => {
      resolve([socket.getProtocol(), socket.servername, socket.alpnProtocol, socket.authorized]);
    });
  });
  const socket = await connectTo(app, { tls: { alpnProtocols: ["b"] } });
  assertEquals(socket.getCipher()?.name, "TLS_AES_256_GCM_SHA384");
  assertEquals(socket.getPeerCertificate()?.fingerprint256, server.fingerprint256);
  assertEquals([socket.authorized, socket.authorizationError, socket.alpnProtocol], [true, undefined, "b"]);
  assertEquals(await accepted, ["TLSv1.3", "localhost", "b", false]);
  socket.destroy();
});

Deno.test("TLS keeps to minVersion and maxVersion", async () => {
  await using app = listenEcho({ tls: { cert: server.cert, key: server.key, maxVersion: "TLSv1.2" } });
  const socket = await connectTo(app, { tls: { engine: "node" } });
  assertEquals(socket.getProtocol(), "TLSv1.2");
  assert(socket.getCipher()?.name.startsWith("ECDHE-"));
  socket.destroy();
});

for (const engine of ["node", "deno"] as const) {
  Deno.test(`TLS (${engine} client) verifies an address by the addresses of the certificate`, async () => {
    await using app = listenEcho({ tls: { cert: server.cert, key: server.key } });
    const { port } = app.address()!;
    const socket = await connect({ port, host: "127.0.0.1", tls: { ca: authority.cert, engine } });
    assertEquals([socket.authorized, socket.servername], [true, undefined]);
    socket.destroy();
  });
}
