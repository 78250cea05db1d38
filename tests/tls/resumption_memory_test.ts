// What a context remembers of the certificates that it has verified, by a clock of the test's own.

import { assertEquals } from "@std/assert";
import { type Handshake, judgeClient, type Leaf, VerifiedLeaves } from "../../src/tls/client_verdict.ts";

const HOUR_MS = 3_600_000;
const NOW = 1_000_000 * HOUR_MS;
const UNVERIFIED = "ERR_TLS_SESSION_UNVERIFIED";

function leaf(name: string, change: Partial<Leaf> = {}): Leaf {
  const dates = { notBeforeMs: NOW - HOUR_MS, notAfterMs: NOW + 100 * HOUR_MS };
  return { fingerprint256: name, isAuthority: false, isForClients: true, ...dates, ...change };
}

/** A context: `full` and `resumed` are handshakes at that hour, and give the verdict. */
function context(authorities: readonly string[] = []) {
  const verified = new VerifiedLeaves();
  const judge = (handshake: Handshake, hours: number) =>
    judgeClient(handshake, verified, new Set(authorities), NOW + hours * HOUR_MS);
  return {
    full: (who: Leaf, hours = 0, verified = true) =>
      judge({ leaf: who, resumed: false, verified, error: undefined }, hours),
    // The engine calls every resumed session verified.
    resumed: (who: Leaf | undefined, hours = 0) =>
      judge({ leaf: who, resumed: true, verified: true, error: undefined }, hours),
  };
}

Deno.test("a session is resumed for a day, however often", () => {
  const { full, resumed } = context();
  full(leaf("A"));
  const verdicts = [1, 12, 23, 24, 24.1].map((hours) => resumed(leaf("A"), hours));
  assertEquals(verdicts, [undefined, undefined, undefined, undefined, UNVERIFIED]);
});

Deno.test("a session that was resumed too late does not come back to life", () => {
  const { full, resumed } = context();
  full(leaf("A"));
  assertEquals([resumed(leaf("A"), 25), resumed(leaf("A"), 1)], [UNVERIFIED, UNVERIFIED]);
});

Deno.test("another full handshake begins another day", () => {
  const { full, resumed } = context();
  full(leaf("A"));
  full(leaf("A"), 20);
  assertEquals([resumed(leaf("A"), 43), resumed(leaf("A"), 45)], [undefined, UNVERIFIED]);
});

Deno.test("a session ends with its certificate", () => {
  const { full, resumed } = context();
  const short = leaf("A", { notAfterMs: NOW + 2 * HOUR_MS });
  full(short);
  assertEquals([resumed(short, 2), resumed(short, 2.1)], [undefined, UNVERIFIED]);
  assertEquals(full(short, 2.1), "CERT_HAS_EXPIRED");
});

Deno.test("a clock that is set back believes no session", () => {
  const { full, resumed } = context();
  full(leaf("A"));
  assertEquals(resumed(leaf("A"), -0.5), UNVERIFIED);
});

Deno.test("two contexts do not know of each other", () => {
  const [one, other] = [context(), context()];
  one.full(leaf("A"));
  other.full(leaf("B"));
  assertEquals([one.resumed(leaf("A")), one.resumed(leaf("B"))], [undefined, UNVERIFIED]);
  assertEquals([other.resumed(leaf("A")), other.resumed(leaf("B"))], [UNVERIFIED, undefined]);
});

Deno.test("a handshake that failed, failed later or showed nobody is remembered by nobody", () => {
  const { full, resumed } = context(["CA"]);
  full(leaf("unverified"), 0, false);
  full(leaf("authority", { isAuthority: true }));
  full(leaf("CA"));
  full(leaf("expired", { notAfterMs: NOW - 1 }));
  full(leaf("early", { notBeforeMs: NOW + 1 }));
  for (const name of ["unverified", "expired", "early"]) assertEquals(resumed(leaf(name)), UNVERIFIED);
  assertEquals(resumed(leaf("authority", { isAuthority: true })), "INVALID_PURPOSE");
  assertEquals([resumed(leaf("CA")), resumed(undefined)], ["INVALID_PURPOSE", "UNABLE_TO_GET_ISSUER_CERT"]);
});

Deno.test("a failed handshake takes nothing from what was verified before", () => {
  const { full, resumed } = context();
  full(leaf("A"));
  full(leaf("A"), 1, false);
  assertEquals(resumed(leaf("A"), 2), undefined);
});

Deno.test("who was not seen among ten thousand others must prove himself again, and can", () => {
  const { full, resumed } = context();
  full(leaf("first"));
  full(leaf("regular"));
  for (let i = 0; i < 9_999; i++) {
    full(leaf(`client ${i}`));
    if (i === 5_000) resumed(leaf("regular"));
  }
  assertEquals([resumed(leaf("first")), resumed(leaf("regular"))], [UNVERIFIED, undefined]);
  assertEquals([full(leaf("first")), resumed(leaf("first"))], [undefined, undefined]);
});

Deno.test("ten thousand who fail drive nobody out", () => {
  const { full, resumed } = context();
  full(leaf("A"));
  for (let i = 0; i < 10_001; i++) {
    full(leaf(`stranger ${i}`), 0, false);
    resumed(leaf(`stranger ${i}`));
  }
  assertEquals(resumed(leaf("A")), undefined);
});
