// deno-lint-ignore-file no-console -- a command line
/**
 * `deno task bench [REF] [ARGUMENTS OF deno bench]`: the benches, with those of the hot path run for the version REF of
 * the repository as well. Where no REF is given it is the last commit if files differ from it, or else the one before.
 * Its own name is not that of a bench, because `deno bench` would run it, too.
 */

import { parseArgs } from "@std/cli";
import { PROJECT } from "../tools/project.ts";

async function git(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", { args, cwd: PROJECT }).output();
  if (!success) throw new Error(`git ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim();
}

const { _: [given], "--": more = [] } = parseArgs(Deno.args, { string: ["_"], "--": true });
const ref = given?.toString() ?? (await git("status", "--porcelain") === "" ? "HEAD~1" : "HEAD");
const folder = await Deno.makeTempDir();
try {
  await git("worktree", "add", "--quiet", "--detach", folder, ref);
  console.log(`before: ${await git("log", "-1", "--format=%h %s", ref)}`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["bench", "-A", "tests/bench", ...more],
    cwd: PROJECT,
    env: { BENCH_BEFORE: folder },
  }).spawn().status;
  Deno.exitCode = code;
} finally {
  await git("worktree", "remove", "--force", folder);
}
