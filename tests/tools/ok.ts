// deno-lint-ignore-file no-console -- a command line
/**
 * The whole gate: `deno run -A tests/tools/ok.ts [--tested] [--allow-dirty]`. Every step runs, whatever became of those
 * before it; what failed is listed last.
 *
 * With `--tested` the tests are left out, for a caller that has run them; with `--allow-dirty` the publish dry run takes
 * uncommitted changes.
 */

import { parseArgs } from "@std/cli";
import { PROJECT, readConfig } from "./project.ts";

/** Time after which a step counts as hanging. */
const STEP_LIMIT_MS = 600_000;

interface Step {
  readonly name: string;
  /** The arguments of `deno`. */
  readonly args: readonly string[];
}

const flags = parseArgs(Deno.args, {
  boolean: ["tested", "allow-dirty"],
  unknown: (flag) => {
    console.error(`ok.ts takes --tested and --allow-dirty, not ${flag}`);
    Deno.exit(2);
  },
});
const { exports } = await readConfig();
const report = await Deno.makeTempFile({ suffix: ".xml" });

const steps: Step[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "types", args: ["check", "--quiet"] },
  { name: "doc comments", args: ["doc", "--quiet", "--lint", ...Object.values(exports)] },
  { name: "documentation", args: tool("check_documentation.ts") },
  { name: "import order", args: tool("check_imports.ts") },
  { name: "file sizes", args: tool("check_sizes.ts") },
  { name: "version", args: tool("check_version.ts") },
  ...(flags.tested ? [] : [{ name: "tests", args: ["task", "test", `--junit-path=${report}`] }]),
  { name: "publish", args: [...tool("check_publish.ts"), ...(flags["allow-dirty"] ? ["--allow-dirty"] : [])] },
];

function tool(name: string): string[] {
  return ["run", "-A", "--quiet", `tests/tools/${name}`];
}

/** Runs a step, and says whether it went well. */
async function passes({ name, args }: Step): Promise<boolean> {
  const started = performance.now();
  const { success, signal } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: PROJECT,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
    signal: AbortSignal.timeout(STEP_LIMIT_MS),
  }).output();
  const verdict = success ? "ok" : signal === null ? "FAILED" : `FAILED (${signal})`;
  console.log(`${name}: ${verdict}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return success;
}

/** How many tests the run that wrote the report has left out. */
async function skippedTests(): Promise<number> {
  return (await Deno.readTextFile(report)).match(/<skipped/g)?.length ?? 0;
}

const failed: string[] = [];
for (const step of steps) if (!await passes(step)) failed.push(step.name);
const skipped = await skippedTests();
if (skipped > 0) failed.push(`tests (${skipped} skipped)`);
await Deno.remove(report);

console.log(failed.length === 0 ? `${steps.length} steps ok` : `Not ok: ${failed.join(", ")}`);
Deno.exit(failed.length === 0 ? 0 : 1);
