import { assertEquals } from "@std/assert";
import { type Handshake, judgeClient, type Leaf, VerifiedLeaves } from "../../src/tls/client_verdict.ts";

const DAY_MS = 86_400_000;
const NOW = 1_000 * DAY_MS;
const NONE = new Set<string>();

const leaf: Leaf = {
  fingerprint256: "AA",
  isAuthority: false,
  isForClients: true,
  notBeforeMs: NOW - 10 * DAY_MS,
  notAfterMs: NOW + 10 * DAY_MS,
};
const full: Handshake = { leaf, resumed: false, verified: true, error: undefined };
const resumed: Handshake = { ...full, resumed: true };

const judge = (handshake: Handshake, verified = new VerifiedLeaves(), authorities: ReadonlySet<string> = NONE) =>
  judgeClient(handshake, verified, authorities, NOW);

const VERDICTS: readonly (readonly [what: string, handshake: Handshake, code: string | undefined])[] = [
  ["a verified certificate", full, undefined],
  ["no certificate", { ...full, leaf: undefined }, "UNABLE_TO_GET_ISSUER_CERT"],
  ["a resumption without a certificate", { ...resumed, leaf: undefined }, "UNABLE_TO_GET_ISSUER_CERT"],
  ["a resumption that nobody verified here", resumed, "ERR_TLS_SESSION_UNVERIFIED"],
  ["an authority's certificate", { ...full, leaf: { ...leaf, isAuthority: true } }, "INVALID_PURPOSE"],
  ["an expired certificate", { ...full, leaf: { ...leaf, notAfterMs: NOW - 1 } }, "CERT_HAS_EXPIRED"],
  ["a date that cannot be read", { ...full, leaf: { ...leaf, notAfterMs: NaN } }, "CERT_HAS_EXPIRED"],
  ["an early certificate", { ...full, leaf: { ...leaf, notBeforeMs: NOW + 1 } }, "CERT_NOT_YET_VALID"],
  ["a complaint of the engine", { ...full, verified: false, error: "CERT_REVOKED" }, "CERT_REVOKED"],
  ["a refusal without a reason", { ...full, verified: false }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  [
    "a server's certificate",
    { ...full, verified: false, leaf: { ...leaf, isForClients: false } },
    "INVALID_PURPOSE",
  ],
];

for (const [what, handshake, code] of VERDICTS) {
  Deno.test(`judgeClient() says ${code ?? "authorized"} of ${what}`, () => assertEquals(judge(handshake), code));
}

Deno.test("judgeClient() refuses a certificate that stands in ca, whatever the engine says", () => {
  assertEquals(judge(full, new VerifiedLeaves(), new Set(["AA"])), "INVALID_PURPOSE");
});

Deno.test("judgeClient() believes a resumption what a full handshake has shown in the same context", () => {
  const verified = new VerifiedLeaves();
  assertEquals([judge(full, verified), judge(resumed, verified)], [undefined, undefined]);
  assertEquals(judge(resumed, new VerifiedLeaves()), "ERR_TLS_SESSION_UNVERIFIED");
});

Deno.test("judgeClient() remembers nothing of a handshake that failed", () => {
  const verified = new VerifiedLeaves();
  judge({ ...full, verified: false }, verified);
  assertEquals([judge(resumed, verified), verified.size], ["ERR_TLS_SESSION_UNVERIFIED", 0]);
});

Deno.test("VerifiedLeaves vouches for a day, not past notAfter, and not when the clock was set back", () => {
  const cases: readonly (readonly [afterMs: number, good: boolean])[] = [
    [0, true],
    [DAY_MS, true],
    [DAY_MS + 1, false],
    [-1, false],
  ];
  for (const [afterMs, good] of cases) {
    const verified = new VerifiedLeaves();
    verified.remember(leaf, NOW);
    assertEquals(verified.vouchFor("AA", NOW + afterMs), good);
  }
  const verified = new VerifiedLeaves();
  verified.remember({ ...leaf, notAfterMs: NOW + 5 }, NOW);
  assertEquals([verified.vouchFor("AA", NOW + 5), verified.vouchFor("AA", NOW + 6)], [true, false]);
});

Deno.test("VerifiedLeaves forgets the one that was used the longest ago", () => {
  const verified = new VerifiedLeaves(2);
  for (const fingerprint256 of ["A", "B"]) verified.remember({ ...leaf, fingerprint256 }, NOW);
  verified.vouchFor("A", NOW);
  verified.remember({ ...leaf, fingerprint256: "C" }, NOW);
  assertEquals(["A", "B", "C"].map((name) => verified.vouchFor(name, NOW)), [true, false, true]);
  assertEquals(verified.size, 2);
});

Deno.test("VerifiedLeaves holds ten thousand where nothing is said", () => {
  const verified = new VerifiedLeaves();
  for (let i = 0; i < 10_001; i++) verified.remember({ ...leaf, fingerprint256: String(i) }, NOW);
  assertEquals([verified.size, verified.vouchFor("0", NOW), verified.vouchFor("1", NOW)], [10_000, false, true]);
});
