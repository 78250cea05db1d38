/** `deno run -A tests/tools/check_version.ts`: fails if deno.json, the changelog and the tag name different versions. */

import { finish, PROJECT, readConfig } from "./project.ts";

const { version } = await readConfig();
const changelog = await Deno.readTextFile(new URL("CHANGELOG.md", PROJECT));
const newest = /^## \[(\d[^\]]*)\]/m.exec(changelog)?.[1];
const tags = new TextDecoder().decode(
  (await new Deno.Command("git", { args: ["tag", "--points-at", "HEAD"], cwd: PROJECT }).output()).stdout,
);

const findings: string[] = [];
if (newest !== version) findings.push(`CHANGELOG.md begins with version ${newest ?? "none"}, deno.json has ${version}`);
for (const tag of tags.split("\n")) {
  if (/^v\d/.test(tag) && tag !== `v${version}`) findings.push(`The tag here is ${tag}, deno.json has ${version}`);
}
finish(findings);
