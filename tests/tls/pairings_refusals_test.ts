// What does not work between any two engines, and by which code it is told.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type ClientTlsOptions,
  connect,
  createServer,
  type PeerCertificate,
  TcpError,
  type TcpServer,
} from "../../mod.ts";
import { BAD_SERVERS } from "./pairings_bad_servers.ts";
import { KEY_KINDS, materialOf, PAIRINGS, PASSPHRASE, serving } from "./pairings_keys.ts";
import { authority, connectTo, listenEcho, nextTlsClientError, server } from "./support.ts";

const pair = { cert: server.cert, key: server.key };

/** The code that the connection fails with. */
async function refusalOf(app: TcpServer, tls: ClientTlsOptions): Promise<string | undefined> {
  const error = await assertRejects(() => connectTo(app, { tls }), TcpError);
  return error.code;
}

for (const engines of PAIRINGS) {
  const name = `${engines.client} client, ${engines.server} server`;

  for (const { what, pair, codes } of BAD_SERVERS) {
    Deno.test(`TLS (${name}) refuses ${what}`, async () => {
      await using app = listenEcho(serving(engines.server, { cert: pair.cert, key: pair.key }));
      assertEquals(await refusalOf(app, { engine: engines.client }), codes[engines.client]);
    });
  }

  Deno.test(`TLS (${name}) refuses an address that the certificate does not have`, async () => {
    const { cert, key } = await authority.issue("elsewhere", { names: ["127.0.0.2"] });
    await using app = listenEcho(serving(engines.server, { cert, key }));
    const code = await refusalOf(app, { engine: engines.client, servername: "127.0.0.1" });
    assertEquals(code, "ERR_TLS_CERT_ALTNAME_INVALID");
  });

  Deno.test(`TLS (${name}) refuses when the two sides know no common protocol`, async () => {
    await using app = listenEcho(serving(engines.server, { ...pair, alpnProtocols: ["a"] }));
    const failed = nextTlsClientError(app);
    const code = await refusalOf(app, { engine: engines.client, alpnProtocols: ["b"] });
    assertEquals(code, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
    assert(await failed);
  });
}

for (const engine of ["node", "deno"] as const) {
  Deno.test(`TLS (${engine} client) knows no authority of ours where no ca is given`, async () => {
    await using app = listenEcho({ tls: pair });
    const { port } = app.address()!; // it listens
    const error = await assertRejects(
      () => connect({ port, host: "127.0.0.1", tls: { engine, servername: "localhost" } }),
      TcpError,
    );
    assertEquals(error.code, "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  Deno.test(`a server (${engine}) does not listen with a wrong passphrase or without one`, () => {
    for (const kind of KEY_KINDS.filter(({ passphrase }) => passphrase !== undefined)) {
      const { cert, key } = materialOf(kind);
      const refused = (passphrase?: string) => {
        const app = createServer(
          "tcp",
          serving(engine, { cert, key, ...(passphrase === undefined ? {} : { passphrase }) }),
        );
        const { message } = assertThrows(() => app.listen(0, "127.0.0.1"), TypeError);
        assertEquals(app.listening, false);
        return message;
      };
      assertEquals(refused("shut, sesame"), 'Option "tls.key" must be a key that "tls.passphrase" opens');
      assertEquals(refused(), 'Option "tls.key" is encrypted; "tls.passphrase" is missing');
    }
  });
}

Deno.test("a client does not connect with a wrong passphrase", async () => {
  await using app = listenEcho({ tls: pair });
  for (const kind of KEY_KINDS.filter(({ passphrase }) => passphrase === PASSPHRASE)) {
    const tls = { ...materialOf(kind), passphrase: "shut, sesame" };
    const error = await assertRejects(() => connectTo(app, { tls }), TypeError);
    assertEquals(error.message, 'Option "tls.key" must be a key that "tls.passphrase" opens');
  }
  assertEquals(app.metrics().accepted, 0);
});

for (const engine of ["node", "deno"] as const) {
  for (const { what, pair, codes, tolerated = codes.node } of BAD_SERVERS) {
    Deno.test(`rejectUnauthorized: false lets a client in to a server (${engine}) with ${what}, and says so`, async () => {
      await using app = listenEcho(serving(engine, { cert: pair.cert, key: pair.key }));
      const socket = await connectTo(app, { tls: { rejectUnauthorized: false } });
      assertEquals([socket.encrypted, socket.authorized, socket.authorizationError], [true, false, tolerated]);
      assertEquals(socket.getPeerCertificate()?.fingerprint256, pair.fingerprint256);
      socket.destroy();
    });
  }

  Deno.test(`an own checkServerIdentity decides instead of the names (${engine} server)`, async () => {
    const { cert, key, fingerprint256 } = await authority.issue("elsewhere", { names: ["elsewhere.test"] });
    await using app = listenEcho(serving(engine, { cert, key }));
    const asked: unknown[] = [];
    const checkServerIdentity = (servername: string, certificate: PeerCertificate) => {
      asked.push([servername, certificate.fingerprint256]);
      return undefined;
    };
    const socket = await connectTo(app, { tls: { checkServerIdentity } });
    assertEquals([socket.authorized, asked], [true, [["localhost", fingerprint256]]]);
    socket.destroy();
  });

  for (const how of ["gives", "throws"] as const) {
    Deno.test(`what an own checkServerIdentity ${how} is the end of the connection (${engine} server)`, async () => {
      await using app = listenEcho(serving(engine, pair));
      const mine = Object.assign(new Error("not pinned"), { code: "ERR_NOT_PINNED" });
      const checkServerIdentity = () => {
        if (how === "throws") throw mine;
        return mine;
      };
      const error = await assertRejects(() => connectTo(app, { tls: { checkServerIdentity } }), TcpError);
      assertEquals([error.code, error.cause], ["ERR_NOT_PINNED", mine]);
    });
  }
}

Deno.test("an own checkServerIdentity is not asked where the authority is unknown", async () => {
  const [unknown] = BAD_SERVERS;
  assert(unknown);
  await using app = listenEcho({ tls: { cert: unknown.pair.cert, key: unknown.pair.key } });
  const checkServerIdentity = () => {
    throw new Error("asked");
  };
  assertEquals(await refusalOf(app, { checkServerIdentity }), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
});

for (const [only, other] of [["TLSv1.2", "TLSv1.3"], ["TLSv1.3", "TLSv1.2"]] as const) {
  Deno.test(`a server of ${only} alone and a client of ${other} alone do not come together`, async () => {
    await using app = listenEcho({ tls: { ...pair, minVersion: only, maxVersion: only } });
    const failed = nextTlsClientError(app);
    const code = await refusalOf(app, { minVersion: other, maxVersion: other });
    assertEquals(code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    assert(await failed);
  });
}
