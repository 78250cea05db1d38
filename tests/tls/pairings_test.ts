// What works between any two engines: sizes, versions, keys, PEM in its shapes, chains, names, ALPN, unix sockets.

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import {
  type ClientTlsOptions,
  connect,
  createServer,
  type TcpServer,
  type TCPSocket,
  type TlsEngine,
} from "../../mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { KEY_KINDS, materialOf, PAIRINGS, serving } from "./pairings_keys.ts";
import { authority, connectTo, listen, listenEcho, pattern, server, strict } from "./support.ts";

const pair = { cert: server.cert, key: server.key };
// 1 byte, a record and a byte, and more than any buffer on the way holds.
const SIZES = [1, 16_385, 1_048_576, 8_388_608].map(pattern);

/** Sends those bytes and compares what comes back with them. */
async function assertEchoes(socket: TCPSocket, sent: Uint8Array): Promise<void> {
  let at = 0;
  socket.write(sent);
  for await (const chunk of socket) {
    assertEquals(Buffer.compare(chunk, sent.subarray(at, at + chunk.length)), 0);
    if ((at += chunk.length) >= sent.length) break;
  }
  assertEquals(at, sent.length);
}

/** Connects with that engine, and sees that the server is there. */
async function assertReaches(app: TcpServer, engine: TlsEngine, tls: ClientTlsOptions = {}): Promise<void> {
  const socket = await connectTo(app, { tls: { engine, ...tls } });
  assertEquals([socket.encrypted, socket.authorized], [true, true]);
  await assertEchoes(socket, pattern(100));
}

