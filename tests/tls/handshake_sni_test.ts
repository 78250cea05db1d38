// The user's function for certificates by name: whatever it does, it costs its own connection only.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import type { SelectCertificate, SocketError, TcpServer, TCPSocket } from "../../mod.ts";
import { descriptorsFall } from "../support/descriptors.ts";
import { authority, client, connectTo, listenEcho, server, strict } from "./support.ts";

const exact = await authority.issue("exact", { names: ["a.example", "localhost"] });
const pairOf = ({ cert, key }: { cert: string; key: string }) => ({ cert, key });
const trusted = pairOf(client);

/** A function for the server that does not keep to its type, as those of plain JavaScript may. */
function lying(give: () => unknown): SelectCertificate;
function lying(give: () => unknown): unknown {
  return (name: string) => name === "bad.example" ? give() : undefined;
}

async function nextFailure(app: TcpServer): Promise<SocketError> {
  return await new Promise((resolve) => app.once("tlsClientError", resolve));
}

async function echoes(socket: TCPSocket, text: string): Promise<void> {
  socket.write(text);
  const [data] = await once(socket, "data");
  assertEquals(String(data), text);
}

const RUBBISH: readonly (readonly [what: string, give: () => unknown, words: string, code: string])[] = [
  [
    "throws undefined",
    () => {
      throw undefined;
    },
    "undefined",
    "ERR_UNHANDLED_ERROR",
  ],
  ["rejects with nothing", () => Promise.reject(), "undefined", "ERR_UNHANDLED_ERROR"],
  ["gives a number", () => 5, "a function that gives { cert, key }", "ERR_INVALID_RETURN_VALUE"],
  [
    "gives a promise of true",
    () => Promise.resolve(true),
    "a function that gives { cert, key }",
    "ERR_INVALID_RETURN_VALUE",
  ],
  ["gives a function", () => () => exact, "a function that gives { cert, key }", "ERR_INVALID_RETURN_VALUE"],
  ["gives an empty object", () => ({}), '"tls.sni.cert" must be PEM', "ERR_INVALID_ARG_TYPE"],
  ["gives an array", () => [exact.cert, exact.key], '"tls.sni.cert" must be PEM', "ERR_INVALID_ARG_TYPE"],
  ["gives no key", () => ({ cert: exact.cert }), '"tls.sni.key" must be PEM', "ERR_INVALID_ARG_TYPE"],
  [
    "gives what is no PEM",
    () => ({ cert: "cert", key: "key" }),
    '"tls.sni.cert" must hold a certificate',
    "ERR_OSSL_PEM_NO_START_LINE",
  ],
  [
    "gives another one's key",
    () => ({ cert: exact.cert, key: server.key }),
    '"tls.sni.key" must be the key of',
    "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
  ],
  [
    "gives a certificate that throws",
    () => ({
      get cert() {
        throw new RangeError("a trap");
      },
    }),
    "a trap",
    "ERR_UNKNOWN",
  ],
  [
    "gives a promise that throws",
    () => ({
      then() {
        throw new Error("a trap, too");
      },
    }),
    "a trap, too",
    "ERR_UNKNOWN",
  ],
];

for (const [asked, tls] of [["", pairOf(server)], [", clients are asked for a certificate", strict]] as const) {
  for (const [what, give, words, expected] of RUBBISH) {
    Deno.test(`an sni function that ${what} costs its own connection only${asked}`, async () => {
      await using app = listenEcho({ tls: { ...tls, sni: lying(give) } });
      const { port } = app.address()!; // it listens
      const honest = await connectTo(app, { tls: trusted });
      const failed = nextFailure(app);
      await assertRejects(() => connectTo(app, { tls: { ...trusted, servername: "bad.example" } }));
      const { code, message } = await failed;
      assertEquals(code, expected);
      assert(message.includes(words), message);
      assert(!message.includes("BEGIN"), "key material is shown");
      await echoes(honest, "served");
      assertEquals([app.metrics().closed.tls, app.metrics().preparing, app.connections.size], [1, 0, 1]);
      assert(await descriptorsFall(port, 2), "only the listener and the honest client may be left");
      honest.destroy();
    });
  }
}

