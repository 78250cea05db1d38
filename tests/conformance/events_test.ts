/**
 * The order of events of our sockets, compared with what `record.mjs` saw of the real `node:net`. Where a scenario is in
 * `DIFFERENCES`, it must go as that table says, and not as in Node.
 */

import { assertEquals, assertNotEquals } from "@std/assert";
import { DIFFERENCES } from "./differences.ts";
import recorded from "./node_events.json" with { type: "json" };
import { ourSide } from "./our_side.ts";
import { SCENARIOS } from "./scenarios.mjs";
import { perform, performances } from "./stage.mjs";

const NODE_EVENTS: Readonly<Record<string, readonly string[]>> = recorded.events;
const PERFORMANCES = performances(SCENARIOS);

for (const { title, scenario, role } of PERFORMANCES) {
  const difference = DIFFERENCES[title];
  const name = difference === undefined ? `Events as in Node, ${title}` : `Events unlike Node, ${title}`;
  Deno.test(name, async () => {
    const expected = NODE_EVENTS[title];
    const ours = await perform(scenario, ourSide, role);
    if (difference === undefined) assertEquals<readonly string[] | undefined>(ours, expected);
    else {
      assertEquals<readonly string[]>(ours, difference.ours, difference.reason);
      assertNotEquals<readonly string[] | undefined>(
        ours,
        expected,
        "This is no difference any more: take it off the table",
      );
    }
  });
}

Deno.test("The recorded events and the table of differences know the scenarios there are, and no others", () => {
  const titles = PERFORMANCES.map(({ title }) => title);
  assertEquals(new Set(titles).size, titles.length);
  assertEquals(Object.keys(NODE_EVENTS).sort(), [...titles].sort());
  assertEquals(Object.keys(DIFFERENCES).filter((title) => !titles.includes(title)), []);
});
