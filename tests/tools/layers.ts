/**
 * The order of the layers, as a rule over a graph of imports: arrows go down only, and nowhere round.
 *
 *     cli/                                                     7
 *       mod.ts, tcp.ts, observe/ rooms/ workers/ testing/      6
 *         server/ client/ protocol/                            5
 *           socket/                                            4
 *             tls/                                             3
 *               transport/ framing/ limits/                    2
 *                 telemetry/                                   1
 *                   base/                                      0
 */

/** Folders of `src/` by height. Folders of the same height do not know each other. */
const HEIGHTS: ReadonlyMap<string, number> = new Map([
  ["base", 0],
  ["telemetry", 1],
  ["transport", 2],
  ["framing", 2],
  ["limits", 2],
  ["tls", 3],
  ["socket", 4],
  ["server", 5],
  ["client", 5],
  ["protocol", 5],
  ["observe", 6],
  ["rooms", 6],
  ["workers", 6],
  ["testing", 6],
  ["cli", 7],
]);
const FACE_HEIGHT = 6;

/** Which file imports which, by paths relative to the project: `src/base/errors.ts`. Types and dynamic imports count. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Everything in `graph` that the layers forbid, a sentence each. */
export function findViolations(graph: ImportGraph): string[] {
  const found: string[] = [];
  for (const [file, imports] of graph) {
    if (heightOf(file) === undefined) found.push(`${file} is in no layer`);
    for (const imported of imports) {
      const complaint = judge(file, imported);
      if (complaint !== undefined) found.push(`${file} -> ${imported} ${complaint}`);
    }
  }
  for (const circle of findCircles(graph)) found.push(`${circle.join(" -> ")} goes round`);
  return found;
}

// Methods of these names on other objects, and what stands in comments, are no use of a clock.
const CLOCK_USES =
  /(?<![\w.#"`])(?:performance\.(?:now|timeOrigin)|Date\.now|new Date\(\)|(?:set|clear)(?:Timeout|Interval|Immediate)\(|AbortSignal\.timeout|Deno\.(?:un)?refTimer)/;
const CLOCK = "src/base/clock.ts";

/** The lines of a file of the library that read a clock or set a timer by themselves, a sentence each. */
export function findClockUses(file: string, text: string): string[] {
  if (file === CLOCK) return [];
  return text.split("\n").flatMap((line, index) => {
    const code = line.replace(/^\s*(?:\/?\*).*|\/\/.*$/, "");
    const use = CLOCK_USES.exec(code)?.[0];
    // A declaration, such as the socket's own `setTimeout(timeoutMs: number)`, is none either.
    if (use === undefined || /^\s*(?:override )?setTimeout\(\w+: /.test(code)) return [];
    return [`${file}:${index + 1} uses ${use}; ask ${CLOCK}`];
  });
}

function judge(file: string, imported: string): string | undefined {
  if (imported.startsWith("node:")) return undefined;
  // Stand-ins for @std, which the workspace puts in the place of JSR's.
  if (imported.startsWith("tests/std/")) return undefined;
  if (/^[a-z]+:/.test(imported)) return imported.startsWith("jsr:@std/") ? undefined : "is a dependency";
  const from = heightOf(file);
  const to = heightOf(imported);
  if (to === undefined) return "leaves the library";
  if (from === undefined || layerOf(file) === layerOf(imported)) return undefined;
  if (to > from) return "goes up";
  if (to === from) return "goes sideways";
  return undefined;
}

/** `socket` for `src/socket/pipe.ts`; undefined for what lies outside of `src/`. */
function layerOf(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1];
}

function heightOf(file: string): number | undefined {
  if (!file.includes("/")) return FACE_HEIGHT;
  return HEIGHTS.get(layerOf(file) ?? "");
}

/** One circle for each import that closes one within its layer; those across layers have an arrow that goes up. */
function findCircles(graph: ImportGraph): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const start = path.indexOf(file);
    if (start >= 0) circles.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    for (const imported of graph.get(file) ?? []) if (layerOf(imported) === layerOf(file)) visit(imported);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return circles;
}
