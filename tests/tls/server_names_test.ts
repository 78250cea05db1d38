// Certificates by name, reloads, and key material that is wrong.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { createServer, type TlsOptions } from "../../mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { authority, client, connectTo, listen, listenEcho, nextTlsClientError, server, strict } from "./support.ts";

const exact = await authority.issue("exact", { names: ["a.example"] });
const wild = await authority.issue("wild", { names: ["*.b.example"] });
const pairOf = ({ cert, key }: { cert: string; key: string }) => ({ cert, key });

/** The fingerprint of the certificate that the server shows for that name. */
async function shownFor(sni: NonNullable<TlsOptions["sni"]>, servername: string) {
  await using app = listenEcho({ tls: { ...pairOf(server), sni } });
  const socket = await connectTo(app, { tls: { servername, rejectUnauthorized: false } });
  const shown = socket.getPeerCertificate()?.fingerprint256;
  socket.destroy();
  return shown;
}

const BY_NAME = { "a.example": pairOf(exact), "*.b.example": pairOf(wild) };

for (
  const [servername, expected] of [
    ["a.example", exact],
    ["A.Example", exact],
    ["x.b.example", wild],
    ["y.x.b.example", server],
    ["b.example", server],
    ["unknown.example", server],
  ] as const
) {
  Deno.test(`sni by names shows the right certificate for ${servername}`, async () => {
    assertEquals(await shownFor(BY_NAME, servername), expected.fingerprint256);
  });
}

Deno.test("sni may be an async function", async () => {
  const sni = (name: string) => Promise.resolve(name === "a.example" ? pairOf(exact) : undefined);
  assertEquals(await shownFor(sni, "a.example"), exact.fingerprint256);
  assertEquals(await shownFor(sni, "b.example"), server.fingerprint256);
});

Deno.test("the certificates of sni ask clients for theirs, too", async () => {
  await using app = listen({ tls: { ...strict, sni: BY_NAME } });
  const judged = new Promise<boolean>((resolve) => app.onConnection((socket) => resolve(socket.authorized)));
  const socket = await connectTo(app, { tls: { servername: "a.example", ...pairOf(client) } });
  assertEquals(await judged, true);
  socket.destroy();
});

for (
  const [how, sni, code] of [
    ["throws", () => {
      throw Object.assign(new Error("no such name"), { code: "ERR_NO_NAME" });
    }, "ERR_NO_NAME"],
    ["rejects", () => Promise.reject(Object.assign(new Error("later"), { code: "ERR_LATER" })), "ERR_LATER"],
    ["never answers", () => new Promise<undefined>(() => {}), "ETIMEDOUT"],
  ] as const
) {
  Deno.test(`an sni function that ${how} costs its own connection only`, async () => {
    const select = (name: string) => name === "bad.example" ? sni() : undefined;
    await using app = listenEcho({ tls: { ...pairOf(server), sni: select }, deadlines: { handshakeMs: 300 } });
    const failed = nextTlsClientError(app);
    await assertRejects(() => connectTo(app, { tls: { servername: "bad.example" } }));
    assertEquals(await failed, code);
    const socket = await connectTo(app);
    assertEquals(socket.authorized, true);
    socket.destroy();
  });
}

Deno.test("a peer that floods a server while sni is being answered is cut off", async () => {
  const asked = Promise.withResolvers<void>();
  const sni = () => {
    asked.resolve();
    return new Promise<undefined>(() => {});
  };
  await using app = listenEcho({ tls: { ...pairOf(server), sni } });
  const failed = nextTlsClientError(app);
  const raw = net.connect(app.address()!.port, "127.0.0.1");
  const secured = tls.connect({ socket: raw, servername: "a.example" });
  for (const socket of [raw, secured]) socket.on("error", () => {});
  const closed = once(raw, "close");
  await asked.promise;
  raw.write(new Uint8Array(1_048_576));
  assertEquals(await failed, "ERR_TLS_HANDSHAKE_TOO_LARGE");
  await closed;
  secured.destroy();
});

Deno.test("reloadTls() shows the new certificate and keeps the connections", async () => {
  await using app = listenEcho({ tls: pairOf(server) });
  const before = await connectTo(app);
  const renewed = await authority.issue("localhost");
  app.reloadTls(pairOf(renewed));
  const after = await connectTo(app, { tls: { engine: "node" } });
  assertEquals(after.getPeerCertificate()?.fingerprint256, renewed.fingerprint256);
  before.write("still here");
  assertEquals(String(await new Promise((resolve) => before.once("data", resolve))), "still here");
  before.destroy();
  after.destroy();
});

Deno.test("reloadTls() keeps what it is not told, requestCert above all", async () => {
  await using app = listen({ tls: strict });
  app.onConnection(() => {});
  app.reloadTls(pairOf(await authority.issue("localhost")));
  const failed = nextTlsClientError(app);
  const socket = await connectTo(app);
  socket.on("error", () => {});
  socket.resume();
  await socket.closed;
  assertEquals(await failed, "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE");
});

Deno.test("reloadTls() with bad material throws, and the old certificate goes on", async () => {
  await using app = listenEcho({ tls: pairOf(server) });
  assertThrows(() => app.reloadTls({ key: exact.key }), TypeError, 'Option "tls.key" must be the key');
  assertThrows(() => app.reloadTls({ cert: "" }), TypeError, 'Option "tls.cert" must hold a certificate');
  const socket = await connectTo(app, { tls: { engine: "node" } });
  assertEquals(socket.getPeerCertificate()?.fingerprint256, server.fingerprint256);
  socket.destroy();
});

Deno.test("reloadTls() with another ca trusts that one only", async () => {
  const other = await makeAuthority("Next CA");
  await using app = listen({ tls: strict });
  app.onConnection((socket) => socket.end("known"));
  app.reloadTls({ ca: other.cert });
  const next = await other.issue("client", { use: "client" });
  const socket = await connectTo(app, { tls: pairOf(next) });
  assertEquals(String(await new Promise((resolve) => socket.once("data", resolve))), "known");
  await socket.closed;
  const failed = nextTlsClientError(app);
  const old = await connectTo(app, { tls: pairOf(client) });
  old.on("error", () => {});
  old.resume();
  await old.closed;
  assertEquals(await failed, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
});

for (
  const [what, tls, message] of [
    ["a key of another certificate", { cert: server.cert, key: exact.key }, 'Option "tls.key" must be the key of'],
    ["no certificate", { cert: server.key, key: server.key }, 'Option "tls.cert" must hold a certificate'],
    ["no key", { cert: server.cert, key: server.cert }, 'Option "tls.key" must hold one private key'],
    [
      "a damaged key",
      { cert: server.cert, key: server.key.replace(/MI/, "XX") },
      'Option "tls.key" must be a key that can be read',
    ],
    [
      "a certificate of sni that is wrong",
      { ...pairOf(server), sni: { "a.example": { cert: exact.cert, key: wild.key } } },
      'Option "tls.sni.key" must be the key of',
    ],
  ] as const
) {
  Deno.test(`listen() refuses ${what} and shows nothing of it`, () => {
    const app = createServer("tcp", { tls });
    const error = assertThrows(() => app.listen(0, "127.0.0.1"), TypeError, message);
    assertEquals(/BEGIN|MI[A-Za-z0-9]{10}/.test(error.message), false);
    assertEquals(app.listening, false);
  });
}