for (const engines of PAIRINGS) {
  const name = `${engines.client} client, ${engines.server} server`;

  // The engine "deno" cannot be told a version: the other side is, where it can.
  const untold = engines.client === "deno" && engines.server === "deno";
  for (const version of untold ? [undefined] : ["TLSv1.2", "TLSv1.3"] as const) {
    const only = version === undefined ? {} : { minVersion: version, maxVersion: version };

    Deno.test(`${version ?? "TLS"} (${name}) echoes 1 byte to 8 MiB`, async () => {
      await using app = listenEcho(serving(engines.server, { ...pair, ...(engines.server === "node" ? only : {}) }));
      const told: unknown[] = [];
      app.onConnection((socket) => told.push(socket.getProtocol()));
      for (const sent of SIZES) {
        const socket = await connectTo(app, {
          tls: { engine: engines.client, ...(engines.client === "node" ? only : {}) },
        });
        assertEquals(socket.getProtocol(), engines.client === "node" ? version : undefined);
        await assertEchoes(socket, sent);
      }
      assertEquals(told, SIZES.map(() => engines.server === "node" ? version : undefined));
    });
  }

  for (const kind of KEY_KINDS) {
    Deno.test(`TLS (${name}) works with ${kind.kind}`, async () => {
      assertStringIncludes(kind.key, `-----BEGIN ${kind.label}-----`);
      await using app = listenEcho(serving(engines.server, materialOf(kind)));
      await assertReaches(app, engines.client);
    });
  }

  Deno.test(`TLS (${name}) takes PEM as a string, as bytes and as arrays of both`, async () => {
    const below = await authority.delegate("Below CA");
    const leaf = await below.issue("localhost");
    const bytes = (text: string) => new TextEncoder().encode(text);
    const other = await makeAuthority("Other CA");
    const shapes = [
      { cert: leaf.cert + below.cert, key: leaf.key, ca: authority.cert },
      { cert: bytes(leaf.cert + below.cert), key: bytes(leaf.key), ca: bytes(authority.cert) },
      { cert: [leaf.cert, below.cert], key: [leaf.key], ca: [other.cert, authority.cert] },
      { cert: [bytes(leaf.cert), below.cert], key: [bytes(leaf.key)], ca: [bytes(other.cert), authority.cert] },
    ];
    for (const { cert, key, ca } of shapes) {
      await using app = listenEcho(serving(engines.server, { cert, key }));
      await assertReaches(app, engines.client, { ca });
    }
  });

  Deno.test(`TLS (${name}) trusts a chain of two authorities below the known one`, async () => {
    const upper = await authority.delegate("Upper CA");
    const lower = await upper.delegate("Lower CA");
    const leaf = await lower.issue("localhost");
    await using app = listenEcho(
      serving(engines.server, { cert: [leaf.cert, lower.cert, upper.cert], key: leaf.key }),
    );
    await assertReaches(app, engines.client);
  });

  Deno.test(`TLS (${name}) agrees on the server's favourite of the protocols that both offer`, async () => {
    await using app = listen(serving(engines.server, { ...pair, alpnProtocols: ["best", "second", "third"] }));
    const chosen = new Promise<string | undefined>((resolve) => {
      app.onConnection((socket) => resolve(socket.alpnProtocol));
    });
    const socket = await connectTo(app, { tls: { engine: engines.client, alpnProtocols: ["third", "second"] } });
    assertEquals([await chosen, socket.alpnProtocol], ["second", "second"]);
    socket.destroy();
  });

  Deno.test(`TLS (${name}) agrees on no protocol where one side has none to offer`, async () => {
    for (const side of ["server", "client"]) {
      const offer = { alpnProtocols: ["alone"] };
      await using app = listenEcho(serving(engines.server, { ...pair, ...(side === "server" ? offer : {}) }));
      const socket = await connectTo(app, { tls: { engine: engines.client, ...(side === "client" ? offer : {}) } });
      assertEquals(socket.alpnProtocol, undefined);
      socket.destroy();
    }
  });

  Deno.test(`TLS (${name}) knows a server by an address of either kind`, async () => {
    const { cert, key } = await authority.issue("no name", { names: ["127.0.0.1", "::1"] });
    await using app = listenEcho(serving(engines.server, { cert, key }));
    for (const servername of ["127.0.0.1", "::1"]) await assertReaches(app, engines.client, { servername });
  });

  Deno.test(`TLS (${name}) knows a server by a wildcard, for one label`, async () => {
    const { cert, key } = await authority.issue("wild", { names: ["*.example.test"] });
    await using app = listenEcho(serving(engines.server, { cert, key }));
    await assertReaches(app, engines.client, { servername: "a.example.test" });
    const error = await assertRejects(() =>
      connectTo(app, { tls: { engine: engines.client, servername: "b.a.example.test" } })
    );
    assertEquals(codeOf(error), "ERR_TLS_CERT_ALTNAME_INVALID");
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

for (const kind of KEY_KINDS) {
  Deno.test(`a client shows its certificate with ${kind.kind}`, async () => {
    await using app = listen({ tls: strict });
    const seen = new Promise<unknown[]>((resolve) => {
      app.onConnection((socket) => resolve([socket.authorized, socket.getPeerCertificate()?.fingerprint256]));
    });
    const socket = await connectTo(app, { tls: materialOf(kind) });
    assertEquals(await seen, [true, kind.pair.fingerprint256]);
    socket.destroy();
  });
}

Deno.test("TLS works over a unix socket, where the server is localhost", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/tls.sock`;
    await using app = createServer("tcp", { path, tls: pair }).listen();
    app.onConnection((socket) => socket.pipe(socket));
    const socket = await connect({ path, tls: { ca: authority.cert } });
    assertEquals([socket.authorized, socket.servername], [true, "localhost"]);
    await assertEchoes(socket, pattern(100_000));
    const error = await assertRejects(() =>
      connect({ path, tls: { ca: authority.cert, servername: "elsewhere.test" } })
    );
    assertEquals(codeOf(error), "ERR_TLS_CERT_ALTNAME_INVALID");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test('the engine "deno" is refused for a unix socket, on both ends', async () => {
  const path = "/nowhere/tls.sock";
  const rule = 'Option "tls.engine" must not be "deno" with "path"';
  await assertRejects(() => connect({ path, tls: { engine: "deno" } }), TypeError, rule);
  assertThrows(() => createServer("tcp", { path, ...serving("deno", pair) }), TypeError, rule);
});
