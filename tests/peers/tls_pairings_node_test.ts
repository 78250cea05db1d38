// node:tls in Node with our server and client, both engines.

import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { type ClientTlsOptions, connect, type ServerOptions, TcpError, type TCPSocket } from "../../mod.ts";
import { BAD_SERVERS } from "../tls/pairings_bad_servers.ts";
import { KEY_KINDS, materialOf, PASSPHRASE, serving } from "../tls/pairings_keys.ts";
import { authority, client, listen, listenEcho, pattern, server, strict } from "../tls/support.ts";
import { assertSameBytes, type NodeFacts, NodePeer } from "./tls_pairings_programs.ts";

const pair = { cert: server.cert, key: server.key };
const mine = { cert: client.cert, key: client.key };
const sizes = [1, 16_385, 1_048_576, 8_388_608];
const SENT = sizes.map(pattern);
const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;
const ENGINES = ["node", "deno"] as const;

/** What Node's client says of our server. */
async function nodeVisits(options: ServerOptions, peer: Record<string, unknown>): Promise<NodeFacts> {
  await using app = listenEcho(options);
  await using node = new NodePeer("client", { port: app.address()!.port, ca: authority.cert, ...peer }); // it listens
  return await node.next();
}

/** Servers with all of those options. */
function listenAll(all: readonly ServerOptions[]): { ports: number[] } & AsyncDisposable {
  const apps = all.map((options) => listenEcho(options));
  return {
    ports: apps.map((app) => app.address()!.port), // they listen
    async [Symbol.asyncDispose]() {
      await Promise.all(apps.map((app) => app.close()));
    },
  };
}

/** Connects to Node's server. */
async function visit(port: number, tls: ClientTlsOptions): Promise<TCPSocket> {
  return await connect({ port, host: "127.0.0.1", tls: { ca: authority.cert, servername: "localhost", ...tls } });
}

/** Sends those bytes, and gives as many as come back. */
async function exchange(socket: TCPSocket, sent: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  socket.write(sent);
  for await (const chunk of socket) {
    chunks.push(chunk);
    if ((length += chunk.length) >= sent.length) break;
  }
  return Buffer.concat(chunks);
}

