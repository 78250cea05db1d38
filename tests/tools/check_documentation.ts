/**
 * `deno run -A tests/tools/check_documentation.ts`: fails if the package lacks documentation that JSR's score counts: an
 * example in the README, a module doc with an example in each entry point, and a doc comment on every export. That there
 * are no slow types is judged by `deno lint` and the dry run of the publication.
 */

import { findGaps, findReadmeGaps } from "./documentation.ts";
import { deno, finish, PROJECT, readConfig } from "./project.ts";

const findings = findReadmeGaps(await Deno.readTextFile(new URL("README.md", PROJECT)));
for (const [entry, file] of Object.entries((await readConfig()).exports)) {
  const { stdout } = await deno("doc", "--json", new URL(file, PROJECT).href);
  findings.push(...findGaps(entry, JSON.parse(stdout)));
}
finish(findings);
