/** The command line as a process with pipes, as tests start it and talk to it. */

const ROOT = new URL("../../", import.meta.url);

/** How it ended. */
export interface End {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `vtcp ARGS` with these permissions and nothing else; `await using` ends it at the latest. */
export class Vtcp implements AsyncDisposable {
  readonly stdout: Pipe;
  readonly stderr: Pipe;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  #ended = false;

  constructor(args: readonly string[], permissions: readonly string[] = ["--allow-net"]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", ...permissions, "src/cli/mod.ts", ...args],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.stdout = new Pipe(this.#child.stdout);
    this.stderr = new Pipe(this.#child.stderr);
  }

  /** A server: waits until it listens, and gives its port too. */
  static async listening(args: readonly string[], permissions?: readonly string[]): Promise<Vtcp & { port: number }> {
    const vtcp = new Vtcp(args, permissions);
    const [, port] = await vtcp.stderr.match(/^Listening on .*?(\d+)$/m);
    return Object.assign(vtcp, { port: Number(port) });
  }

  /** Types, or pipes in. */
  async type(text: string | Uint8Array): Promise<void> {
    await this.#stdin.write(typeof text === "string" ? new TextEncoder().encode(text) : text);
  }

  /** Ends its input, as Ctrl-D does. */
  async endInput(): Promise<void> {
    await this.#stdin.close();
  }

  /** Presses Ctrl-C. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Waits for its end. */
  async end(): Promise<End> {
    this.#ended = true;
    const [{ code }, stdout, stderr] = await Promise.all([this.#child.status, this.stdout.end(), this.stderr.end()]);
    await this.#stdin.abort().catch(() => {}); // closed already, by the test or by the program's end
    return { code, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#child.kill("SIGKILL");
    await this.end();
  }
}

/** Runs it to its end, with that for its input. */
export async function run(args: readonly string[], input = "", permissions?: readonly string[]): Promise<End> {
  await using vtcp = new Vtcp(args, permissions);
  if (input !== "") await vtcp.type(input);
  await vtcp.endInput();
  return await vtcp.end();
}

/** What a program prints, as it comes. */
class Pipe {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream("utf-8", { ignoreBOM: true })).getReader();
  }

  /** Waits until what has been printed matches. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) return match;
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`Nothing matches ${pattern}; there was: ${this.#text}`);
      this.#text += value;
    }
  }

  /** Stops reading, as `head` does when it has enough. */
  async close(): Promise<void> {
    await this.#reader.cancel();
  }

  /** Waits for its end, and gives all there was. */
  async end(): Promise<string> {
    for (let read; !(read = await this.#reader.read()).done;) this.#text += read.value;
    return this.#text;
  }
}
