/** Programs of the tests that run beside, and say lines of JSON. */

/** How a {@link Program} runs. */
export interface ProgramOptions {
  readonly args?: readonly (string | number)[];
  readonly flags?: readonly string[];
  /** The most descriptors it may have; what this process may have where left out. */
  readonly descriptors?: number;
}

/** One of them, until it ends; see the module's comment. */
export class Program implements AsyncDisposable {
  /** All it has said. */
  readonly said: unknown[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #over: Promise<void>;
  #heard: () => void = () => {};
  #ended = false;

  /** `name` as seen from the directory of the tests. */
  constructor(name: string, { args = [], flags = [], descriptors }: ProgramOptions = {}) {
    const { pathname } = new URL(`../${name}`, import.meta.url);
    const run = [Deno.execPath(), "run", "--quiet", "-A", ...flags, pathname, ...args.map(String)];
    const limit = descriptors === undefined ? "" : `ulimit -n ${descriptors} && `;
    this.#child = new Deno.Command("sh", {
      args: ["-c", `${limit}exec "$0" "$@"`, ...run],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#over = this.#listen();
  }

  async #listen(): Promise<void> {
    let text = "";
    for await (const chunk of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (text + chunk).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) this.said.push(JSON.parse(line));
      this.#heard();
    }
  }

  /** Waits until that holds, which is asked whenever it has said something. Throws if it ends before. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const heard = new Promise<boolean>((resolve) => this.#heard = () => resolve(true));
      if (await Promise.race([heard, this.#over]) !== true) throw new Error("The program has ended too early");
    }
  }

  /** The next that it says, which no longer is among what it has `said`. */
  async next(): Promise<unknown> {
    await this.until(() => this.said.length > 0);
    return this.said.shift();
  }

  /** Ends its input, and waits until it has ended; gives the last it has said. */
  async end(): Promise<unknown> {
    this.#ended = true;
    await this.#child.stdin.close();
    await this.#over;
    await this.#child.status;
    return this.said.at(-1);
  }

  /** Ends it, whatever it does, if it has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    this.#ended = true;
    await Promise.all([this.#child.stdin.close().catch(() => {/* it is gone */}), this.#over, this.#child.status]);
  }
}
