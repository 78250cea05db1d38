// Peers whose messages cost time must not keep others, or newcomers, waiting: counted in messages, not in time.

import { assertEquals, assertLess } from "@std/assert";
import { runDeno } from "../support/child.ts";

async function serveBeside(greedy: number, burnMs: number) {
  const { code, stdout, stderr } = await runDeno([
    "run",
    "--quiet",
    "-A",
    "tests/fixtures/busy_server.ts",
    `${greedy}`,
    `${burnMs}`,
  ]);
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

Deno.test("others, and newcomers, have their turn beside peers that keep the program busy", async () => {
  const { unread, chunksBeforeByte, chunksBeforeNewcomers } = await serveBeside(20, 30);
  assertEquals(unread, 0);
  assertLess(Math.max(...chunksBeforeByte), 20, `chunks of greedy peers before a byte of an honest one`);
  assertLess(chunksBeforeNewcomers, 60, "chunks of greedy peers before a hundred newcomers");
});

// More of them than the runtime reads at a time; they cost next to nothing.
Deno.test("each of 300 peers that never run out of bytes has its turn, and so have others and newcomers", async () => {
  const { unread, chunksBeforeByte, chunksBeforeNewcomers } = await serveBeside(300, 0);
  assertEquals(unread, 0);
  // Usually some hundreds; it would be without end.
  assertLess(Math.max(...chunksBeforeByte), 400 * 300, "chunks of greedy peers before a byte of an honest one");
  assertLess(chunksBeforeNewcomers, 400 * 300, "chunks of greedy peers before a hundred newcomers");
});
