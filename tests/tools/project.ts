/** The project as its files show it: where it lies, what it exports, what belongs to the library. */

/** The project's folder. */
export const PROJECT = new URL("../../", import.meta.url);

/** What the tools read of deno.json. */
export interface Config {
  readonly name: string;
  readonly version: string;
  /** Entry points and their files: `./tcp` and `./tcp.ts`. */
  readonly exports: Readonly<Record<string, string>>;
}

/** The project's deno.json. */
export async function readConfig(): Promise<Config> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", PROJECT)));
}

/** The files of the library below `src/`, sorted, relative to the project. */
export async function sourceFiles(folder = "src"): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(new URL(folder, PROJECT))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) files.push(...await sourceFiles(path));
    else if (path.endsWith(".ts")) files.push(path);
  }
  return files.sort();
}

/** What `deno ARGS`, run in the project, prints; its messages come with the error if it fails. */
export async function deno(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { success, code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: PROJECT,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  const messages = decoder.decode(stderr);
  if (!success) throw new Error(`deno ${args.join(" ")} failed with ${code}:\n${messages}`);
  return { stdout: decoder.decode(stdout), stderr: messages };
}

/** Ends a check: with 0 if nothing was found, else with the findings and 1. */
export function finish(findings: readonly string[]): never {
  // deno-lint-ignore no-console -- the checks are command lines, and this is their answer
  for (const finding of findings) console.error(finding);
  Deno.exit(findings.length === 0 ? 0 : 1);
}
