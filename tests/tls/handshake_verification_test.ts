// What a client makes of a server's certificate.

import { assertEquals, assertRejects } from "@std/assert";
import { TcpError } from "../../mod.ts";
import { makeAuthority, makeSelfSigned } from "../support/certificates.ts";
import { connectTo, listenEcho, server } from "./support.ts";

const tls = { cert: server.cert, key: server.key };
const CLIENT_ENGINES = ["node", "deno"] as const;

for (const engine of CLIENT_ENGINES) {
  /** The code that a client gets for such a server. */
  const codeFor = async (pair: { cert: string; key: string }, servername = "localhost") => {
    await using app = listenEcho({ tls: { cert: pair.cert, key: pair.key } });
    const error = await assertRejects(() => connectTo(app, { tls: { engine, servername } }), TcpError);
    return error.code;
  };

  Deno.test(`a client (${engine}) refuses another authority's certificate`, async () => {
    const pair = await (await makeAuthority("Other")).issue("localhost");
    assertEquals(await codeFor(pair), "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  Deno.test(`a client (${engine}) refuses a certificate for another name`, async () => {
    assertEquals(await codeFor(server, "other.example"), "ERR_TLS_CERT_ALTNAME_INVALID");
  });

  Deno.test(`a client (${engine}) refuses an authority that signs itself`, async () => {
    assertEquals(await codeFor(await makeSelfSigned("self", { authority: true })), "DEPTH_ZERO_SELF_SIGNED_CERT");
  });
}

Deno.test("a client with rejectUnauthorized: false is told what is wrong", async () => {
  const pair = await makeSelfSigned("self");
  await using app = listenEcho({ tls: { cert: pair.cert, key: pair.key } });
  const socket = await connectTo(app, { tls: { rejectUnauthorized: false } });
  assertEquals([socket.authorized, socket.authorizationError], [false, "DEPTH_ZERO_SELF_SIGNED_CERT"]);
  socket.destroy();
});

Deno.test("a client's own checkServerIdentity decides, and may throw", async () => {
  await using app = listenEcho({ tls });
  const asked: unknown[] = [];
  const socket = await connectTo(app, {
    tls: {
      servername: "other.example",
      checkServerIdentity: (name, certificate) => void asked.push(name, certificate.fingerprint256),
    },
  });
  assertEquals(asked, ["other.example", server.fingerprint256]);
  socket.destroy();
  const refuse = () => {
    throw Object.assign(new Error("not him"), { code: "ERR_NOT_HIM" });
  };
  const error = await assertRejects(() => connectTo(app, { tls: { checkServerIdentity: refuse } }), TcpError);
  assertEquals(error.code, "ERR_NOT_HIM");
});
