/** `deno run -A tests/tools/check_sizes.ts`: fails if a file of the library is too long to be one thing. */

import { finish, PROJECT, sourceFiles } from "./project.ts";

const MAX_LINES = 400;

const findings: string[] = [];
for (const file of await sourceFiles()) {
  const lines = (await Deno.readTextFile(new URL(file, PROJECT))).trimEnd().split("\n").length;
  if (lines > MAX_LINES) findings.push(`${file} has ${lines} lines, at most ${MAX_LINES} allowed`);
}
finish(findings);
