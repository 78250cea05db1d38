// Chains: who may stand between a client's certificate and the authority that is trusted.

import { assertEquals } from "@std/assert";
import { makeAuthority, type Pair } from "../support/certificates.ts";
import { authority, connectTo, listen, nextTlsClientError, strict } from "./support.ts";

const UNTRUSTED = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
const below = await authority.delegate("Below CA");
const deeper = await below.delegate("Deeper CA");
const namesake = await makeAuthority("Test CA"); // the trusted one's name, but not its key
const leafAsAuthority = await authority.delegate("leaf", { authority: false, use: "client" });
const late = await authority.delegate("Late CA", { expired: true });
const early = await authority.delegate("Early CA", { early: true });

async function chain(leaf: Promise<Pair>, ...above: Pair[]): Promise<Pair> {
  const { cert, ...rest } = await leaf;
  return { ...rest, cert: cert + above.map((one) => one.cert).join("") };
}

const use = { use: "client" } as const;

const GOOD: readonly (readonly [name: string, pair: Pair])[] = [
  ["one authority between", await chain(below.issue("x", use), below)],
  ["two authorities between", await chain(deeper.issue("x", use), deeper, below)],
  ["the trusted authority's own certificate shown along", await chain(below.issue("x", use), below, authority)],
  ["both uses", await authority.issue("x")],
  ["no use named", await authority.issue("x", { use: "any" })],
];

const BAD: readonly (readonly [name: string, pair: Pair])[] = [
  ["the authority between left out", await below.issue("x", use)],
  ["one of two authorities between left out", await chain(deeper.issue("x", use), deeper)],
  ["an authority that has the trusted one's name only", await namesake.issue("x", use)],
  ["a namesake's certificate shown along", await chain(namesake.issue("x", use), namesake)],
  ["the trusted authority's certificate behind a namesake's", await chain(namesake.issue("x", use), authority)],
  ["a client's certificate for its authority", await chain(leafAsAuthority.issue("x", use), leafAsAuthority)],
  ["an expired authority between", await chain(late.issue("x", use), late)],
  ["an authority between that is not valid yet", await chain(early.issue("x", use), early)],
  [
    "a good certificate of somebody else's behind its own",
    await chain(namesake.issue("x", use), await authority.issue("good", use)),
  ],
];

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  const present = ({ cert, key }: Pair) => ({ tls: { cert, key, minVersion: version, maxVersion: version } });

  for (const [name, pair] of GOOD) {
    Deno.test(`a strict server knows a client with ${name} (${version})`, async () => {
      await using app = listen({ tls: strict });
      const judged = new Promise((resolve) => {
        app.onConnection((socket) => resolve([socket.authorized, socket.getPeerCertificate()?.fingerprint256]));
      });
      const socket = await connectTo(app, present(pair));
      assertEquals(await judged, [true, pair.fingerprint256]);
      socket.destroy();
    });
  }

  for (const [name, pair] of BAD) {
    Deno.test(`a strict server does not know a client with ${name} (${version})`, async () => {
      await using app = listen({ tls: strict });
      let announced = 0;
      app.onConnection((socket) => {
        announced++;
        socket.end();
      });
      const failed = nextTlsClientError(app);
      await connectTo(app, present(pair)).then((socket) => socket.resume().closed, () => {/* told at once */});
      assertEquals([announced, app.metrics().closed.tls], [0, 1]);
      assertEquals(await failed, UNTRUSTED);
    });

    Deno.test(`a lenient server says so of a client with ${name} (${version})`, async () => {
      await using app = listen({ tls: { ...strict, rejectUnauthorized: false } });
      const judged = new Promise((resolve) => {
        app.onConnection((socket) => resolve([socket.authorized, socket.authorizationError]));
      });
      const socket = await connectTo(app, present(pair));
      assertEquals(await judged, [false, UNTRUSTED]);
      socket.destroy();
    });
  }
}
