/** The program examples/tls/demo.ts, as a newcomer runs it. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Program } from "./program.ts";

const PRINTED = `\
Ann has a certificate of the authority that the server asks for:

  server: Ann is in, vouched for by Harbour Authority (TLSv1.3, TLS_AES_256_GCM_SHA384)
  Ann: Hello, Ann!

Bob has none:

  server: refused somebody: ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE
  Bob: ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED

Mallory has one, of another authority:

  server: refused somebody: UNABLE_TO_VERIFY_LEAF_SIGNATURE
  Mallory: the server has ended the connection

Cleo has a good one, but trusts another authority than the server's:

  server: refused somebody: ERR_SSL_TLSV1_ALERT_UNKNOWN_CA
  Cleo: SELF_SIGNED_CERT_IN_CHAIN

The server's certificate is renewed, while Ann's connection goes on:

  server: Ann is in, vouched for by Harbour Authority (TLSv1.3, TLS_AES_256_GCM_SHA384)
  Ann: Hello, Ann! (a new certificate)
  Ann, where she was before: You said: Still here?`;

Deno.test("examples/tls/demo.ts shows who gets in by mutual TLS and who does not", async () => {
  await using demo = new Program("examples/tls/demo.ts");
  const { code, rest, stderr } = await demo.end();
  assertEquals(rest.join("\n"), PRINTED);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("deno task tls runs examples/tls/demo.ts", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assertEquals(tasks.tls.command, "deno run --allow-net examples/tls/demo.ts");
});

Deno.test("examples/tls/demo.ts explains itself with --help", async () => {
  await using demo = new Program("examples/tls/demo.ts", ["--help"]);
  const { code, rest } = await demo.end();
  assertEquals(code, 0);
  assertStringIncludes(rest.join("\n"), "examples/tls/demo.ts");
});

Deno.test("examples/tls/demo.ts refuses an unknown flag with exit code 2", async () => {
  await using demo = new Program("examples/tls/demo.ts", ["--port"]);
  const { code, rest, stderr } = await demo.end();
  assertEquals([code, rest], [2, []]);
  assertStringIncludes(stderr, "Unknown argument --port");
});
