/** Programs that a test starts: this runtime, by its own path. */

const ROOT = new URL("../../", import.meta.url);

/** What a program that ran to its end left behind. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a module's source to its end. It may import "@verb/tcp" and "@verb/tcp/tcp". */
export async function runModule(source: string, flags: readonly string[] = ["--allow-net"]): Promise<Outcome> {
  const code = source.replaceAll(
    /"@verb\/tcp(\/tcp)?"/g,
    (_, sub) => JSON.stringify(new URL(sub === undefined ? "mod.ts" : "tcp.ts", ROOT).href),
  );
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, code);
    return await runDeno(["run", "--quiet", "--no-config", ...flags, file]);
  } finally {
    await Deno.remove(file);
  }
}

/** Runs the runtime with these arguments to its end. */
export async function runDeno(args: readonly string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