for (const engine of ENGINES) {
  for (const version of VERSIONS) {
    Deno.test(`Node gets 1 byte to 8 MiB back from our server (${engine}, ${version})`, async () => {
      const facts = await nodeVisits(serving(engine, pair), { sizes, minVersion: version, maxVersion: version });
      assertEquals([facts.echoed, facts.protocol, facts.authorized, facts.peer], [sizes, version, true, "localhost"]);
    });

    Deno.test(`Node gives 1 byte to 8 MiB back to our client (${engine}, ${version})`, async () => {
      await using node = new NodePeer("server", { ...pair, minVersion: version, maxVersion: version });
      const port = await node.port();
      for (const sent of SENT) {
        const socket = await visit(port, { engine });
        const told = [socket.getProtocol(), socket.getCipher()?.name];
        const { protocol, cipher } = await node.next();
        assertEquals(protocol, version);
        assertEquals(told, engine === "node" ? [version, cipher] : [undefined, undefined]);
        assertSameBytes(await exchange(socket, sent), sent);
      }
    });
  }

  Deno.test(`Node verifies our server (${engine}) with every kind of key`, async (t) => {
    await using apps = listenAll(KEY_KINDS.map((kind) => serving(engine, materialOf(kind))));
    await using node = new NodePeer("clients", { ports: apps.ports, ca: authority.cert, sizes: [100] });
    for (const { kind } of KEY_KINDS) {
      const { authorized, echoed } = await node.next();
      await t.step(kind, () => assertEquals([authorized, echoed], [true, [100]]));
    }
  });

  Deno.test(`Node gets the whole chain of our server (${engine})`, async () => {
    const below = await authority.delegate("Below CA");
    const leaf = await below.issue("deep");
    const facts = await nodeVisits(serving(engine, { cert: [leaf.cert, below.cert], key: leaf.key }), {});
    assertEquals([facts.authorized, facts.peer], [true, "deep"]);
  });

  Deno.test(`Node agrees with our server (${engine}) on its favourite protocol, or is refused`, async () => {
    const options = serving(engine, { ...pair, alpnProtocols: ["best", "second", "third"] });
    assertEquals((await nodeVisits(options, { ALPNProtocols: ["third", "second"] })).alpn, "second");
    const { refused } = await nodeVisits(options, { ALPNProtocols: ["other"] });
    assertEquals(refused, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
  });

  Deno.test(`our client (${engine}) agrees with Node on its favourite protocol, or is refused`, async () => {
    await using node = new NodePeer("server", { ...pair, ALPNProtocols: ["best", "second"] });
    const port = await node.port();
    const socket = await visit(port, { engine, alpnProtocols: ["other", "second"] });
    assertEquals([socket.alpnProtocol, (await node.next()).alpn], ["second", "second"]);
    socket.destroy();
    const error = await assertRejects(() => visit(port, { engine, alpnProtocols: ["other"] }), TcpError);
    assertEquals(error.code, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
  });

  Deno.test(`our client (${engine}) refuses bad servers of Node's`, async (t) => {
    await using node = new NodePeer("servers", { pairs: BAD_SERVERS.map(({ pair }) => pair) });
    const ports: number[] = [];
    for (const _ of BAD_SERVERS) ports.push(await node.port());
    for (const [index, { what, codes }] of BAD_SERVERS.entries()) {
      const error = await assertRejects(() => visit(ports[index]!, { engine }), TcpError); // as many as there are
      await t.step(what, () => assertEquals(error.code, codes[engine]));
    }
  });

  Deno.test(`Node refuses bad servers of ours (${engine})`, async (t) => {
    await using apps = listenAll(BAD_SERVERS.map(({ pair: { cert, key } }) => serving(engine, { cert, key })));
    await using node = new NodePeer("clients", { ports: apps.ports, ca: authority.cert });
    for (const { what, codes } of BAD_SERVERS) {
      const { refused } = await node.next();
      await t.step(what, () => assertEquals(refused, codes.nodeItself));
    }
  });

  Deno.test(`our client (${engine}) without a certificate is refused by a server of Node's that wants one`, async () => {
    const alert = "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE";
    await using node = new NodePeer("server", {
      ...pair,
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
      maxVersion: "TLSv1.2", // with 1.3 a client hears of it behind the handshake
    });
    const port = await node.port();
    const error = await assertRejects(() => visit(port, { engine }), TcpError);
    // The engine "deno" sends its part in pieces: Node may be gone before the last, and then that is what it tells.
    const told = engine === "deno" && /^(EPIPE|ECONNRESET)$/.test(error.code ?? "") ? alert : error.code;
    assertEquals(told, alert);
    assertEquals((await node.next()).failed, "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE");
  });
}

for (const version of VERSIONS) {
  Deno.test(`our client shows its certificate to a server of Node's (${version})`, async () => {
    const { key } = KEY_KINDS.find(({ kind }) => kind === "an encrypted EC key as SEC 1")!; // it is there
    await using node = new NodePeer("server", {
      ...pair,
      ca: authority.cert,
      requestCert: true,
      minVersion: version,
      maxVersion: version,
    });
    const port = await node.port();
    for (
      const [tls, peer] of [[mine, "client"], [
        { cert: server.cert, key, passphrase: PASSPHRASE },
        "localhost",
      ]] as const
    ) {
      const socket = await visit(port, tls);
      const sent = pattern(1_000);
      assertSameBytes(await exchange(socket, sent), sent);
      const facts = await node.next();
      assertEquals([facts.authorized, facts.peer, facts.protocol], [true, peer, version]);
    }
  });

  Deno.test(`Node shows its certificate to our server (${version})`, async () => {
    await using app = listen({ tls: strict });
    const judged: unknown[] = [];
    app.onConnection((socket) => {
      judged.push([socket.authorized, socket.getPeerCertificate()?.subject.CN, socket.getProtocol()]);
      socket.pipe(socket);
    });
    const { port } = app.address()!; // it listens
    const only = { port, ca: authority.cert, minVersion: version, maxVersion: version };
    await using node = new NodePeer("client", { ...only, ...mine, sizes: [1_000] });
    assertEquals((await node.next()).echoed, [1_000]);
    assertEquals(judged, [[true, "client", version]]);
  });
}
