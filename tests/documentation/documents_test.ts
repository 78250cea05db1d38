/** What all documents have in common: links lead somewhere, and every block of code runs in some test. */

import { assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

async function documents(folder: URL): Promise<URL[]> {
  const found: URL[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await documents(new URL(`${name}/`, folder)));
    else if (name.endsWith(".md")) found.push(new URL(name, folder));
  }
  return found;
}

/** What a heading is called in a link, as GitHub and JSR have it. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(" ", "-");
}

/** What a file holds; nothing for a folder, undefined if there is neither. */
async function textOf(target: URL): Promise<string | undefined> {
  try {
    return (await Deno.stat(target)).isDirectory ? "" : await Deno.readTextFile(target);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What is wrong with the links of one document. */
async function broken(document: URL): Promise<string[]> {
  const findings: string[] = [];
  const prose = (await Deno.readTextFile(document)).replaceAll(/^```[^]*?^```$/gm, "");
  for (const [, link = ""] of prose.matchAll(/\]\(([^)]+)\)/g)) {
    if (/^[a-z]+:/.test(link)) continue; // of other places nobody can be sure
    const target = new URL(link, document);
    const anchor = target.hash.slice(1);
    target.hash = "";
    const text = await textOf(target);
    const headings = text?.matchAll(/^#+ (.+)$/gm).map(([, heading = ""]) => anchorOf(heading)).toArray() ?? [];
    if (text === undefined) findings.push(`${document.pathname}: there is no ${link}`);
    else if (anchor !== "" && !headings.includes(anchor)) findings.push(`${document.pathname}: no heading for ${link}`);
  }
  return findings;
}

/** The documents that users read. */
async function allDocuments(): Promise<URL[]> {
  const all = ["README.md", "CHANGELOG.md"].map((name) => new URL(name, ROOT));
  return [...all, ...await documents(new URL("examples/", ROOT))];
}

Deno.test("every link of README, CHANGELOG and the guides leads to a file and a heading that there are", async () => {
  assertEquals((await Promise.all((await allDocuments()).map(broken))).flat(), []);
});

// What tests of their own run: programs by the name of their file, and examples that read certificates.
const RUN_AS_PROGRAMS = ["README.md", "examples/guides/scaling.md"];
const RUN_WITH_CERTIFICATES = ["examples/guides/tls.md"];

Deno.test("every block of TypeScript runs: `deno test --doc` leaves out those that a test of their own runs", async () => {
  const findings: string[] = [];
  for (const document of await allDocuments()) {
    const path = document.href.slice(ROOT.href.length);
    const text = await Deno.readTextFile(document);
    for (const [, language = "", code = ""] of text.matchAll(/^```(.*)\n([^]*?)^```$/gm)) {
      if (["ts", "sh", "json", "text"].includes(language)) continue;
      const run = language === "ts ignore" && (RUN_AS_PROGRAMS.includes(path) && /^\/\/ \w+\.ts\n/.test(code) ||
        RUN_WITH_CERTIFICATES.includes(path) && code.includes('.pem"'));
      if (!run) findings.push(`${path}: nothing runs this ${language} block: ${code.slice(0, 80)}`);
    }
  }
  assertEquals(findings, []);
});
