/** What JSR's score asks of the documentation, as a rule over what `deno doc --json` prints. */

/** What is read of `deno doc --json`: a node for each module. */
export interface Documentation {
  readonly nodes: Readonly<Record<string, DocumentedModule>>;
}

/** A module and its exports. */
export interface DocumentedModule {
  readonly module_doc?: { readonly doc?: string };
  readonly symbols: readonly {
    readonly name: string;
    /** Several for overloads, and for a value and a type of one name. */
    readonly declarations: readonly { readonly jsDoc?: { readonly doc?: string } }[];
  }[];
}

const EXAMPLE = /^```(?:ts|sh)\b/m;

/** What an entry point lacks: a module doc, an example in it, or the doc comment of an export. */
export function findGaps(entry: string, { nodes }: Documentation): string[] {
  const gaps: string[] = [];
  for (const { module_doc, symbols } of Object.values(nodes)) {
    const text = module_doc?.doc ?? "";
    if (text === "") gaps.push(`${entry} has no module doc`);
    else if (!EXAMPLE.test(text)) gaps.push(`${entry} has no example in its module doc`);
    for (const { name, declarations } of symbols) {
      if (!declarations.some(({ jsDoc }) => jsDoc?.doc)) gaps.push(`${entry} exports ${name} without a doc comment`);
    }
  }
  return gaps;
}

/** The same for the text of the README. */
export function findReadmeGaps(readme: string): string[] {
  return EXAMPLE.test(readme) ? [] : ["README.md has no example"];
}
