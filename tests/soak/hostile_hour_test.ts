// All attacks at once, in some seconds; `deno task soak --minutes N` plays them for longer. No time decides anything: the
// attack ends when everything has happened that it is about.

import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { hardened } from "../../mod.ts";
import { scenarios } from "./scenarios.ts";
import { LEFT_BYTES, type Outcome, underAttack } from "./under_attack.ts";

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
  // Buffers under way, garbage and what the allocator keeps come on top of what is held, but there is an end to it.
  const grownBytes = Math.max(...samples.map(({ rss }) => rss)) - before.rss;
  assertLess(grownBytes, 5 * BUDGET_BYTES, `the process grew by ${grownBytes / MIB} MiB`);

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
  assertLess(last.heapUsed + last.external - before.heapUsed - before.external, LEFT_BYTES);
}

Deno.test("a hardened server answers every honest request in a hostile hour, and nothing of it is left", async () => {
  assertHarmless(await underAttack(scenarios.hour, 1, 5));
});

Deno.test("thirty peers that ask for much and never read hold an answer each, and the others are answered", async () => {
  const outcome = await underAttack(scenarios.readers, 0.5, 2);
  assertHarmless(outcome);
  // The high-water mark and one answer, and requests that wait: a window of what they have asked.
  for (const { queuedBytes = 0 } of outcome.samples) assertLessOrEqual(queuedBytes, 30 * (65_536 + 100_001));
  assertLess(Math.max(...outcome.samples.map(({ rss }) => rss)), 200_000_000);
});

Deno.test("500 peers with a megabyte each of a frame that does not end go when there is too much of them", async () => {
  const outcome = await underAttack(scenarios.unfinished, 0.5, 2);
  assertHarmless(outcome);
  assertGreater(outcome.last.closed.overflow ?? 0, 0);
});

Deno.test("3,000 connections of three addresses leave descriptors for newcomers of others", async () => {
  const outcome = await underAttack(scenarios.greedy, 0.5, 2);
  assertHarmless(outcome);
  assertEquals(outcome.last.acceptErrors, undefined, "descriptors have not run out");
  assertLessOrEqual(Math.max(...outcome.samples.map(({ open = 0 }) => open)), 3 * 100 + 60 + 10);
});
