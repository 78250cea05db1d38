/** The program examples/echo.ts, as a newcomer runs it. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Peer } from "../documentation/peer.ts";
import { Program } from "./program.ts";

Deno.test("examples/echo.ts echoes to several clients and says who they are", async () => {
  await using echo = new Program("examples/echo.ts", ["--port", "0"]);
  const port = await echo.port();
  using first = await Peer.connect(port);
  using second = await Peer.connect(port);
  await first.write("one");
  assertEquals(await first.readText("Echo: one"), "Echo: one");
  await second.write("zwei, 3 €");
  assertEquals(await second.readText("Echo: zwei, 3 €"), "Echo: zwei, 3 €");
  await echo.line(new RegExp(`^${second.address} sent "zwei, 3 €"$`));
  first.close();
  await echo.line(new RegExp(`^${first.address} disconnected$`));
});

Deno.test("examples/echo.ts ends on Ctrl-C, after its clients got their echoes", async () => {
  await using echo = new Program("examples/echo.ts", ["--port", "0"]);
  using peer = await Peer.connect(await echo.port());
  await peer.write("last words");
  await echo.line(/sent "last words"$/);
  echo.interrupt();
  assertEquals(String(await peer.readToEnd()), "Echo: last words");
  peer.close();
  const { code, rest, stderr } = await echo.end();
  assertEquals([code, stderr], [0, ""]);
  assertMatch(rest.join("\n"), /^Closing\n.* disconnected$/);
});

Deno.test("examples/echo.ts explains itself with --help", async () => {
  await using echo = new Program("examples/echo.ts", ["--help"]);
  const { code, rest } = await echo.end();
  assertEquals(code, 0);
  assertStringIncludes(rest.join("\n"), "--hostname");
});

Deno.test("examples/echo.ts refuses an unknown flag with exit code 2", async () => {
  await using echo = new Program("examples/echo.ts", ["--prot", "4000"]);
  const { code, rest, stderr } = await echo.end();
  assertEquals([code, rest], [2, []]);
  assertStringIncludes(stderr, "Unknown argument --prot");
});

Deno.test("examples/echo.ts says why it cannot listen, and ends with exit code 1", async () => {
  using busy = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  await using echo = new Program("examples/echo.ts", ["--port", String(busy.addr.port)]);
  const { code, stderr } = await echo.end();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "EADDRINUSE");
});
