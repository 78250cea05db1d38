/**
 * What users import is frozen: whoever adds, takes away or changes the kind of an exported name says so in
 * `exports.json` too, and in the changelog.
 */

import { assertEquals } from "@std/assert";
import { deno, PROJECT, readConfig } from "../tools/project.ts";

/** What is read of `deno doc --json`. */
interface Documentation {
  readonly nodes: Readonly<Record<string, { readonly symbols: readonly ExportedName[] }>>;
}

interface ExportedName {
  readonly name: string;
  readonly declarations: readonly { readonly kind: string }[];
}

/** The names that `file` exports with what they are, sorted: `TCPSocket: class`. */
async function exportedNames(file: string): Promise<string[]> {
  const { stdout } = await deno("doc", "--json", new URL(file, PROJECT).href);
  const { nodes }: Documentation = JSON.parse(stdout);
  return Object.values(nodes).flatMap(({ symbols }) => symbols)
    .map(({ name, declarations }) => `${name}: ${[...new Set(declarations.map(({ kind }) => kind))].join(", ")}`)
    .sort();
}

const { exports } = await readConfig();
const frozen: Record<string, string[]> = JSON.parse(await Deno.readTextFile(new URL("exports.json", import.meta.url)));

Deno.test("every entry point of the package is frozen", () => {
  assertEquals(Object.keys(frozen), Object.keys(exports));
});

for (const [entry, file] of Object.entries(exports)) {
  Deno.test(`the entry point ${entry} exports the names of exports.json and no other`, async () => {
    assertEquals(await exportedNames(file), frozen[entry]);
  });
}
