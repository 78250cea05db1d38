// Tickets that are resumed in roundabout ways: another name, another round of the handshake, another time.

import { assertEquals } from "@std/assert";
import { makeAuthority } from "../support/certificates.ts";
import { opensslClient, VERSIONS } from "../support/tls_clients.ts";
import { authority, client, strict } from "../tls/support.ts";
import { judging } from "./judging.ts";

const UNVERIFIED = "ERR_TLS_SESSION_UNVERIFIED";
const UNTRUSTED = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
const AUTHORIZED = [true, undefined] as const;
const DAY_MS = 86_400_000;
const stranger = await (await makeAuthority("Other CA")).issue("stranger", { use: "client" });
const [a, b] = [await authority.issue("a", { names: ["a.example"] }), await authority.issue("b")];
const sni = { "a.example": { cert: a.cert, key: a.key }, "b.example": { cert: b.cert, key: b.key } };
const hosts = { ...strict, sni };
const lenient = { ...strict, rejectUnauthorized: false };
const [hostA, hostB] = [{ servername: "a.example" }, { servername: "b.example" }];

for (const version of VERSIONS) {
  Deno.test(`an honest resumption at a name of sni stays authorized (${version})`, async () => {
    await using app = judging(hosts);
    await using peer = await opensslClient(version, client);
    assertEquals([await peer.connect(app.port, hostA), await peer.connect(app.port, hostA)], ["full", "resumed"]);
    assertEquals(app.verdicts, [AUTHORIZED, AUTHORIZED]);
  });

  Deno.test(`the ticket of one name begins a handshake of its own at another (${version})`, async () => {
    await using app = judging(hosts);
    await using peer = await opensslClient(version, client);
    assertEquals([await peer.connect(app.port, hostA), await peer.connect(app.port, hostB)], ["full", "full"]);
    assertEquals(app.verdicts, [AUTHORIZED, AUTHORIZED]);
  });

  Deno.test(`the ticket that a lenient server gave for one name opens a strict one at none (${version})`, async () => {
    await using soft = judging({ ...lenient, sni });
    await using hard = judging(hosts);
    await using peer = await opensslClient(version, stranger);
    for (const [manner, code] of [[hostA, UNVERIFIED], [hostB, UNTRUSTED], [{}, UNTRUSTED]] as const) {
      // Refusals leave their own tickets, so he gets a new one each time.
      assertEquals((await peer.connect(soft.port, hostA)) === "refused", false);
      assertEquals(await peer.connect(hard.port, manner), "refused");
      assertEquals([hard.verdicts, hard.refusals.at(-1)], [[], code]);
    }
  });

  Deno.test(`the ticket of a name of sni opens no strict server without sni (${version})`, async () => {
    await using soft = judging({ ...lenient, sni });
    await using hard = judging(strict);
    await using peer = await opensslClient(version, stranger);
    assertEquals([await peer.connect(soft.port, hostA), await peer.connect(hard.port, hostA)], ["full", "refused"]);
    assertEquals([hard.verdicts, hard.refusals], [[], [UNVERIFIED]]);
  });

  Deno.test(`a session is resumed no more when its certificate has expired (${version})`, async () => {
    await using app = judging(strict);
    await using peer = await opensslClient(version, client);
    assertEquals(await peer.connect(app.port), "full");
    const now = Date.now;
    Date.now = () => now() + DAY_MS + 60_000; // the engine has a clock of its own, and sees no reason to refuse
    try {
      assertEquals(await peer.connect(app.port), "refused");
    } finally {
      Date.now = now;
    }
    assertEquals([app.verdicts, app.refusals], [[AUTHORIZED], [UNVERIFIED]]);
  });
}

// With a first group that the server does not know the ticket comes in the second hello (RFC 8446, 4.1.4).
const retry = { groups: "P-521:P-256" };
const hellos = (said: string) => said.match(/<<< .*ServerHello/g)?.length;

Deno.test("a ticket in the second hello of a handshake opens no strict server", async () => {
  await using soft = judging(lenient);
  await using hard = judging(strict);
  await using peer = await opensslClient("TLSv1.3", stranger);
  assertEquals([await peer.connect(soft.port), await peer.connect(hard.port, retry)], ["full", "refused"]);
  assertEquals([hellos(peer.said), hard.verdicts, hard.refusals], [2, [], [UNVERIFIED]]);
});

Deno.test("a ticket in the second hello of a handshake is worth nothing at a lenient server", async () => {
  await using app = judging(lenient);
  await using peer = await opensslClient("TLSv1.3", stranger);
  assertEquals([await peer.connect(app.port), await peer.connect(app.port, retry)], ["full", "resumed"]);
  assertEquals([hellos(peer.said), app.verdicts], [2, [[false, UNTRUSTED], [false, UNVERIFIED]]]);
});

Deno.test("an honest ticket in the second hello of a handshake stays authorized", async () => {
  await using app = judging(strict);
  await using peer = await opensslClient("TLSv1.3", client);
  assertEquals([await peer.connect(app.port), await peer.connect(app.port, retry)], ["full", "resumed"]);
  assertEquals([hellos(peer.said), app.verdicts], [2, [AUTHORIZED, AUTHORIZED]]);
});
