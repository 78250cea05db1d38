/** Records the scenarios again on the Node that is installed here, and compares with the committed record. */

import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import recorded from "../conformance/node_events.json" with { type: "json" };

Deno.test("Node does today what the committed record of its events says", async (t) => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const script = fileURLToPath(new URL("../conformance/record.mjs", import.meta.url));
    const { code, stdout, stderr } = await new Deno.Command("node", {
      args: [script, file],
    })
      .output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assertEquals(code, 0, said);
    const today: { node: string; events: Record<string, string[]> } = JSON.parse(await Deno.readTextFile(file));
    const then: Record<string, string[]> = recorded.events;
    assertEquals(Object.keys(today.events), Object.keys(then), "Other scenarios than recorded; run record.mjs");
    for (const [title, log] of Object.entries(then)) {
      await t.step(title, () => assertEquals(today.events[title], log, `${today.node}, recorded on ${recorded.node}`));
    }
  } finally {
    await Deno.remove(file);
  }
});
