// A socket that is encrypted already goes on with TLS in TLS, as through a proxy that is reached by TLS itself.

import { assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import tls from "node:tls";
import { TcpError, type TCPSocket } from "../../mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { type Engine, ENGINES, link, serverOptions } from "./engines.ts";
import { client, connectTo, listen, pattern, readAll } from "./support.ts";

const inner = await makeAuthority("Inner CA");
const innerServer = await inner.issue("inner.example", { names: ["inner.example"] });
const pair = { cert: innerServer.cert, key: innerServer.key };
const trust = { ca: inner.cert, servername: "inner.example" };

/** Both ends of a connection of that engine, secured twice. */
async function linkTwice(engine: Engine) {
  const linked = await link(engine);
  await Promise.all([linked.client.upgradeTls(trust), linked.accepted.upgradeTls(pair)]);
  return linked;
}

for (const engine of ENGINES) {
  Deno.test(`upgradeTls() on a TLS socket speaks TLS in TLS, over the engine "${engine}"`, async () => {
    await using linked = await linkTwice(engine);
    const { client, accepted } = linked;
    assertEquals([client.encrypted, client.authorized, client.getProtocol()], [true, true, "TLSv1.3"]);
    assertEquals([client.servername, client.getPeerCertificate()?.subject.CN], ["inner.example", "inner.example"]);
    const sent = pattern(300_000);
    accepted.pipe(accepted);
    client.end(sent);
    assertEquals(Buffer.compare(await readAll(client), sent), 0);
    assertEquals([(await client.closed).reason, (await accepted.closed).reason], ["local", "peer"]);
  });

  Deno.test(`destroy() of TLS in TLS is seen as truncated, over the engine "${engine}"`, async () => {
    await using linked = await linkTwice(engine);
    linked.client.resume();
    linked.accepted.destroy();
    assertEquals((await linked.client.closed).reason, "truncated");
  });
}

Deno.test("TLS in TLS that the peer does not speak ends the socket", async () => {
  await using app = listen(serverOptions("node")).onConnection((socket) => {
    socket.once("data", () => socket.resume().write("HTTP/1.1 400 Bad Request\r\n\r\n"));
  });
  const socket = await connectTo(app);
  const error = await assertRejects(() => socket.upgradeTls(trust), TcpError);
  assertEquals(error.code, "ERR_SSL_WRONG_VERSION_NUMBER");
  assertEquals((await socket.closed).reason, "tls");
});

Deno.test("TLS in TLS asks for client certificates, and begins without waiting", async () => {
  const judged = Promise.withResolvers<unknown>();
  await using app = listen(serverOptions("node")).onConnection((socket: TCPSocket) => {
    socket.once("data", async (data) => {
      await socket.upgradeTls({ ...pair, ca: inner.cert, requestCert: true, rejectUnauthorized: false }, {
        head: data.subarray("CONNECT\n".length),
      });
      judged.resolve([socket.authorized, socket.authorizationError]);
      socket.end("hello");
    });
  });
  const outer = tls.connect({ port: app.address()!.port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(outer, "secureConnect");
  outer.write("CONNECT\n");
  const through = tls.connect({ socket: outer, ...trust, cert: client.cert, key: client.key });
  assertEquals(String((await once(through, "data"))[0]), "hello");
  assertEquals(await judged.promise, [false, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]);
  const closed = Promise.all([once(outer, "close"), once(through, "close")]);
  through.end();
  outer.destroy();
  await closed;
});
