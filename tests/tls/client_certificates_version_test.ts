// X.509 version 1: a certificate that says neither whose it is nor what for, and that the engine takes without its key.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import { createServer } from "../../mod.ts";
import { connect } from "../../tcp.ts";
import { makeSelfSigned, makeVersion1 } from "../support/certificates.ts";
import { authority, client, connectTo, listen, strict } from "./support.ts";

const old = await makeVersion1("Old Root");
const MESSAGE = 'must hold X.509 version 3 certificates; that of "CN=Old Root" is of an older version';

for (
  const [name, ca] of [
    ["alone", old.cert],
    ["behind a good one", [authority.cert, old.cert]],
    ["as bytes", new TextEncoder().encode(authority.cert + old.cert)],
  ] as const
) {
  Deno.test(`a root of version 1 in ca, ${name}, is refused at listen()`, () => {
    const app = createServer("tcp", { tls: { ...strict, ca } });
    assertThrows(() => app.listen(0, "127.0.0.1"), TypeError, `Option "tls.ca" ${MESSAGE}`);
    assertEquals(app.listening, false);
  });
}

Deno.test("a root of version 1 in ca is refused at listen() where nobody is asked, too", () => {
  const app = createServer("tcp", { tls: { ...strict, requestCert: false, ca: old.cert } });
  assertThrows(() => app.listen(0, "127.0.0.1"), TypeError, MESSAGE);
});

Deno.test("a root of version 1 in ca is refused by reloadTls(), and the old rules go on", async () => {
  await using app = listen({ tls: strict }).onConnection((socket) => socket.write(String(socket.authorized)));
  assertThrows(() => app.reloadTls({ ca: [authority.cert, old.cert] }), TypeError, MESSAGE);
  const socket = await connectTo(app, { tls: { cert: client.cert, key: client.key } });
  assertEquals(String((await once(socket, "data"))[0]), "true");
  socket.destroy();
});

Deno.test("a root of version 1 in ca is refused by upgradeTls() on both ends", async () => {
  const thrown = Promise.withResolvers<unknown>();
  await using app = listen({}).onError(() => {/* told below */}).onConnection((socket) => {
    if (app.metrics().accepted > 1) return;
    socket.upgradeTls({ ...strict, ca: old.cert }).catch((error) => thrown.resolve(String(error)));
  });
  const socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  assertEquals(
    await thrown.promise,
    `TypeError: Option "options.ca" ${MESSAGE}, for which the engine does not verify that a peer has the key`,
  );
  await socket.closed;
  const other = await connect({ port: app.address()!.port, host: "127.0.0.1" });
  await assertRejects(() => other.upgradeTls({ ca: old.cert }), TypeError, MESSAGE);
  assertEquals((await other.closed).reason, "error");
});

Deno.test("a root of version 1 in a client's ca is refused before it connects", async () => {
  for (
    const tls of [{ ca: old.cert }, { ca: [authority.cert, old.cert] }, { ca: old.cert, rejectUnauthorized: false }]
  ) {
    await assertRejects(() => connect({ port: 1, host: "127.0.0.1", tls }), TypeError, `Option "tls.ca" ${MESSAGE}`);
  }
});

Deno.test("a client may trust a single certificate that is no authority's, if it is of version 3", async () => {
  const own = await makeSelfSigned("localhost");
  await using app = listen({ tls: { cert: own.cert, key: own.key } }).onConnection(() => {});
  const socket = await connectTo(app, { tls: { ca: own.cert, engine: "node" } });
  assertEquals([socket.authorized, socket.getPeerCertificate()?.fingerprint256], [true, own.fingerprint256]);
  socket.destroy();
});
