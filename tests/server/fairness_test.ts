// Peers whose messages cost time must not keep others, or newcomers, waiting: counted in messages, not in time.

import { assertEquals, assertLess } from "@std/assert";
import { runDeno } from "../support/child.ts";

Deno.test("others, and newcomers, have their turn beside peers that keep the program busy", async () => {
  const { code, stdout, stderr } = await runDeno(["run", "--quiet", "-A", "tests/fixtures/busy_server.ts"]);
  assertEquals([code, stderr], [0, ""]);
  const { chunksBeforeByte, chunksBeforeNewcomers } = JSON.parse(stdout);
  assertLess(Math.max(...chunksBeforeByte), 20, `chunks of greedy peers before a byte of an honest one`);
  assertLess(chunksBeforeNewcomers, 60, "chunks of greedy peers before a hundred newcomers");
});
