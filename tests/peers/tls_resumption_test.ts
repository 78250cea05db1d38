// Sessions resumed by OpenSSL and Node: a ticket brings back a certificate, not a proof. All servers of a process open each
// other's tickets, so each of these clients takes one from here to there.

import { assertEquals } from "@std/assert";
import { makeAuthority, type Pair } from "../support/certificates.ts";
import { type MakeClient, nodeClient, opensslClient, VERSIONS } from "../support/tls_clients.ts";
import { authority, client, server, strict } from "../tls/support.ts";
import { judging, type JudgingServer, judgingUpgrades } from "./judging.ts";

const UNVERIFIED = "ERR_TLS_SESSION_UNVERIFIED";
const UNTRUSTED = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
const lenient = { ...strict, rejectUnauthorized: false };
const otherAuthority = await makeAuthority("Other CA");
const stranger = await otherAuthority.issue("stranger", { use: "client" });
const MAKES: readonly (readonly [name: string, make: MakeClient])[] = [["openssl", opensslClient], [
  "node",
  nodeClient,
]];

interface Source {
  readonly name: string;
  readonly open: () => JudgingServer;
  readonly starttls?: boolean;
  readonly who: Pair;
}

const elsewhere = { ...strict, ca: otherAuthority.cert };
const SOURCES: readonly Source[] = [
  { name: "of a lenient server", open: () => judging(lenient), who: stranger },
  { name: "of a lenient server, where it was good,", open: () => judging(lenient), who: client },
  { name: "of a server with another ca", open: () => judging(elsewhere), who: stranger },
  { name: "of a server with the same rules", open: () => judging(strict), who: client },
  { name: "of a lenient upgradeTls()", open: () => judgingUpgrades(lenient), starttls: true, who: stranger },
  { name: "of an upgradeTls() with another ca", open: () => judgingUpgrades(elsewhere), starttls: true, who: stranger },
];

for (const version of VERSIONS) {
  for (const { name, open, starttls = false, who } of SOURCES) {
    for (const upgrades of [false, true]) {
      const target = upgrades ? "upgradeTls()" : "server";
      const openTarget = upgrades ? judgingUpgrades : judging;

      Deno.test(`the ticket ${name} opens no strict ${target} (${version})`, async () => {
        await using source = open();
        await using hard = openTarget({ ...strict });
        await using peer = await opensslClient(version, who);
        assertEquals(await peer.connect(source.port, { starttls }), "full");
        // The second time he shows what the refusal may have left him.
        for (let i = 0; i < 2; i++) assertEquals(await peer.connect(hard.port, { starttls: upgrades }), "refused");
        assertEquals([hard.verdicts, hard.heard, hard.refusals], [[], [], [UNVERIFIED, UNVERIFIED]]);
      });

      Deno.test(`the ticket ${name} is worth nothing at a lenient ${target} (${version})`, async () => {
        await using source = open();
        await using soft = openTarget({ ...lenient });
        await using peer = await opensslClient(version, who);
        assertEquals(await peer.connect(source.port, { starttls }), "full");
        assertEquals(await peer.connect(soft.port, { starttls: upgrades }), "resumed");
        assertEquals(soft.verdicts, [[false, UNVERIFIED]]);
      });
    }
  }

  Deno.test(`the ticket of a server that asks nobody opens no strict one (${version})`, async () => {
    await using source = judging({ cert: server.cert, key: server.key });
    await using hard = judging(strict);
    await using peer = await opensslClient(version, client);
    assertEquals([await peer.connect(source.port), await peer.connect(hard.port)], ["full", "refused"]);
    assertEquals([source.verdicts, hard.verdicts], [[[false, undefined]], []]);
  });

  Deno.test(`the ticket of a server that asks nobody shows nobody to a lenient one (${version})`, async () => {
    await using source = judging({ cert: server.cert, key: server.key });
    await using soft = judging(lenient);
    await using peer = await opensslClient(version, client);
    assertEquals([await peer.connect(source.port), await peer.connect(soft.port)], ["full", "resumed"]);
    assertEquals(soft.verdicts, [[false, "UNABLE_TO_GET_ISSUER_CERT"]]);
  });

  Deno.test(`a ticket from before a reload with another ca opens a strict server no more (${version})`, async () => {
    await using app = judging(strict);
    await using peer = await opensslClient(version, client);
    assertEquals(await peer.connect(app.port), "full");
    app.reload({ ca: otherAuthority.cert });
    assertEquals(await peer.connect(app.port), "refused");
    assertEquals([app.verdicts, app.refusals], [[[true, undefined]], [UNVERIFIED]]);
    app.reload({ ca: authority.cert }); // that was verified under other rules than these
    assertEquals(await peer.connect(app.port), "refused");
  });

  Deno.test(`a ticket from before a reload with another ca is not authorized (${version})`, async () => {
    await using app = judging(lenient);
    await using peer = await opensslClient(version, client);
    assertEquals(await peer.connect(app.port), "full");
    app.reload({ ca: otherAuthority.cert });
    assertEquals(await peer.connect(app.port), "resumed");
    assertEquals(app.verdicts, [[true, undefined], [false, UNVERIFIED]]);
  });

  for (const [make, makeClient] of MAKES) {
    Deno.test(`an honest resumption by ${make} stays authorized (${version})`, async () => {
      await using app = judging(strict);
      await using peer = await makeClient(version, client);
      const outcomes = [await peer.connect(app.port), await peer.connect(app.port), await peer.connect(app.port)];
      assertEquals(outcomes, ["full", "resumed", "resumed"]);
      assertEquals(app.verdicts, [[true, undefined], [true, undefined], [true, undefined]]);
    });

    Deno.test(`an honest resumption by ${make} stays authorized behind upgradeTls() (${version})`, async () => {
      await using app = judgingUpgrades(strict);
      await using peer = await makeClient(version, client);
      const starttls = true;
      const outcomes = [await peer.connect(app.port, { starttls }), await peer.connect(app.port, { starttls })];
      assertEquals(outcomes, ["full", "resumed"]);
      assertEquals(app.verdicts, [[true, undefined], [true, undefined]]);
    });

    Deno.test(`a certificate that was tolerated is not authorized when ${make} resumes (${version})`, async () => {
      await using app = judging(lenient);
      await using peer = await makeClient(version, stranger);
      assertEquals([await peer.connect(app.port), await peer.connect(app.port)], ["full", "resumed"]);
      assertEquals(app.verdicts, [[false, UNTRUSTED], [false, UNVERIFIED]]);
    });

    Deno.test(`the ticket of a lenient server that ${make} got opens no strict one (${version})`, async () => {
      await using soft = judging(lenient);
      await using hard = judging(strict);
      await using peer = await makeClient(version, stranger);
      assertEquals([await peer.connect(soft.port), await peer.connect(hard.port)], ["full", "refused"]);
      assertEquals([hard.verdicts, hard.refusals], [[], [UNVERIFIED]]);
    });
  }
}
