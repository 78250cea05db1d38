/** The guide whose examples read keys and certificates from files: they run in a directory that has these. */

import { fileURLToPath } from "node:url";

const ROOT = new URL("../../", import.meta.url);
const GUIDE = new URL("examples/guides/tls.md", ROOT);
// `deno test --doc` leaves them out, because there are no such files where it runs.
const EXAMPLES = /^```ts ignore\n[^]*?^```$/gm;
const COMMANDS = /^```sh\n([^]*?)^```$/gm;

/** What the guide holds. */
export interface TlsGuide {
  /** The examples that read such files. */
  readonly examples: readonly string[];
  /** The command lines that make the files. */
  readonly commands: readonly string[];
}

/** Reads it. */
export async function readTlsGuide(): Promise<TlsGuide> {
  const text = await Deno.readTextFile(GUIDE);
  return {
    examples: (text.match(EXAMPLES) ?? []).filter((block) => block.includes('.pem"')),
    commands: [...text.matchAll(COMMANDS)].map((found) => found[1]!) // there is one group
      .filter((lines) => lines.includes("openssl")),
  };
}

/**
 * Runs examples with `deno test --doc` in that directory, leaks checked, and types if `flags` do not leave that out; gives
 * the outcome in one line.
 */
export async function runExamples(
  directory: string,
  examples: readonly string[],
  ...flags: readonly string[]
): Promise<string> {
  const document = `${directory}/examples.md`;
  await Deno.writeTextFile(document, examples.join("\n\n").replaceAll("```ts ignore", "```ts"));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["test", "--doc", "--no-lock", "--allow-net", "--allow-read", ...flags],
      ...["--config", fileURLToPath(new URL("deno.json", ROOT)), document],
    ],
    cwd: directory,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return /\d+ passed \| 0 failed/.exec(said)?.[0] ?? said;
}
