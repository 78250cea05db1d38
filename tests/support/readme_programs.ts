/** The programs that README shows, in a fresh directory, as a reader has them after `deno add`. */

import { fileURLToPath, pathToFileURL } from "node:url";
import { Program } from "../examples/program.ts";

const ROOT = new URL("../../", import.meta.url);
// A block of a program begins with the name of its file.
const PROGRAMS = /^```ts ignore\n\/\/ (\w+\.ts)\n([^]*?)^```$/gm;
const COMMANDS = /^```sh\n([^]*?)^```$/gm;
const SERVER_END = "await app.closeOnSignals();\n";
const PERMISSIONS = ["--allow-net", "--allow-read"];

/** The directory, with one server at most at a time; `await using` removes it. */
export class ReadmePrograms implements AsyncDisposable {
  /** Where the programs and their certificates are. */
  readonly directory: string;
  /** The lines of the shell. */
  readonly commands: readonly string[];
  readonly #sources: ReadonlyMap<string, string>;

  private constructor(directory: string, readme: string) {
    this.directory = directory;
    this.#sources = new Map([...readme.matchAll(PROGRAMS)].map(([, name, source]) => [name!, source!])); // two groups
    this.commands = [...readme.matchAll(COMMANDS)].flatMap(([, lines]) => lines!.split(/(?<!\\)\n/)); // one group
  }

  /** Makes the directory and writes into it what README shows. */
  static async unpack(): Promise<ReadmePrograms> {
    const readme = await Deno.readTextFile(new URL("README.md", ROOT));
    const programs = new ReadmePrograms(await Deno.makeTempDir(), readme);
    // The link has the registry's name mean this checkout.
    const config = { imports: { "@verb/tcp": "jsr:@verb/tcp" }, links: [fileURLToPath(ROOT)] };
    await programs.write("deno.json", JSON.stringify(config));
    for (const [name, source] of programs.#sources) await programs.write(name, source);
    return programs;
  }

  /** The names of the programs. */
  get names(): string[] {
    return [...this.#sources.keys()];
  }

  /** Writes a file beside the programs. */
  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.directory}/${name}`, text);
  }

  /** Runs a server on a port that the system chooses, and gives the port. */
  async serve(name: string): Promise<{ server: Program; port: number }> {
    const source = this.#source(name).replace(/(?<=\.listen\()\d+/, "0")
      .replace(SERVER_END, `console.log("port", app.address()?.port);\n${SERVER_END}`);
    await this.write(name, source);
    const server = this.#run(name);
    const [, port] = await server.line(/^port (\d+)$/);
    return { server, port: Number(port) };
  }

  /** Runs a client of the server on that port, and gives the lines that it prints. */
  async ask(name: string, port: number): Promise<string[]> {
    await this.write(name, this.#source(name).replaceAll(/\b3\d{3}\b/g, String(port)));
    await using client = this.#run(name);
    const { rest, stderr } = await client.end();
    return stderr === "" ? rest : [...rest, stderr];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }

  #source(name: string): string {
    const source = this.#sources.get(name);
    if (source === undefined) throw new Error(`README shows no ${name}, but ${this.names.join(", ")}`);
    return source;
  }

  #run(name: string): Program {
    return new Program(pathToFileURL(`${this.directory}/${name}`), [], PERMISSIONS, this.directory);
  }
}
