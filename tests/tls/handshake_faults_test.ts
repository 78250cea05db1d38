// Handshakes that fail cost their own connection only, and are told as tlsClientError and in numbers.

import { assertEquals, assertRejects } from "@std/assert";
import { createServer, TcpError, type TcpServer } from "../../mod.ts";
import { connect, TCPSocket } from "../../tcp.ts";
import { makeAuthority, makeSelfSigned } from "../support/certificates.ts";
import { authority, connectTo, listenEcho, nextTlsClientError, server } from "./support.ts";

const tls = { cert: server.cert, key: server.key };

/** Resolves when the server has closed that many connections for that reason. */
async function closedFor(app: TcpServer, reason: "tls" | "deadline:handshake", count: number) {
  while (app.metrics().closed[reason] < count) await new Promise((resolve) => app.once("tlsClientError", resolve));
}

/** Waits until the peer of that connection has gone. */
async function gone(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(1_024);
  try {
    while (await connection.read(buffer) !== null);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  connection.close();
}

Deno.test("silent peers are closed at deadlines.handshakeMs while the server serves others", async () => {
  await using app = listenEcho({ tls, deadlines: { handshakeMs: 300 } });
  const { port } = app.address()!;
  const silent = await Promise.all(
    Array.from({ length: 50 }, () => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  const socket = await connectTo(app);
  socket.write("served");
  await new Promise((resolve) => socket.once("data", resolve));
  await Promise.all(silent.map(gone));
  await closedFor(app, "deadline:handshake", 50);
  assertEquals(app.metrics().preparing, 0);
  assertEquals(app.connections.size, 1);
  socket.destroy();
});

Deno.test("a peer that speaks no TLS is closed and told as tlsClientError", async () => {
  await using app = listenEcho({ tls });
  const failed = nextTlsClientError(app);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: app.address()!.port });
  await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  await gone(connection);
  assertEquals(await failed, "ERR_SSL_WRONG_VERSION_NUMBER");
  assertEquals(app.metrics().closed.tls, 1);
});

Deno.test("a peer that ends in the handshake is told as ECONNRESET", async () => {
  await using app = listenEcho({ tls });
  const failed = nextTlsClientError(app);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: app.address()!.port });
  await connection.write(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01));
  connection.close();
  assertEquals(await failed, "ECONNRESET");
});

Deno.test("limits.maxHandshakes lets further peers wait in the kernel", async () => {
  await using app = listenEcho({ tls, limits: { maxHandshakes: 1 } });
  const silent = await Deno.connect({ hostname: "127.0.0.1", port: app.address()!.port });
  while (app.metrics().preparing < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  const connecting = connectTo(app);
  silent.close();
  const socket = await connecting;
  assertEquals([socket.encrypted, app.metrics().closed.tls], [true, 1]);
  socket.destroy();
});

Deno.test("closing the server ends the handshakes that are under way", async () => {
  const app = listenEcho({ tls });
  const silent = await Deno.connect({ hostname: "127.0.0.1", port: app.address()!.port });
  while (app.metrics().preparing < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  await app.close();
  await gone(silent);
  assertEquals([app.metrics().closed.shutdown, app.metrics().preparing], [1, 0]);
});

Deno.test("a slow consumer of the server's iteration gets the connections that are ready", async () => {
  const app = createServer("tcp", { tls }).listen(0, "127.0.0.1");
  const silent = await Deno.connect({ hostname: "127.0.0.1", port: app.address()!.port });
  const connecting = connectTo(app);
  for await (const socket of app) {
    assertEquals(socket.encrypted, true);
    socket.end("hello");
    socket.resume();
    break;
  }
  const client = await connecting;
  assertEquals(String(await new Promise((resolve) => client.once("data", resolve))), "hello");
  await client.closed;
  await gone(silent);
  await app.close();
});

const CLIENT_ENGINES = ["node", "deno"] as const;

for (const engine of CLIENT_ENGINES) {
  /** The code that a client gets for such a server. */
  const codeFor = async (pair: { cert: string; key: string }, servername = "localhost") => {
    await using app = listenEcho({ tls: { cert: pair.cert, key: pair.key } });
    const error = await assertRejects(() => connectTo(app, { tls: { engine, servername } }), TcpError);
    return error.code;
  };

  Deno.test(`a client (${engine}) refuses another authority's certificate`, async () => {
    const pair = await (await makeAuthority("Other")).issue("localhost");
    assertEquals(await codeFor(pair), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  Deno.test(`a client (${engine}) refuses a certificate for another name`, async () => {
    assertEquals(await codeFor(server, "other.example"), "ERR_TLS_CERT_ALTNAME_INVALID");
  });

  Deno.test(`a client (${engine}) refuses an authority that signs itself`, async () => {
    assertEquals(await codeFor(await makeSelfSigned("self", { authority: true })), "DEPTH_ZERO_SELF_SIGNED_CERT");
  });

  Deno.test(`a client (${engine}) gives up a silent server at deadlines.handshakeMs`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = listener.accept();
    const error = await assertRejects(
      () => connect({ port: listener.addr.port, host: "127.0.0.1", tls: { engine }, deadlines: { handshakeMs: 100 } }),
      TcpError,
    );
    assertEquals(error.code, "ETIMEDOUT");
    const accepted = await accepting;
    // The runtime's own TLS frees the descriptor when the peer goes.
    if (engine === "node") await gone(accepted);
    else accepted.close();
  });

  Deno.test(`a client (${engine}) tells a server that ends in the handshake as ECONNRESET`, async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const rejected = assertRejects(
      () => connect({ port: listener.addr.port, host: "127.0.0.1", tls: { engine } }),
      TcpError,
    );
    const accepted = await listener.accept();
    await accepted.read(new Uint8Array(1_024));
    accepted.close();
    assertEquals((await rejected).code, "ECONNRESET");
  });
}

Deno.test("a client with rejectUnauthorized: false is told what is wrong", async () => {
  const pair = await makeSelfSigned("self");
  await using app = listenEcho({ tls: { cert: pair.cert, key: pair.key } });
  const socket = await connectTo(app, { tls: { rejectUnauthorized: false } });
  assertEquals([socket.authorized, socket.authorizationError], [false, "DEPTH_ZERO_SELF_SIGNED_CERT"]);
  socket.destroy();
});

Deno.test("a client's own checkServerIdentity decides, and may throw", async () => {
  await using app = listenEcho({ tls });
  const asked: unknown[] = [];
  const socket = await connectTo(app, {
    tls: {
      servername: "other.example",
      checkServerIdentity: (name, certificate) => void asked.push(name, certificate.fingerprint256),
    },
  });
  assertEquals(asked, ["other.example", server.fingerprint256]);
  socket.destroy();
  const refuse = () => {
    throw Object.assign(new Error("not him"), { code: "ERR_NOT_HIM" });
  };
  const error = await assertRejects(() => connectTo(app, { tls: { checkServerIdentity: refuse } }), TcpError);
  assertEquals(error.code, "ERR_NOT_HIM");
});

Deno.test("a client that is destroyed in the handshake closes once", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  const socket = new TCPSocket({ tls: { ca: authority.cert } });
  socket.connect(listener.addr.port, "127.0.0.1", () => socket.destroy());
  assertEquals((await socket.closed).reason, "destroyed");
  await gone(await accepting);
});
