import { assertEquals } from "@std/assert";
import { type DocumentedModule, findGaps, findReadmeGaps } from "./documentation.ts";

const EXAMPLE = "Does something.\n\n```ts\nrun();\n```";

function gaps(module: Partial<DocumentedModule>): string[] {
  return findGaps("./a", { nodes: { "file:///a.ts": { symbols: [], ...module } } });
}

Deno.test("findGaps() has nothing to say of a module with an example and documented exports", () => {
  const symbols = [{ name: "run", declarations: [{ jsDoc: { doc: "Runs." } }] }];
  assertEquals(gaps({ module_doc: { doc: EXAMPLE }, symbols }), []);
});

Deno.test("findGaps() takes the doc comment of one overload for all", () => {
  const symbols = [{ name: "run", declarations: [{}, { jsDoc: { doc: "Runs." } }] }];
  assertEquals(gaps({ module_doc: { doc: EXAMPLE }, symbols }), []);
});

Deno.test("findGaps() misses a module doc, and an example in it", () => {
  assertEquals(gaps({}), ["./a has no module doc"]);
  assertEquals(gaps({ module_doc: { doc: "Does `something`." } }), ["./a has no example in its module doc"]);
});

Deno.test("findGaps() misses doc comments, those with tags alone too", () => {
  const symbols = [{ name: "run", declarations: [{}] }, { name: "stop", declarations: [{ jsDoc: {} }] }];
  assertEquals(gaps({ module_doc: { doc: EXAMPLE }, symbols }), [
    "./a exports run without a doc comment",
    "./a exports stop without a doc comment",
  ]);
});

Deno.test("findReadmeGaps() misses an example", () => {
  assertEquals(findReadmeGaps(EXAMPLE), []);
  assertEquals(findReadmeGaps("A library."), ["README.md has no example"]);
});
