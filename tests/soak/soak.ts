// deno-lint-ignore-file no-console -- a command line
/**
 * `deno task soak [--minutes 1] [--scenario hour|readers|unfinished|greedy]`: an attack for as long as asked, and what it
 * was like. Exits 1 if an honest client has lost anything.
 */

import { parseArgs } from "@std/cli";
import { scenarios } from "./scenarios.ts";
import { underAttack } from "./under_attack.ts";

const { minutes, scenario } = parseArgs(Deno.args, {
  string: ["minutes", "scenario"],
  default: { minutes: "1", scenario: "hour" },
});
const seconds = Number(minutes) * 60;
if (!(seconds > 0) || !(scenario in scenarios)) {
  console.error(`usage: deno task soak [--minutes 1] [--scenario ${Object.keys(scenarios).join("|")}]`);
  Deno.exit(2);
}
const MIB = 2 ** 20;
const { atRest, attacked, made, samples, before, last } = await underAttack(
  scenarios[scenario as keyof typeof scenarios],
  5,
  seconds,
);
console.log("at rest:", atRest);
console.log("attacked:", attacked);
console.log("connections of the attackers:", made);
console.log("in the end:", last);
const most = (pick: (sample: typeof last) => number) => Math.max(...samples.map(pick));
console.log(`open and preparing at most: ${most(({ open = 0, preparing = 0 }) => open + preparing)}`);
console.log(`held at most: ${(most(({ heldBytes }) => Math.max(...heldBytes)) / MIB).toFixed(1)} MiB of one server`);
const memory = ({ rss, heapUsed, external }: typeof last) =>
  `${Math.round(rss / MIB)} MiB resident, ${Math.round(heapUsed / MIB)} MiB heap, ${
    Math.round(external / MIB)
  } MiB external`;
console.log(`before: ${memory(before)}`);
for (let part = 1; part <= 5; part++) {
  const at = Math.floor((samples.length - 1) * part / 5);
  console.log(`after ${(at / 10).toFixed(1)} s: ${memory(samples[at] ?? last)}`);
}
console.log(`in the end: ${memory(last)}`);
const lost = attacked.asked - attacked.answered + attacked.wrong + attacked.cut;
console.log(lost === 0 ? "every honest request was answered" : `${lost} honest requests or connections were lost`);
Deno.exit(lost === 0 ? 0 : 1);