Deno.test("an sni function that gives null leaves it to the server's own certificate", async () => {
  await using app = listenEcho({ tls: { ...pairOf(server), sni: lying(() => null) } });
  const socket = await connectTo(app, { tls: { servername: "bad.example", rejectUnauthorized: false } });
  assertEquals(socket.getPeerCertificate()?.fingerprint256, server.fingerprint256);
  socket.destroy();
});

Deno.test("100 handshakes whose sni function never settles keep nobody out, and are freed with the server", async () => {
  const all = Promise.withResolvers<void>();
  let asked = 0;
  const sni = lying(() => {
    if (++asked === 100) all.resolve();
    return new Promise(() => {});
  });
  const app = listenEcho({ tls: { ...pairOf(server), sni } });
  const { port } = app.address()!; // it listens
  const given = Array.from({ length: 100 }, () => {
    return assertRejects(() => connectTo(app, { tls: { servername: "bad.example" } }));
  });
  await all.promise;
  const honest = await connectTo(app);
  await echoes(honest, "served");
  assertEquals([app.metrics().preparing, app.connections.size], [100, 1]);
  app.destroy();
  await Promise.all(given);
  honest.destroy();
  assertEquals([app.metrics().preparing, app.metrics().closed.shutdown], [0, 101]);
  assert(await descriptorsFall(port, 0));
});

Deno.test("an sni function that never settles is cut off at deadlines.handshakeMs, descriptor and all", async () => {
  const sni = lying(() => new Promise(() => {}));
  await using app = listenEcho({ tls: { ...pairOf(server), sni }, deadlines: { handshakeMs: 100 } });
  const { port } = app.address()!; // it listens
  const failed = nextFailure(app);
  await assertRejects(() => connectTo(app, { tls: { servername: "bad.example" } }));
  assertEquals((await failed).code, "ETIMEDOUT");
  assertEquals([app.metrics().closed["deadline:handshake"], app.metrics().preparing], [1, 0]);
  assert(await descriptorsFall(port, 1), "only the listener may be left");
});

Deno.test("an sni function that settles after the client has gone changes nothing", async () => {
  const { promise: late, resolve: settle } = Promise.withResolvers<unknown>();
  const asked = Promise.withResolvers<void>();
  const sni = lying(() => {
    asked.resolve();
    return late;
  });
  await using app = listenEcho({ tls: { ...pairOf(server), sni } });
  const { port } = app.address()!; // it listens
  const failed = nextFailure(app);
  const leaving = new AbortController();
  const left = assertRejects(() => {
    return connectTo(app, { signal: leaving.signal, tls: { engine: "node", servername: "bad.example" } });
  });
  await asked.promise;
  leaving.abort();
  await left;
  assertEquals((await failed).code, "ECONNRESET");
  settle(pairOf(exact));
  const socket = await connectTo(app);
  await echoes(socket, "served");
  assertEquals([app.metrics().closed.tls, app.metrics().preparing, app.metrics().accepted], [1, 0, 2]);
  assert(await descriptorsFall(port, 2));
  socket.destroy();
});

for (
  const [what, reload, shown] of [
    ["a reload", (app: TcpServer) => void app.reloadTls(pairOf(exact)), exact],
    [
      "a reload with another one's key, which throws at once",
      (app: TcpServer) => {
        assertThrows(
          () => app.reloadTls({ cert: server.cert, key: exact.key }),
          TypeError,
          '"tls.key" must be the key of',
          "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
        );
        app.reloadTls({ alpnProtocols: ["a"] }); // with what it had before
      },
      server,
    ],
  ] as const
) {
  Deno.test(`a handshake that is under way ends with the old certificate after ${what}`, async () => {
    const { promise: answer, resolve: settle } = Promise.withResolvers<undefined>();
    const asked = Promise.withResolvers<void>();
    const sni = () => {
      asked.resolve();
      return answer;
    };
    await using app = listenEcho({ tls: { ...pairOf(server), sni } });
    const connecting = connectTo(app);
    await asked.promise;
    reload(app);
    settle(undefined);
    const before = await connecting;
    assertEquals(before.getPeerCertificate()?.fingerprint256, server.fingerprint256);
    const after = await connectTo(app);
    assertEquals(after.getPeerCertificate()?.fingerprint256, shown.fingerprint256);
    await echoes(before, "old");
    await echoes(after, "new");
    before.destroy();
    after.destroy();
  });
}
