import { assertEquals, assertThrows } from "@std/assert";
import { chooseTlsEngine, type TlsNeeds } from "../../src/tls/tls_engine.ts";

const pair = { cert: "", key: "" };
const server = { side: "server", tls: pair, noDelay: false, unix: false, deadline: false } as const;
const client = { side: "client", tls: {}, unix: false, deadline: false } as const;

const CHOICES: readonly (readonly [what: string, needs: TlsNeeds, choice: "deno" | "node"])[] = [
  ["a server with a certificate alone", server, "deno"],
  ["a server with ALPN", { ...server, tls: { ...pair, alpnProtocols: ["a"] } }, "deno"],
  ["a server with an encrypted key", { ...server, tls: { ...pair, passphrase: "p" } }, "deno"],
  ["a server with tcp.noDelay", { ...server, noDelay: true }, "node"],
  ["a server with a handshake deadline", { ...server, deadline: true }, "node"],
  ["a server on a unix socket", { ...server, unix: true }, "node"],
  ["a server that asks for certificates", { ...server, tls: { ...pair, requestCert: true } }, "node"],
  ["a server with sni", { ...server, tls: { ...pair, sni: {} } }, "node"],
  ["a server with minVersion", { ...server, tls: { ...pair, minVersion: "TLSv1.3" } }, "node"],
  ["a server with maxVersion", { ...server, tls: { ...pair, maxVersion: "TLSv1.2" } }, "node"],
  ["a client with the defaults but no deadline", client, "deno"],
  ["a client with ALPN", { ...client, tls: { alpnProtocols: ["a"] } }, "deno"],
  ["a client with a servername", { ...client, tls: { servername: "a" } }, "deno"],
  ["a client with a handshake deadline", { ...client, deadline: true }, "node"],
  ["a client with authorities of its own", { ...client, tls: { ca: "" } }, "node"],
  ["a client on a unix socket", { ...client, unix: true }, "node"],
  ["a client with a certificate", { ...client, tls: pair }, "node"],
  ["a client with its own check", { ...client, tls: { checkServerIdentity: () => undefined } }, "node"],
  ["a client that takes any server", { ...client, tls: { rejectUnauthorized: false } }, "node"],
  ["a client that says it takes no other", { ...client, tls: { rejectUnauthorized: true } }, "deno"],
  ["a client with minVersion", { ...client, tls: { minVersion: "TLSv1.2" } }, "node"],
  ["an upgrade", { side: "upgrade", tls: {} }, "node"],
];

for (const [what, needs, choice] of CHOICES) {
  Deno.test(`chooseTlsEngine() takes ${choice} for ${what}`, () => {
    assertEquals(chooseTlsEngine(needs), choice);
  });
}

Deno.test("chooseTlsEngine() takes the engine that is forced where it can do what is asked", () => {
  assertEquals(chooseTlsEngine({ ...server, tls: { ...pair, engine: "node" } }), "node");
  assertEquals(chooseTlsEngine({ ...server, tls: { ...pair, engine: "deno" }, deadline: true }), "deno");
  assertEquals(chooseTlsEngine({ ...client, tls: { ca: "", engine: "deno" } }), "deno");
});

const CONFLICTS: readonly (readonly [needs: TlsNeeds, option: string])[] = [
  [{ ...server, noDelay: true, tls: { ...pair, engine: "deno" } }, '"tcp.noDelay"'],
  [{ ...server, tls: { ...pair, engine: "deno", requestCert: true } }, '"tls.requestCert"'],
  [{ ...server, tls: { ...pair, engine: "deno", sni: {} } }, '"tls.sni"'],
  [{ ...server, tls: { ...pair, engine: "deno", minVersion: "TLSv1.3" } }, '"tls.minVersion"'],
  [{ ...server, unix: true, tls: { ...pair, engine: "deno" } }, '"path"'],
  [{ ...client, tls: { engine: "deno", cert: "", key: "" } }, '"tls.cert"'],
  [{ ...client, tls: { engine: "deno", rejectUnauthorized: false } }, '"tls.rejectUnauthorized"'],
  [{ side: "upgrade", tls: { engine: "deno" } }, "upgradeTls()"],
];

for (const [needs, option] of CONFLICTS) {
  Deno.test(`chooseTlsEngine() refuses to force deno with ${option} on a ${needs.side}`, () => {
    assertThrows(() => chooseTlsEngine(needs), TypeError, `Option "tls.engine" must not be "deno" with ${option}`);
  });
}
