import { assertEquals, assertLess } from "@std/assert";
import { connect, createServer } from "../../mod.ts";
import { runDeno } from "../support/child.ts";

Deno.test("10,000 connections a cycle leave no memory, timer or operation behind", async () => {
  const { code, stdout, stderr } = await runDeno([
    "run",
    "--quiet",
    "--allow-net",
    "--v8-flags=--expose-gc",
    "tests/fixtures/connection_cycles.ts",
  ]);
  assertEquals([code, stderr], [0, ""], "the program must end by itself");
  const { heldBytes, open, accepted, closed, connections } = JSON.parse(stdout);
  assertEquals([open, accepted], [0, connections]);
  assertEquals(Object.values<number>(closed).reduce((sum, count) => sum + count), connections);
  // 20,000 connections lie between the two: a hundred bytes left behind by each would be two million.
  const grown = heldBytes[4] - heldBytes[2];
  assertLess(grown, 2_000_000, `bytes from cycle 2 to cycle 4: ${heldBytes}`);
});

Deno.test("1,000 connections at once, used and closed, are gone for the sanitizers and the server", async () => {
  const app = createServer().onConnection((socket) => socket.pipe(socket)).listen(0, "127.0.0.1", 2_000);
  const { port } = app.address()!;
  await Promise.all(Array.from({ length: 1_000 }, async (_, i) => {
    const client = await connect({ port, host: "127.0.0.1" });
    client.setTimeout(60_000);
    client.end(`${i}`);
    assertEquals((await Array.fromAsync(client, String)).join(""), `${i}`);
  }));
  await app.close();
  assertEquals(app.connections.size, 0);
});
