// `openssl s_client` and `openssl s_server` with our server and client, both engines.

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { type ClientTlsOptions, connect, TcpError, type TCPSocket } from "../../mod.ts";
import { BAD_SERVERS } from "../tls/pairings_bad_servers.ts";
import { KEY_KINDS, materialOf, serving } from "../tls/pairings_keys.ts";
import { authority, client, listen, listenEcho, pattern, server, strict } from "../tls/support.ts";
import { assertSameBytes, highBytes, opensslClient, OpensslServer, PemFiles } from "./tls_pairings_programs.ts";

const pair = { cert: server.cert, key: server.key };
const LENGTHS = [1, 16_385, 1_048_576, 8_388_608];
const SENT = LENGTHS.map(pattern);
const HIGH = LENGTHS.map(highBytes);
const VERSIONS = [["-tls1_2", "TLSv1.2"], ["-tls1_3", "TLSv1.3"]] as const;
const ENGINES = ["node", "deno"] as const;

/** Connects to `openssl s_server`. */
async function connectTo(peer: OpensslServer, tls: ClientTlsOptions): Promise<TCPSocket> {
  const port = await peer.port;
  return await connect({ port, host: "127.0.0.1", tls: { ca: authority.cert, servername: "localhost", ...tls } });
}

/** Sends those bytes, and gives as many as come back. */
async function exchange(socket: TCPSocket, sent: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  socket.write(sent);
  for await (const chunk of socket) {
    chunks.push(chunk);
    if ((length += chunk.length) >= sent.length) break;
  }
  return Buffer.concat(chunks);
}

