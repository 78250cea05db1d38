/**
 * `deno run -A tests/tools/check_publish.ts [--allow-dirty]`: fails if the package cannot be published, or if what would
 * be shipped is not what users need. Without `--allow-dirty` the tree must be clean.
 */

import { deno, finish, PROJECT } from "./project.ts";

/** What may be shipped: these files, and whatever lies in these folders. */
const SHIPPED_FILES = ["CHANGELOG.md", "LICENSE", "README.md", "deno.json", "mod.ts", "tcp.ts"];
const SHIPPED_FOLDERS = ["src/", "examples/"];

const { stdout, stderr } = await deno("publish", "--dry-run", ...Deno.args);
const shipped = [...`${stdout}\n${stderr}`.matchAll(/^\s+(file:\S+) \([\d.]+\w+\)$/gm)]
  .map(([, url = ""]) => url.replace(PROJECT.href, ""));

const findings = SHIPPED_FILES.filter((file) => !shipped.includes(file)).map((file) => `${file} would not be shipped`);
for (const file of shipped) {
  if (SHIPPED_FILES.includes(file) || SHIPPED_FOLDERS.some((folder) => file.startsWith(folder))) continue;
  findings.push(`${file} would be shipped`);
}
finish(findings);
