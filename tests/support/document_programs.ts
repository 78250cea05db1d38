/** The programs that a document shows, in a fresh directory, as a reader has them after `deno add`. */

import { fileURLToPath, pathToFileURL } from "node:url";
import { Program } from "../examples/program.ts";

const ROOT = new URL("../../", import.meta.url);
// A block of a program begins with the name of its file.
const PROGRAMS = /^```ts ignore\n\/\/ (\w+\.ts)\n([^]*?)^```$/gm;
const COMMANDS = /^```sh\n([^]*?)^```$/gm;
const SERVER_END = "await app.closeOnSignals();\n";
const PERMISSIONS = ["--allow-net", "--allow-read"];

/** The directory, with one server at most at a time; `await using` removes it. */
export class DocumentPrograms implements AsyncDisposable {
  /** Where the programs and their certificates are. */
  readonly directory: string;
  /** The lines of the shell. */
  readonly commands: readonly string[];
  /** The names of the programs. */
  readonly names: readonly string[];

  private constructor(directory: string, names: readonly string[], commands: readonly string[]) {
    this.directory = directory;
    this.names = names;
    this.commands = commands;
  }

  /** Makes the directory and writes into it what a document shows. */
  static async unpack(path: string): Promise<DocumentPrograms> {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    const sources = [...text.matchAll(PROGRAMS)].map(([, name, source]) => [name!, source!] as const); // two groups
    const commands = [...text.matchAll(COMMANDS)].flatMap(([, lines]) => lines!.split(/(?<!\\)\n/)); // one group
    const programs = new DocumentPrograms(await Deno.makeTempDir(), sources.map(([name]) => name), commands);
    // The link has the registry's name mean this checkout.
    const config = { imports: { "@verb/tcp": "jsr:@verb/tcp" }, links: [fileURLToPath(ROOT)] };
    await programs.write("deno.json", JSON.stringify(config));
    for (const [name, source] of sources) await programs.write(name, source);
    return programs;
  }

  /** Writes a file beside the programs. */
  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.directory}/${name}`, text);
  }

  /** Runs a server on a port that the system chooses, and gives the port. */
  async serve(name: string): Promise<{ server: Program; port: number }> {
    await this.change(name, /(?<=\.listen\()\d+/, "0");
    await this.change(name, SERVER_END, `console.log("port", app.address()?.port);\n${SERVER_END}`);
    const server = this.run(name);
    const [, port] = await server.line(/^port (\d+)$/);
    return { server, port: Number(port) };
  }

  /** Runs a client of the server on that port, and gives the lines that it prints. */
  async ask(name: string, port: number): Promise<string[]> {
    await this.change(name, /\b3\d{3}\b/, String(port));
    await using client = this.run(name);
    const { rest, stderr } = await client.end();
    return stderr === "" ? rest : [...rest, stderr];
  }

  /** Replaces a part of a program, which has to be there. */
  async change(name: string, part: RegExp | string, by: string): Promise<void> {
    if (!this.names.includes(name)) throw new Error(`The document shows no ${name}, but ${this.names.join(", ")}`);
    const source = await Deno.readTextFile(`${this.directory}/${name}`);
    const changed = source.replace(part, by);
    if (changed === source) throw new Error(`${name} has no ${part}`);
    await this.write(name, changed);
  }

  /** Runs a program in the directory. */
  run(name: string, permissions: readonly string[] = PERMISSIONS): Program {
    return new Program(pathToFileURL(`${this.directory}/${name}`), [], permissions, this.directory);
  }

  /** What the type checker says about the programs; nothing if they are right. It takes seconds. */
  async typeErrors(): Promise<string> {
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", ...this.names],
      cwd: this.directory,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    return new TextDecoder().decode(stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}