for (const engine of ENGINES) {
  for (const [flag, version] of VERSIONS) {
    Deno.test(`openssl s_client gets 1 byte to 8 MiB back from our server (${engine}, ${version})`, async () => {
      await using files = await PemFiles.make();
      const args = [flag, "-CAfile", await files.put(authority.cert), "-verify_hostname", "localhost"];
      const protocols: unknown[] = [];
      await using app = listenEcho(serving(engine, pair));
      app.onConnection((socket) => protocols.push(socket.getProtocol()));
      for (const sent of SENT) {
        const { received, code, said } = await opensslClient(app.address()!.port, args, sent); // it listens
        assertEquals(code, 0, said);
        assertSameBytes(received, sent);
      }
      assertEquals(protocols, SENT.map(() => engine === "node" ? version : undefined));
    });

    Deno.test(`openssl s_server gives 1 byte to 8 MiB back to our client (${engine}, ${version})`, async () => {
      await using files = await PemFiles.make();
      const args = [flag, ...await files.certificate(server)];
      for (const sent of HIGH) {
        await using peer = new OpensslServer(args);
        const socket = await connectTo(peer, { engine });
        assertEquals(socket.getProtocol(), engine === "node" ? version : undefined);
        assertSameBytes(await exchange(socket, sent), sent);
      }
    });
  }

  Deno.test(`openssl s_client changes its keys, and ours, in the middle (${engine})`, async () => {
    await using files = await PemFiles.make();
    await using app = listenEcho(serving(engine, pair));
    const child = new Deno.Command("openssl", {
      args: [
        ...["s_client", "-connect", `127.0.0.1:${app.address()!.port}`, "-servername", "localhost"], // it listens
        ...["-tls1_3", "-CAfile", await files.put(authority.cert), "-verify_return_error"],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = { out: "", err: "" };
    let heard = () => {};
    const listening = [["out", child.stdout] as const, ["err", child.stderr] as const].map(async ([name, stream]) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        said[name] += text;
        heard();
      }
    });
    const writer = child.stdin.getWriter();
    const say = async (line: string, name: keyof typeof said, answer: string) => {
      await writer.write(new TextEncoder().encode(`${line}\n`));
      while (!said[name].includes(answer)) await new Promise<void>((resolve) => heard = resolve);
    };
    await say("before", "out", "before\n");
    for (const turn of ["first", "second", "third"]) {
      said.err = "";
      await say("K", "err", "KEYUPDATE"); // its own keys, and it asks for others of ours
      await say(turn, "out", `${turn}\n`);
    }
    await writer.write(new TextEncoder().encode("Q\n"));
    await writer.close().catch(() => {});
    await Promise.all(listening);
    assertEquals((await child.status).code, 0, said.err);
  });

  for (const kind of KEY_KINDS) {
    Deno.test(`openssl s_client verifies our server (${engine}) with ${kind.kind}`, async () => {
      await using files = await PemFiles.make();
      await using app = listenEcho(serving(engine, materialOf(kind)));
      const args = ["-CAfile", await files.put(authority.cert), "-verify_hostname", "localhost"];
      const sent = pattern(100);
      const { received, code, said } = await opensslClient(app.address()!.port, args, sent); // it listens
      assertEquals(code, 0, said);
      assertSameBytes(received, sent);
    });
  }

  Deno.test(`openssl s_client gets the whole chain of our server (${engine})`, async () => {
    await using files = await PemFiles.make();
    const below = await authority.delegate("Below CA");
    const leaf = await below.issue("localhost");
    await using app = listenEcho(serving(engine, { cert: [leaf.cert, below.cert], key: leaf.key }));
    const args = ["-CAfile", await files.put(authority.cert)];
    const { said, code } = await opensslClient(app.address()!.port, args, pattern(10)); // it listens
    assertEquals(code, 0, said);
    assertMatch(said, /depth=2 CN = Test CA[^]*depth=1 CN = Below CA[^]*depth=0 CN = localhost/);
  });

  Deno.test(`openssl s_client agrees with our server (${engine}) on a protocol, or is refused`, async () => {
    await using files = await PemFiles.make();
    await using app = listen(serving(engine, { ...pair, alpnProtocols: ["best", "second"] }));
    app.onConnection((socket) => socket.resume().end(socket.alpnProtocol));
    const ca = ["-CAfile", await files.put(authority.cert)];
    const { port } = app.address()!; // it listens
    const { received } = await opensslClient(port, [...ca, "-alpn", "other,second"], pattern(1));
    assertEquals(String(received), "second");
    const refused = await opensslClient(port, [...ca, "-alpn", "other"], pattern(1));
    assertStringIncludes(refused.said, "no application protocol");
  });

  Deno.test(`openssl s_server agrees with our client (${engine}) on a protocol`, async () => {
    await using files = await PemFiles.make();
    await using peer = new OpensslServer([...await files.certificate(server), "-alpn", "best,second"]);
    const socket = await connectTo(peer, { engine, alpnProtocols: ["other", "second"] });
    assertEquals(socket.alpnProtocol, "second");
    socket.destroy();
  });

  for (const { what, pair: bad, codes } of BAD_SERVERS) {
    Deno.test(`our client (${engine}) refuses openssl s_server with ${what}`, async () => {
      await using files = await PemFiles.make();
      await using peer = new OpensslServer(await files.certificate(bad));
      const error = await assertRejects(() => connectTo(peer, { engine }), TcpError);
      assertEquals(error.code, codes[engine]);
    });
  }
}

Deno.test("openssl s_client is refused by our server without a certificate, and gets in with a good one", async () => {
  await using files = await PemFiles.make();
  await using app = listen({ tls: strict });
  app.onConnection((socket) => socket.resume().end(String(socket.getPeerCertificate()?.subject.CN)));
  const ca = ["-CAfile", await files.put(authority.cert)];
  const { port } = app.address()!; // it listens
  const refused = await opensslClient(port, ca, pattern(1));
  assertEquals(refused.received.length, 0);
  assertMatch(refused.said, /alert certificate required|alert handshake failure/);
  const good = await opensslClient(port, [...ca, ...await files.certificate(client)], pattern(1));
  assertEquals(String(good.received), "client");
});

Deno.test("openssl s_server -Verify lets our client in with its certificate, and refuses it without", async () => {
  await using files = await PemFiles.make();
  const args = [...await files.certificate(server), "-Verify", "1", "-verify_return_error", "-CAfile"];
  args.push(await files.put(authority.cert));
  {
    await using peer = new OpensslServer(args);
    const socket = await connectTo(peer, { cert: client.cert, key: client.key });
    const sent = highBytes(1_000);
    assertSameBytes(await exchange(socket, sent), sent);
    await socket.closed;
    assertMatch(await peer.end(), /depth=0 CN = client/);
  }
  await using peer = new OpensslServer([...args, "-tls1_2"]);
  const error = await assertRejects(() => connectTo(peer, {}), TcpError);
  assert(error.code?.startsWith("ERR_SSL_"), error.code);
  assertStringIncludes(await peer.end(), "peer did not return a certificate");
});
