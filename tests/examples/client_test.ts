/** The program examples/client.ts, as a newcomer runs it. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Peer } from "../documentation/peer.ts";
import { Program } from "./program.ts";

/** Starts the client and gives it with the server's end of its connection. */
async function connected(): Promise<{ client: Program; server: Peer }> {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const client = new Program("examples/client.ts", ["--host", "127.0.0.1", "--port", String(listener.addr.port)]);
  return { client, server: new Peer(await listener.accept()) };
}

Deno.test("examples/client.ts talks to examples/echo.ts", async () => {
  await using echo = new Program("examples/echo.ts", ["--port", "0"]);
  const port = await echo.port();
  await using client = new Program("examples/client.ts", ["--port", String(port)]);
  await client.type("Grüße\n");
  await client.line(/^Echo: Grüße$/);
  await client.type("and so on\n");
  await client.line(/^Echo: and so on$/);
  await client.endInput();
  const { code, stderr } = await client.end();
  assertEquals([code, stderr], [0, `Connected to 127.0.0.1 port ${port}\n`]);
});

Deno.test("examples/client.ts still prints what comes after the end of its input", async () => {
  const { client, server } = await connected();
  await using _child = client;
  using peer = server;
  await client.type("all I have to say");
  await client.endInput();
  assertEquals(String(await peer.readToEnd()), "all I have to say");
  await peer.write("late answer\n");
  await peer.end();
  const { code, rest } = await client.end();
  assertEquals([code, rest], [0, ["late answer"]]);
});

Deno.test("examples/client.ts ends when the server does", async () => {
  const { client, server } = await connected();
  await using _child = client;
  using peer = server;
  await peer.write("bye\n");
  await peer.end();
  assertEquals((await peer.readToEnd()).length, 0);
  const { code, rest } = await client.end();
  assertEquals([code, rest], [0, ["bye"]]);
});

Deno.test("examples/client.ts ends its connection on Ctrl-C", async () => {
  const { client, server } = await connected();
  await using _child = client;
  using peer = server;
  await peer.write("ready\n");
  await client.line(/^ready$/);
  client.interrupt();
  assertEquals((await peer.readToEnd()).length, 0);
  assertEquals((await client.end()).code, 0);
});

Deno.test("examples/client.ts says why it cannot connect, and ends with exit code 1", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  await using client = new Program("examples/client.ts", ["--host", "127.0.0.1", "--port", String(port)]);
  const { code, stderr } = await client.end();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "ECONNREFUSED");
});

Deno.test("examples/client.ts explains itself with --help", async () => {
  await using client = new Program("examples/client.ts", ["--help"]);
  const { code, rest } = await client.end();
  assertEquals(code, 0);
  assertStringIncludes(rest.join("\n"), "--host NAME");
});

Deno.test("examples/client.ts refuses an unknown flag with exit code 2", async () => {
  await using client = new Program("examples/client.ts", ["--hostname", "127.0.0.1"]);
  const { code, stderr } = await client.end();
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Unknown argument --hostname");
});
