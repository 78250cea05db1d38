// @ts-check
// deno-lint-ignore-file no-console -- a command line
/**
 * Plays every scenario on the real `node:net` and writes what happened, for `events_test.ts` to compare with:
 *
 *     node tests/conformance/record.mjs [--runs=5] [file]
 *
 * A scenario that does not go the same way in every run is no reference: then nothing is written and the exit code is 1.
 */

import { writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { nodeSide } from "./node_side.mjs";
import { SCENARIOS } from "./scenarios.mjs";
import { perform, performances } from "./stage.mjs";

if ("Deno" in globalThis || "Bun" in globalThis) throw new Error("The reference is recorded by Node alone");

const args = process.argv.slice(2);
const runs = Number(args.find((arg) => arg.startsWith("--runs="))?.slice("--runs=".length) ?? 5);
const file = args.find((arg) => !arg.startsWith("--")) ?? fileURLToPath(new URL("node_events.json", import.meta.url));

/** @type {Record<string, string[]>} */
const events = {};
let unstable = 0;
for (const { title, scenario, role } of performances(SCENARIOS)) {
  const log = await perform(scenario, nodeSide, role);
  for (let run = 1; run < runs; run++) {
    const again = await perform(scenario, nodeSide, role);
    if (JSON.stringify(again) === JSON.stringify(log)) continue;
    console.error(`${title}: run ${run + 1} differs\n  ${log.join("\n  ")}\nbut\n  ${again.join("\n  ")}`);
    unstable++;
    break;
  }
  if (log.some((entry) => entry.startsWith("failed: "))) {
    console.error(`${title}: does not come to its end\n  ${log.join("\n  ")}`);
    unstable++;
  }
  events[title] = log;
}
if (unstable > 0) {
  console.error(`Nothing written: ${unstable} scenarios are no reference`);
  process.exit(1);
}
writeFileSync(file, `${JSON.stringify({ node: process.version, events }, null, 2)}\n`);
console.log(`${Object.keys(events).length} scenarios recorded on Node ${process.version}`);
