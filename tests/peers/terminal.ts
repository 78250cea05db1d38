/** A pseudo-terminal of 100 by 30 characters with one program in it, looked at and typed into through tmux. */

const ROOT = new URL("../../", import.meta.url);

/** What is on the screen. */
export interface Screen {
  /** Its rows, without the blanks behind them. */
  readonly rows: readonly string[];
  readonly cursor: { readonly column: number; readonly row: number };
  readonly title: string;
}

/** Runs a line of a shell; `await using` ends the terminal and all that runs in it. */
export class Terminal implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** `vtcp` in the line is our command line. Its exit code comes on the screen behind it. */
  static async run(line: string): Promise<Terminal> {
    const terminal = new Terminal(await Deno.makeTempDir());
    const vtcp = `vtcp() { "${Deno.execPath()}" run --quiet --no-prompt --allow-net src/cli/mod.ts "$@"; }`;
    // Ctrl-C is for our program, and not for the shell around it.
    const script = `trap : INT; ${vtcp}; ${line}; echo "exit code $?"; read wait`;
    await terminal.#tmux("new-session", "-d", "-x", "100", "-y", "30", "-c", ROOT.pathname, "sh", "-c", script);
    return terminal;
  }

  /** Types characters. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", text);
  }

  /** Presses a key: `Enter`, `C-c`, `C-d`. */
  async press(key: string): Promise<void> {
    await this.#tmux("send-keys", key);
  }

  /** Waits until a row of the screen matches, and gives the screen. */
  async shows(pattern: RegExp): Promise<Screen> {
    for (;;) {
      const screen = await this.#screen();
      if (screen.rows.some((row) => pattern.test(row))) return screen;
      if (screen.rows.some((row) => row.startsWith("exit code"))) {
        throw new Error(`Nothing on the screen matches ${pattern}:\n${screen.rows.join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20)); // there is no event to wait for
    }
  }

  async #screen(): Promise<Screen> {
    const text = await this.#tmux("capture-pane", "-p");
    const facts = await this.#tmux("display-message", "-p", "#{cursor_x} #{cursor_y} #{pane_title}");
    const [column, row, ...title] = facts.trimEnd().split(" ");
    const rows = text.replace(/\n+$/, "").split("\n").map((row) => row.trimEnd());
    return { rows, cursor: { column: Number(column), row: Number(row) }, title: title.join(" ") };
  }

  async #tmux(...args: string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command("tmux", {
      args: ["-u", "-S", `${this.#folder}/tmux`, "-f", "/dev/null", ...args],
      env: { LC_ALL: "C.UTF-8", NO_COLOR: "1", TERM: "xterm" },
      stdin: "null",
    }).output();
    if (success) return new TextDecoder().decode(stdout);
    throw new Error(`tmux ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => {}); // it ends with what runs in it
    await Deno.remove(this.#folder, { recursive: true });
  }
}
