/**
 * `deno run -A tests/tools/check_imports.ts`: fails if the library's imports break the order of its layers, or if it reads
 * a clock anywhere but in the one place for that.
 */

import { findClockUses, findViolations } from "./layers.ts";
import { deno, finish, PROJECT, readConfig, sourceFiles } from "./project.ts";

/** What is read of `deno info --json`. */
interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

/** The files that `root` reaches, with what each of them imports. */
async function importsFrom(root: string): Promise<Map<string, string[]>> {
  const { stdout } = await deno("info", "--json", new URL(root, PROJECT).href);
  const { modules }: { modules: readonly ModuleInfo[] } = JSON.parse(stdout);
  const graph = new Map<string, string[]>();
  for (const { specifier, dependencies = [] } of modules) {
    if (!specifier.startsWith(PROJECT.href)) continue;
    // An import that is used for its types alone has no code, one without types of its own no type.
    const imported = dependencies.flatMap(({ code, type }) => [code?.specifier, type?.specifier]);
    graph.set(relative(specifier), [...new Set(imported.filter((specifier) => specifier !== undefined).map(relative))]);
  }
  return graph;
}

function relative(specifier: string): string {
  return specifier.startsWith(PROJECT.href) ? specifier.slice(PROJECT.href.length) : specifier;
}

const graph = new Map<string, string[]>();
// The files that no entry point reaches keep the order too; they may be reached one day.
for (const root of [...Object.values((await readConfig()).exports), ...await sourceFiles()]) {
  if (graph.has(root)) continue;
  for (const [file, imports] of await importsFrom(root)) graph.set(file, imports);
}
// What the library does not own has no place in its layers; that it is imported at all is judged at the importer.
const owned = new Map([...graph].filter(([file]) => !file.includes("/") || file.startsWith("src/")));
const clockUses = await Promise.all(
  [...owned.keys()].map(async (file) => findClockUses(file, await Deno.readTextFile(new URL(file, PROJECT)))),
);
finish([...findViolations(owned), ...clockUses.flat()]);
