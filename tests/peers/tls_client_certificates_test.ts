// Certificates shown by OpenSSL, which looks less closely at what it shows than Deno does: without their keys, and of
// X.509 version 1.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect } from "../../tcp.ts";
import { makeAuthority, makeSelfSigned, makeVersion1, type Pair, withoutKey } from "../support/certificates.ts";
import { nodeClient, opensslClient, VERSIONS } from "../support/tls_clients.ts";
import { authority, client, strict } from "../tls/support.ts";
import { judging } from "./judging.ts";

const UNTRUSTED = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
const lenient = { ...strict, rejectUnauthorized: false };
const others = await makeSelfSigned("somebody else");
const below = await authority.delegate("Below CA");
const deep = await below.issue("deep", { use: "client" });
const version1 = await makeVersion1("Old Root");

/** Who comes; undefined stands for a handshake that ends before the certificate is judged, whatever the rules. */
const CLIENTS: readonly (readonly [name: string, pair: Pair | undefined, lenient: string | undefined])[] = [
  ["no certificate", undefined, "UNABLE_TO_GET_ISSUER_CERT"],
  ["one signed by itself", others, UNTRUSTED],
  ["one of another authority", await (await makeAuthority("Other CA")).issue("x", { use: "client" }), UNTRUSTED],
  ["an expired one", await authority.issue("late", { expired: true }), "CERT_HAS_EXPIRED"],
  ["one that is not valid yet", await authority.issue("early", { early: true }), "CERT_NOT_YET_VALID"],
  ["a server's one", await authority.issue("server", { use: "server" }), "INVALID_PURPOSE"],
  ["the authority's own one", authority, "INVALID_PURPOSE"],
  ["one of version 1", version1, UNTRUSTED],
  ["one of version 1, without its key", withoutKey(version1, others), UNTRUSTED],
  ["a good one, without its key", withoutKey(client, others), undefined],
  ["the authority's own one, without its key", withoutKey(authority, others), undefined],
  ["one signed by itself, without its key", withoutKey(others, client), undefined],
];

for (const version of VERSIONS) {
  for (const [name, pair, code] of CLIENTS) {
    Deno.test(`OpenSSL gets no byte to a strict server with ${name} (${version})`, async () => {
      await using app = judging(strict);
      await using peer = await opensslClient(version, pair);
      assertEquals(await peer.connect(app.port), "refused");
      assertEquals([app.verdicts, app.heard, app.refusals.length], [[], [], 1]);
      assertMatch(peer.said, /alert|unexpected eof|errno/); // an alert may be overtaken by the reset of a close
    });

    Deno.test(`a lenient server says what is wrong when OpenSSL shows ${name} (${version})`, async () => {
      await using app = judging(lenient);
      await using peer = await opensslClient(version, pair);
      assertEquals(await peer.connect(app.port), code === undefined ? "refused" : "full");
      assertEquals(app.verdicts, code === undefined ? [] : [[false, code]]);
    });
  }

  for (const [make, makeClient] of [["OpenSSL", opensslClient], ["Node", nodeClient]] as const) {
    Deno.test(`a strict server knows ${make} by a good certificate (${version})`, async () => {
      await using app = judging(strict);
      await using peer = await makeClient(version, client);
      assertEquals(await peer.connect(app.port), "full");
      assertEquals([app.verdicts, app.refusals], [[[true, undefined]], []]);
    });

    Deno.test(`a strict server knows ${make} by a good certificate and one between (${version})`, async () => {
      await using app = judging(strict);
      await using peer = await makeClient(version, { ...deep, cert: deep.cert + below.cert });
      assertEquals(await peer.connect(app.port), "full");
      assertEquals([app.verdicts, app.refusals], [[[true, undefined]], []]);
    });
  }
}

Deno.test("a certificate of version 1 is not shown to those who would compare its fingerprint", async () => {
  await using app = judging(lenient);
  await using peer = await opensslClient("TLSv1.3", withoutKey(version1, others));
  assertEquals([await peer.connect(app.port), app.shown], ["full", [undefined]]);
  await using honest = await opensslClient("TLSv1.3", others);
  assertEquals([await honest.connect(app.port), app.shown], ["full", [undefined, others.fingerprint256]]);
});

/** A server of OpenSSL's, ready for clients. */
async function serve(pair: Pair): Promise<{ port: number } & AsyncDisposable> {
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(`${directory}/cert.pem`, pair.cert);
  await Deno.writeTextFile(`${directory}/key.pem`, pair.key);
  const child = new Deno.Command("openssl", {
    args: ["s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem"],
    cwd: directory,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!/^ACCEPT .*\n/m.test(said)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`openssl s_server ended: ${said}`);
    said += value;
  }
  return {
    port: Number(/^ACCEPT .*:(\d+)$/m.exec(said)?.[1]),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await Promise.all([
        child.status,
        reader.cancel(),
        child.stdin.close().catch(() => {}),
        Deno.remove(directory, { recursive: true }),
      ]);
    },
  };
}

const impostor = withoutKey(await makeVersion1("localhost"), others);

Deno.test("a client that would trust a certificate of version 1 lets nobody in who shows it without its key", async () => {
  await using server = await serve(impostor);
  const tls = { ca: impostor.cert, servername: "localhost" };
  await assertRejects(() => connect({ port: server.port, host: "127.0.0.1", tls }), TypeError, "version 3");
});

Deno.test("a lenient client is not shown a certificate of version 1 without its key", async () => {
  await using server = await serve(impostor);
  const { port } = server;
  const socket = await connect({
    port,
    host: "127.0.0.1",
    tls: { rejectUnauthorized: false, servername: "localhost" },
  });
  assertEquals([socket.authorized, socket.getPeerCertificate()], [false, undefined]);
  socket.destroy();
});

Deno.test("a client refuses a server with a good certificate, but not its key", async () => {
  const good = await authority.issue("localhost");
  await using server = await serve(withoutKey(good, others));
  for (const engine of ["node", "deno"] as const) {
    const tls = { ca: authority.cert, servername: "localhost", engine };
    const failed = connect({ port: server.port, host: "127.0.0.1", tls }).then(() => "connected", () => "refused");
    assertEquals(await failed, "refused");
  }
});
