// STARTTLS with `openssl s_client -starttls smtp` and with Node, and what a man in the middle puts behind the command.

import { assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { connect, TcpError, type TcpServer, type TCPSocket } from "../../mod.ts";
import { authority, client, listen, pattern, server, strict } from "../tls/support.ts";
import { assertSameBytes, NodePeer, opensslClient, PemFiles } from "./tls_pairings_programs.ts";

const pair = { cert: server.cert, key: server.key };
const trust = { ca: authority.cert, servername: "localhost" };
const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;

/** As much of a mail server as a client needs to begin TLS; then it echoes. */
function greet(socket: TCPSocket, tls: Parameters<TCPSocket["upgradeTls"]>[0]): void {
  socket.write("220 mail.example ESMTP\r\n");
  let line = "";
  const onData = (data: Uint8Array) => {
    for (const [at, byte] of data.entries()) {
      line += String.fromCharCode(byte);
      if (byte !== 0x0a) continue;
      if (line.startsWith("EHLO ")) socket.write("250-mail.example\r\n250 STARTTLS\r\n");
      else if (line.startsWith("STARTTLS")) {
        socket.off("data", onData);
        socket.write(line.endsWith("\r\n") ? "220 go ahead\r\n" : "GO\n");
        socket.on("secureConnect", () => socket.pipe(socket));
        return void socket.upgradeTls(tls, { leftover: data.subarray(at + 1) });
      }
      line = "";
    }
  };
  socket.on("data", onData);
}

/** A server that waits for STARTTLS without a greeting. */
function quietServer(): { app: TcpServer; failed: Promise<string | undefined>; heard: string[] } {
  const { promise: failed, resolve } = Promise.withResolvers<string | undefined>();
  const heard: string[] = [];
  const app = listen({}).onConnection((socket) => {
    socket.closed.then(({ error }) => resolve(error instanceof TcpError ? error.code : undefined));
    socket.once("data", (data) => {
      const command = data.indexOf(0x0a) + 1;
      socket.write("GO\n");
      socket.on("data", (more) => {
        if (!socket.encrypted) heard.push(String(more));
        socket.write(more);
      });
      void socket.upgradeTls(pair, { leftover: data.subarray(command) });
    });
  });
  return { app, failed, heard };
}

/** Says STARTTLS to Node's server, and gives what came with its reply. */
async function sayStartTls(port: number): Promise<{ socket: TCPSocket; reply: Uint8Array }> {
  const socket = await connect({ port, host: "127.0.0.1" });
  socket.write("STARTTLS\n");
  const [reply] = await once(socket, "data");
  return { socket, reply };
}

for (const version of VERSIONS) {
  const only = { minVersion: version, maxVersion: version };

  Deno.test(`openssl s_client -starttls smtp upgrades with our server (${version})`, async () => {
    await using files = await PemFiles.make();
    const protocols: unknown[] = [];
    await using app = listen({}).onConnection((socket) => {
      greet(socket, { ...pair, ...only });
      socket.on("secureConnect", () => protocols.push([socket.encrypted, socket.getProtocol()]));
    });
    const args = ["-starttls", "smtp", "-CAfile", await files.put(authority.cert), "-verify_hostname", "localhost"];
    const sent = pattern(100_000);
    const { received, code, said } = await opensslClient(app.address()!.port, args, sent); // it listens
    assertEquals(code, 0, said);
    assertSameBytes(received, sent);
    assertEquals(protocols, [[true, version]]);
  });

  Deno.test(`Node upgrades with our server (${version})`, async () => {
    const { app, heard } = quietServer();
    await using _ = app;
    await using node = new NodePeer("starttls", { port: app.address()!.port, ca: authority.cert, ...only }); // it listens
    const { reply, authorized, protocol, echoed } = await node.next();
    assertEquals([reply, authorized, protocol, echoed], ["GO", true, version, true]);
    assertEquals(heard, []);
  });

  Deno.test(`our client upgrades with a server of Node's (${version})`, async () => {
    await using node = new NodePeer("starttlsServer", { ...pair, ...only });
    const { socket, reply } = await sayStartTls(await node.port());
    assertEquals(String(reply), "GO\n");
    await socket.upgradeTls(trust, { leftover: reply.subarray(3) });
    assertEquals([socket.authorized, socket.getProtocol()], [true, version]);
    const facts = await node.next();
    assertEquals([facts.command, facts.protocol], ["STARTTLS", version]);
    socket.write("under TLS");
    assertEquals(String((await once(socket, "data"))[0]), "under TLS");
    socket.destroy();
  });
}

Deno.test("Node begins TLS with our server without waiting, on a port that serves both", async () => {
  await using app = listen({}).onConnection((socket) => {
    socket.once("data", async (data) => {
      await socket.upgradeTls(pair, { head: data.subarray("TLS!\n".length) });
      socket.pipe(socket);
    });
  });
  await using node = new NodePeer("atOnce", { port: app.address()!.port, ca: authority.cert }); // it listens
  const { authorized, echoed } = await node.next();
  assertEquals([authorized, echoed], [true, true]);
});

Deno.test("Node speaks TLS in TLS with our server", async () => {
  await using app = listen({ tls: pair }).onConnection(async (socket) => {
    await socket.upgradeTls({ ...pair, alpnProtocols: ["inner"] });
    socket.pipe(socket);
  });
  const inner = { ca: authority.cert, ALPNProtocols: ["inner"] };
  await using node = new NodePeer("inside", { port: app.address()!.port, outer: { ca: authority.cert }, inner }); // it listens
  const { authorized, alpn, echoed } = await node.next();
  assertEquals([authorized, alpn, echoed], [true, "inner", true]);
});

Deno.test("our server asks openssl s_client -starttls smtp for its certificate", async () => {
  await using files = await PemFiles.make();
  const judged: unknown[] = [];
  await using app = listen({}).onConnection((socket) => {
    greet(socket, strict);
    socket.on("secureConnect", () => judged.push([socket.authorized, socket.getPeerCertificate()?.subject.CN]));
  });
  const args = ["-starttls", "smtp", "-CAfile", await files.put(authority.cert)];
  const { port } = app.address()!; // it listens
  assertEquals((await opensslClient(port, args, pattern(10))).received.length, 0);
  assertEquals(judged, []);
  const { received } = await opensslClient(port, [...args, ...await files.certificate(client)], pattern(10));
  assertSameBytes(received, pattern(10));
  assertEquals(judged, [[true, "client"]]);
});

Deno.test("our server ends a connection of Node's with bytes behind STARTTLS", async () => {
  const { app, failed, heard } = quietServer();
  await using _ = app;
  const { port } = app.address()!; // it listens
  await using node = new NodePeer("starttls", { port, injected: "MAIL FROM:<mallory>\n" });
  assertEquals((await node.next()).closed, true);
  assertEquals(await failed, "ERR_TLS_INJECTION");
  assertEquals(heard, []);
  assertEquals(app.metrics().closed.protocol, 1);
});

Deno.test("our client ends a connection to Node with bytes behind the reply to STARTTLS", async () => {
  await using node = new NodePeer("starttlsServer", { ...pair, injected: "250 all your mail\n" });
  const { socket, reply } = await sayStartTls(await node.port());
  const leftover = reply.subarray(3);
  assertEquals(String(leftover), "250 all your mail\n");
  const error = await assertRejects(() => socket.upgradeTls(trust, { leftover }), TcpError);
  assertEquals(error.code, "ERR_TLS_INJECTION");
  await socket.closed;
  assertEquals(await node.next(), { command: "STARTTLS", closed: true });
});

Deno.test("our client refuses to upgrade with a server of Node's that it does not trust", async () => {
  await using node = new NodePeer("starttlsServer", pair);
  const { socket } = await sayStartTls(await node.port());
  const error = await assertRejects(() => socket.upgradeTls({ ...trust, servername: "elsewhere.test" }), TcpError);
  assertEquals(error.code, "ERR_TLS_CERT_ALTNAME_INVALID");
  assertEquals((await socket.closed).reason, "tls");
});
