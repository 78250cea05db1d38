/** The programs of README, run as it says. */

import { assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { makeSelfSigned } from "../support/certificates.ts";
import { DocumentPrograms } from "../support/document_programs.ts";
import { Peer } from "./peer.ts";

Deno.test("README's server echoes to its two clients, and ends on Ctrl-C with 0", async () => {
  await using programs = await DocumentPrograms.unpack("README.md");
  const { server, port } = await programs.serve("server.ts");
  await using _ = server;
  using peer = await Peer.connect(port);
  await peer.write("hello\n");
  assertEquals(await peer.readText("Echo: hello\n"), "Echo: hello\n");
  peer.close();
  assertEquals(await programs.ask("client.ts", port), ["Echo: hello"]);
  assertEquals(await programs.ask("client_events.ts", port), ["Echo: hello"]);
  server.interrupt();
  const { code, stderr } = await server.end();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("README's client with events prints the code where no server listens", async () => {
  await using programs = await DocumentPrograms.unpack("README.md");
  const { server, port } = await programs.serve("server.ts");
  server.interrupt();
  await server.end();
  assertEquals(await programs.ask("client_events.ts", port), ["ECONNREFUSED\n"]);
});

Deno.test("README's server of lines warns of a line that is too long, and reads the next one", async () => {
  await using programs = await DocumentPrograms.unpack("README.md");
  const { server, port } = await programs.serve("lines.ts");
  await using _ = server;
  using peer = await Peer.connect(port);
  await peer.write(`one\n${"x".repeat(2_000)}\ntwo\n`);
  assertEquals([await peer.readLine(), await peer.readLine()], ["ONE", "TWO"]);
  peer.close();
  server.interrupt();
  const { code, stderr } = await server.end();
  assertEquals(code, 0);
  assertStringIncludes(stderr, "1000 bytes");
});

Deno.test("README's TLS server is trusted by its client with the certificate beside it", async () => {
  await using programs = await DocumentPrograms.unpack("README.md");
  const { cert, key } = await makeSelfSigned("localhost", { use: "server" });
  await programs.write("cert.pem", cert);
  await programs.write("key.pem", key);
  const { server, port } = await programs.serve("tls_server.ts");
  await using _ = server;
  assertEquals(await programs.ask("tls_client.ts", port), ["Hello over TLSv1.3", ""]);
  server.interrupt();
  const { code, stderr } = await server.end();
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("README has 200 lines at most", async () => {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  assertLessOrEqual(readme.trimEnd().split("\n").length, 200);
});
