import { assertEquals, assertThrows } from "@std/assert";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { isForClients, readAuthorities, readKeyPair } from "../../src/tls/tls_material.ts";
import { makeAuthority } from "../support/certificates.ts";
import { X509Certificate } from "node:crypto";

const authority = await makeAuthority("CA");
const pair = await authority.issue("leaf");
const bytes = (text: string) => new TextEncoder().encode(text);
const key = createPrivateKey(pair.key);

Deno.test("readKeyPair() takes strings, bytes and arrays, and keeps the chain in order", () => {
  const chain = [pair.cert, authority.cert];
  for (const cert of [chain.join(""), bytes(chain.join("")), chain, chain.map(bytes)]) {
    const read = readKeyPair("tls", { cert, key: bytes(pair.key) });
    assertEquals(read.cert.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assertEquals(new X509Certificate(read.cert).fingerprint256, pair.fingerprint256);
    assertEquals(read.key.startsWith("-----BEGIN PRIVATE KEY-----"), true);
  }
});

Deno.test("readKeyPair() takes SEC 1 keys", () => {
  const sec1 = String(key.export({ format: "pem", type: "sec1" }));
  assertEquals(sec1.startsWith("-----BEGIN EC PRIVATE KEY-----"), true);
  assertEquals(readKeyPair("tls", { cert: pair.cert, key: sec1 }).key.includes("BEGIN PRIVATE KEY"), true);
});

Deno.test("readKeyPair() opens encrypted keys with the passphrase, and says which of the two is wrong", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const locked = String(
    key.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "open" }),
  );
  assertEquals(
    readKeyPair("tls", { cert: pair.cert, key: locked, passphrase: "open" }).key.includes("ENCRYPTED"),
    false,
  );
  assertThrows(
    () => readKeyPair("tls", { cert: pair.cert, key: locked }),
    TypeError,
    'Option "tls.key" is encrypted; "tls.passphrase" is missing',
  );
  assertThrows(
    () => readKeyPair("tls", { cert: pair.cert, key: locked, passphrase: "shut" }),
    TypeError,
    'Option "tls.key" must be a key that "tls.passphrase" opens',
  );
  const other = String(privateKey.export({ format: "pem", type: "pkcs8" }));
  assertThrows(
    () => readKeyPair("tls", { cert: pair.cert, key: other }),
    TypeError,
    "it belongs to another certificate",
  );
});

Deno.test("readAuthorities() tells fingerprints, and refuses what is no authority's where it matters", () => {
  const read = readAuthorities("tls.ca", [authority.cert], true);
  assertEquals([...read?.fingerprints ?? []], [authority.fingerprint256]);
  assertEquals(readAuthorities("tls.ca", undefined, true), undefined);
  assertThrows(() => readAuthorities("tls.ca", pair.cert, true), TypeError, 'that of "CN=leaf" is none');
  assertEquals(readAuthorities("tls.ca", pair.cert, false)?.pem.length, 1);
});

Deno.test("isForClients() reads the extended key usage", async () => {
  const forUse = async (use: "client" | "server") =>
    isForClients(new X509Certificate((await authority.issue("x", { use })).cert).raw);
  assertEquals([await forUse("client"), await forUse("server")], [true, false]);
  assertEquals(isForClients(new X509Certificate(authority.cert).raw), true);
});
