// All attacks at once, in some seconds; `deno task soak --minutes N` plays them for longer. No time decides anything: the
// attack ends when everything has happened that it is about.

import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { hardened } from "../../mod.ts";
import { scenarios } from "./scenarios.ts";
import { type Outcome, underAttack } from "./under_attack.ts";

const MIB = 2 ** 20;
const BUDGET_BYTES = hardened.limits!.memoryBudgetBytes!; // it has one

/** Whatever the attack, nothing of it is left, and the honest have lost nothing. */
function assertHarmless({ atRest, attacked, samples, before, last }: Outcome): void {
  for (const { asked, answered, wrong, cut, newcomers } of [atRest, attacked]) {
    assertEquals([answered, wrong, cut], [asked, 0, 0], "every honest request is answered, and nobody is cut off");
    assertGreater(asked - newcomers, 60);
    assertGreater(newcomers, 0);
  }
  for (const { heldBytes } of samples) assertLessOrEqual(Math.max(...heldBytes), BUDGET_BYTES);
  // What is held is what the process grows by, and buffers under way; the allocator keeps some of it.
  const grownBytes = Math.max(...samples.map(({ rss }) => rss)) - before.rss;
  assertLess(grownBytes, 2 * BUDGET_BYTES, `the process grew by ${grownBytes / MIB} MiB`);

  const { accepted = 0, closed, open, preparing, queuedBytes, heldBytes, tables, sockets, handshakes } = last;
  assertEquals({ open, preparing, queuedBytes, heldBytes, tables, sockets, handshakes }, {
    open: undefined,
    preparing: undefined,
    queuedBytes: undefined,
    heldBytes: [0, 0, 0],
    tables: {},
    sockets: 0,
    handshakes: 0,
  });
  assertEquals(Object.values(closed).reduce((sum, count) => sum + count), accepted, "each has one end");
  assertLess(last.heapUsed + last.external - before.heapUsed - before.external, 16 * MIB);
}

Deno.test("a hardened server answers every honest request in a hostile hour, and nothing of it is left", async () => {
  assertHarmless(await underAttack(scenarios.hour, 1, 5));
});
