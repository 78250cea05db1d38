/** A program of the project as a child process that a test listens to and talks to. */

import { TextLineStream } from "@std/streams";

const ROOT = new URL("../../", import.meta.url);

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number;
  /** The lines of its output that no `line()` took. */
  readonly rest: string[];
  readonly stderr: string;
}

/** One run of a program; `await using` ends it at the latest. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #stderr: Promise<string>;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  #ended = false;

  /**
   * Runs a file of the project (its path from the root, or a file URL) with these permissions and nothing else, in the
   * directory of the tests or another.
   */
  constructor(
    file: string | URL,
    args: readonly string[] = [],
    permissions: readonly string[] = ["--allow-net"],
    cwd?: string,
  ) {
    const url = new URL(file, ROOT).href;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", ...permissions, url, ...args],
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      ...(cwd === undefined ? {} : { cwd }),
    }).spawn();
    const { stdin, stdout, stderr } = this.#child;
    this.#stdin = stdin.getWriter();
    this.#lines = stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    this.#stderr = new Response(stderr).text();
  }

  /** Waits for the next line of output that matches, and gives the match. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const seen: string[] = [];
    for (;;) {
      const { done, value } = await this.#lines.read();
      if (done) throw new Error(`No line matches ${pattern}; came: ${seen.join("\n")}\n${await this.#stderr}`);
      const match = pattern.exec(value);
      if (match !== null) return match;
      seen.push(value);
    }
  }

  /** The port that it says it listens on. */
  async port(): Promise<number> {
    const [, port] = await this.line(/^Listening on 127\.0\.0\.1 port (\d+)$/);
    return Number(port);
  }

  /** Types at its keyboard. */
  async type(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text));
  }

  /** Ends its input. */
  async endInput(): Promise<void> {
    await this.#stdin.close();
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    this.signal("SIGINT");
  }

  /** Sends it a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end. */
  async end(): Promise<ProgramEnd> {
    this.#ended = true;
    const rest: string[] = [];
    for (let line; !(line = await this.#lines.read()).done;) rest.push(line.value);
    const [{ code }, stderr] = await Promise.all([this.#child.status, this.#stderr]);
    await this.#stdin.abort().catch(() => {}); // closed already, by the test or by the program's end
    return { code, rest, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // The test has ended it by a signal of its own.
    }
    await this.end();
  }
}
