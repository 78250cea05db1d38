// deno-lint-ignore-file no-console -- a command line
/**
 * `deno task fuzz [--seconds 10] [--seed N] [--codec name]`: random and damaged bytes at every decoder for as long as
 * asked. Stops at the first failure with the line that repeats it, and exits 1.
 */

import { parseArgs } from "@std/cli";
import { Fuzzer } from "./fuzz_decoders.ts";
import { TARGETS } from "./targets.ts";

const USAGE = "deno task fuzz [--seconds 10] [--seed N] [--codec name]";
/** Between two looks at the heap. */
const HEAP_INTERVAL_MS = 1_000;
/** What the heap may grow by from the first look to the last. */
const MAX_GROWTH_BYTES = 16 * 2 ** 20;

function refuse(what: string): never {
  console.error(`${what}\n${USAGE}`);
  Deno.exit(2);
}

function numberFlag(name: string, fallback: number): number {
  const value = flags[name] === undefined ? fallback : Number(flags[name]);
  return value >= 0 && flags[name] !== ""
    ? value
    : refuse(`--${name} must be a number from 0 on; it is ${flags[name]}`);
}

/** What is alive; without `--expose-gc` with some of what is dead. */
function heapBytes(): number {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect === "function") collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

const inMebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

const flags = parseArgs(Deno.args, {
  string: ["seconds", "seed", "codec"],
  unknown: (flag) => refuse(`${flag} is unknown`),
});
const seconds = numberFlag("seconds", 10);
const seed = numberFlag("seed", Date.now() % 2 ** 32) >>> 0;
const targets = TARGETS.filter(({ name }) => flags.codec === undefined || flags.codec === name);
if (targets.length === 0) refuse(`--codec must be one of ${TARGETS.map(({ name }) => name).join(", ")}`);

const fuzzer = new Fuzzer(targets, seed);
const started = performance.now();
const heap: number[] = [];
let failure;
do {
  failure = fuzzer.runBatch();
  // The first look is late enough for what is made once.
  if (performance.now() - started > HEAP_INTERVAL_MS * (heap.length + 1)) heap.push(heapBytes());
} while (failure === undefined && performance.now() - started < 1_000 * seconds);

for (const [name, cases] of fuzzer.cases) console.log(`${name}: ${cases} cases`);
console.log(`seed ${seed}`);
if (heap.length > 0) {
  console.log(`heap in MiB: ${inMebibytes(heap[0]!)} at first, ${inMebibytes(heap.at(-1)!)} at last`); // there are some
}
if (failure !== undefined) {
  console.error(`FAILED ${failure.name}: ${failure.what}`);
  console.error(`bytes: ${Array.from(failure.bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") || "none"}`);
  console.error(`again: deno task fuzz --seconds 0 --codec ${failure.name} --seed ${failure.seed}`);
}
const growth = (heap.at(-1) ?? 0) - (heap[0] ?? 0);
if (growth > MAX_GROWTH_BYTES) console.error(`FAILED: the heap grew by ${inMebibytes(growth)} MiB`);
Deno.exit(failure !== undefined || growth > MAX_GROWTH_BYTES ? 1 : 0);
