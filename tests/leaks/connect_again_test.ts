import { assert, assertEquals, assertLess } from "@std/assert";
import { runDeno } from "../support/child.ts";

Deno.test("a socket that connects 1,000 times leaves no listener, timer, descriptor or memory behind", async () => {
  const { code, stdout, stderr } = await runDeno([
    "run",
    "--quiet",
    "--allow-all", // it counts its descriptors
    "--v8-flags=--expose-gc",
    "tests/fixtures/connect_again.ts",
  ]);
  assertEquals([code, stderr], [0, ""], "the program must end by itself");
  const { heaps, listeners, free, open, accepted, closed } = JSON.parse(stdout);
  for (const later of listeners) assertEquals(later, listeners[0]);
  assertEquals([free, open], [true, 0]);
  assert(accepted > 1_000, `${accepted} connections`); // all but those that were refused, or destroyed too early
  assertEquals(Object.values<number>(closed).reduce((sum, count) => sum + count), accepted);
  const grown = (heaps[4] - heaps[2]) / 1_024;
  assertLess(grown, 128, `KiB in the last 400 of 1,000 rounds: ${heaps}`);
});
