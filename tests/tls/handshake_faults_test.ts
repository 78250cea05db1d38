// Handshakes that fail cost their own connection only: it is freed, told as tlsClientError and counted; nobody else notices.

import { assert, assertEquals } from "@std/assert";
import { once } from "node:events";
import type { ServerOptions, SocketError, TcpServer, TCPSocket } from "../../mod.ts";
import { descriptorsFall } from "../support/descriptors.ts";
import { clientHello, openPeer, openStalledPeer, type Peer } from "./faulty_peers.ts";
import { client, connectTo, listenEcho, server, strict } from "./support.ts";

const pair = { cert: server.cert, key: server.key };
const trusted = { cert: client.cert, key: client.key };

/** The ways to listen, and what an honest client shows there. */
const SERVERS: readonly (readonly [name: string, options: ServerOptions, shown: object])[] = [
  ["nobody is asked for a certificate", { tls: { ...pair, engine: "node" } }, {}],
  ["clients are asked for a certificate", { tls: strict }, trusted],
  ["engine deno", { tls: { ...pair, engine: "deno" }, tcp: { noDelay: false } }, {}],
];

const NO_TLS = "ERR_SSL_WRONG_VERSION_NUMBER";
const half = clientHello.subarray(0, clientHello.length / 2);

/** What a peer does that ends its handshake at once, and the code that it gets. */
const FAULTS: readonly (readonly [what: string, code: string, act: (peer: Peer) => void])[] = [
  ["speaks plain HTTP", NO_TLS, ({ socket }) => socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["talks garbage", NO_TLS, ({ socket }) => socket.write(Uint8Array.from({ length: 300 }, (_, i) => i * 37))],
  ["sends zeros", NO_TLS, ({ socket }) => socket.write(new Uint8Array(300))],
  ["says goodbye first", "ECONNRESET", ({ socket }) => socket.end()],
  ["sends half a ClientHello and FIN", "ECONNRESET", ({ socket }) => socket.end(half)],
  [
    "sends half a ClientHello and RST",
    "ECONNRESET",
    ({ socket }) => socket.write(half, () => socket.resetAndDestroy()),
  ],
  ["sends a ClientHello and FIN", "ECONNRESET", ({ socket }) => socket.end(clientHello)],
  ["resets when it is answered", "ECONNRESET", ({ socket, answered }) => {
    socket.write(clientHello);
    answered.then(() => socket.resetAndDestroy());
  }],
  ["talks garbage when it is answered", NO_TLS, ({ socket, answered }) => {
    socket.write(clientHello);
    answered.then(() => socket.write(new Uint8Array(300).fill(7)));
  }],
  ["begins again when it is answered", "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", ({ socket, answered }) => {
    socket.write(clientHello);
    answered.then(() => socket.write(clientHello));
  }],
];

/** The next failed handshake: its code, and the port that the server was told of. */
async function nextFailure(app: TcpServer): Promise<[code: string | undefined, port: number | undefined]> {
  const [error, peer]: [SocketError, { remotePort: number | undefined }] = await new Promise((resolve) => {
    app.once("tlsClientError", (...told) => resolve(told));
  });
  return [error.code, peer.remotePort];
}

/** Resolves when that many handshakes have failed. */
function failures(app: TcpServer, count: number): Promise<void> {
  return new Promise((resolve) => {
    app.on("tlsClientError", () => {
      if (--count === 0) resolve();
    });
  });
}

async function echoes(socket: TCPSocket, text: string): Promise<void> {
  socket.write(text);
  const [data] = await once(socket, "data");
  assertEquals(String(data), text);
}

for (const [name, options, shown] of SERVERS) {
  for (const [what, code, act] of FAULTS) {
    Deno.test(`a peer that ${what} is freed and told of (${name})`, async () => {
      await using app = listenEcho(options);
      const { port } = app.address()!; // it listens
      const honest = await connectTo(app, { tls: shown });
      const failed = nextFailure(app);
      await using peer = await openPeer(port);
      const { localPort } = peer.socket;
      act(peer);
      assertEquals(await failed, [code, localPort]);
      assertEquals([app.metrics().closed.tls, app.metrics().preparing, app.connections.size], [1, 0, 1]);
      await echoes(honest, "served");
      await peer.closed;
      assert(await descriptorsFall(port, 2), "only the listener and the honest client may be left");
      honest.destroy();
    });
  }
}

for (const [name, options, shown] of SERVERS.slice(0, 2)) {
  for (
    const [what, open] of [
      ["is silent", openPeer],
      ["is silent behind its ClientHello", openStalledPeer],
    ] as const
  ) {
    Deno.test(`a peer that ${what} is freed at deadlines.handshakeMs (${name})`, async () => {
      await using app = listenEcho({ ...options, deadlines: { handshakeMs: 100 } });
      const { port } = app.address()!; // it listens
      const failed = nextFailure(app);
      await using peer = await open(port);
      const { localPort } = peer.socket;
      assertEquals(await failed, ["ETIMEDOUT", localPort]);
      await peer.closed;
      assertEquals([app.metrics().closed["deadline:handshake"], app.metrics().preparing], [1, 0]);
      assert(await descriptorsFall(port, 1), "only the listener may be left");
    });
  }

  Deno.test(`a peer that feeds its handshake byte by byte is freed at deadlines.handshakeMs (${name})`, async () => {
    await using app = listenEcho({ ...options, deadlines: { handshakeMs: 1_000 } });
    const { port } = app.address()!; // it listens
    const honest = await connectTo(app, { tls: shown });
    const failed = nextFailure(app);
    await using peer = await openPeer(port);
    // A ClientHello as long as one record can be; a byte of it with each turn that the honest client gets.
    const endless = new Uint8Array(16_384 + 5);
    endless.set([0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc]);
    let fed = 0;
    while (app.metrics().closed["deadline:handshake"] === 0) {
      if (fed < endless.length - 1) peer.socket.write(endless.subarray(fed, ++fed));
      await echoes(honest, `${fed}`);
    }
    assertEquals((await failed)[0], "ETIMEDOUT");
    assert(fed > 9, `${fed} bytes were fed`);
    await peer.closed;
    assert(await descriptorsFall(port, 2), "only the listener and the honest client may be left");
    honest.destroy();
  });

  Deno.test(`500 peers in the handshake keep nobody out (${name})`, async () => {
    const app = listenEcho({ ...options, deadlines: { handshakeMs: 60_000 } });
    const { port } = app.address()!; // it listens
    const before = await connectTo(app, { tls: shown });
    const silent = await Promise.all(Array.from({ length: 450 }, () => openPeer(port)));
    const stalled = await Promise.all(Array.from({ length: 50 }, () => openStalledPeer(port)));
    assertEquals(app.metrics().preparing, 500);
    await echoes(before, "still served");
    const after = await connectTo(app, { tls: shown });
    await echoes(after, "served, too");
    assert(await descriptorsFall(port, 503));
    // Half of them by their own, the others with the server.
    const gone = failures(app, 225);
    for (const { socket } of silent.slice(225)) socket.resetAndDestroy();
    await gone;
    assertEquals([app.metrics().preparing, app.metrics().closed.tls], [275, 225]);
    assert(await descriptorsFall(port, 278));
    app.destroy();
    await Promise.all([...silent, ...stalled].map(({ closed }) => closed));
    assert(await descriptorsFall(port, 0));
    assertEquals([app.metrics().preparing, app.metrics().closed.shutdown], [0, 277]);
    assertEquals(app.metrics().accepted, 502);
  });

  Deno.test(`500 faulty peers at once are freed by deadlines.handshakeMs (${name})`, async () => {
    await using app = listenEcho({ ...options, deadlines: { handshakeMs: 1_000 } });
    const { port } = app.address()!; // it listens
    const honest = await connectTo(app, { tls: shown });
    const all = failures(app, 500);
    const stallers = [
      () => {},
      ({ socket }: Peer) => socket.write(half),
      ({ socket }: Peer) => socket.write(clientHello),
    ];
    const acts = [...stallers, ...FAULTS.map(([, , act]) => act)];
    const peers = await Promise.all(Array.from({ length: 500 }, async (_, i) => {
      const peer = await openPeer(port);
      acts[i % acts.length]?.(peer);
      return peer;
    }));
    await echoes(honest, "served meanwhile");
    await all;
    await Promise.all(peers.map(({ closed }) => closed));
    assert(await descriptorsFall(port, 2), "only the listener and the honest client may be left");
    const { accepted, preparing, open, closed } = app.metrics();
    const stalled = peers.filter((_, i) => i % acts.length < stallers.length).length;
    assertEquals([accepted, preparing, open], [501, 0, 1]);
    assertEquals(closed.tls + closed["deadline:handshake"], 500);
    // On a busy machine others are too late as well.
    assert(closed["deadline:handshake"] >= stalled, `${closed["deadline:handshake"]} of ${stalled}`);
    const after = await connectTo(app, { tls: shown });
    await echoes(after, "served afterwards");
    honest.destroy();
    after.destroy();
  });
}

Deno.test("a peer that stalls is told of at deadlines.handshakeMs and freed when it goes (engine deno)", async () => {
  await using app = listenEcho({ ...SERVERS[2]![1], deadlines: { handshakeMs: 100 } }); // the third of three
  const { port } = app.address()!; // it listens
  const gone = failures(app, 40);
  const peers = await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? openPeer : openStalledPeer)(port)));
  await gone;
  assertEquals([app.metrics().preparing, app.metrics().closed["deadline:handshake"]], [0, 40]);
  for (const peer of peers) await peer[Symbol.asyncDispose]();
  assert(await descriptorsFall(port, 1), "only the listener may be left");
});
