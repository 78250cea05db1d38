/**
 * One program that runs on a device: its output is sent as it comes, no faster than somebody reads it, and it can be
 * cancelled.
 *
 * Nothing to run here; `agent.ts` uses it.
 *
 * @module
 */

import type { Call } from "./commands.ts";
import { OUTPUT_BYTES, WINDOW_BYTES } from "./messages.ts";

/** How long a program that is cancelled may take to end. */
const GRACE_MS = 1_000;

/** Where the output goes. */
export type Output = (stream: "stdout" | "stderr", bytes: Uint8Array) => void;

/** See the module's comment. */
export class Execution {
  /** Its exit code, once all of its output is out; 128 and the signal's number where a signal has ended it. */
  readonly code: Promise<number>;
  readonly #child: Deno.ChildProcess;
  readonly #output: Output;
  readonly #cancelled = new AbortController();
  #unread = 0;
  #moved = Promise.withResolvers<void>();

  /** Starts it; throws if it cannot be started. */
  constructor({ program, args }: Call, output: Output) {
    this.#output = output;
    this.#child = new Deno.Command(program, {
      args: [...args], // a list, not a line: there is no shell to misunderstand it
      clearEnv: true, // what the agent's environment holds is nobody's business
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.code = this.#run();
  }

  /** Somebody has read that many bytes of its output. */
  read(bytes: number): void {
    this.#unread = Math.max(0, this.#unread - bytes);
    this.#wake();
  }

  /** Ends it, and not what it may have started itself: nothing more of its output is sent. */
  cancel(): void {
    if (this.#cancelled.signal.aborted) return;
    this.#cancelled.abort();
    this.#wake();
    this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), GRACE_MS);
    void this.#child.status.then(() => clearTimeout(timer));
  }

  async #run(): Promise<number> {
    const { stdout, stderr, status } = this.#child;
    const [{ code }] = await Promise.all([status, this.#forward("stdout", stdout), this.#forward("stderr", stderr)]);
    return code;
  }

  async #forward(name: "stdout" | "stderr", stream: ReadableStream<Uint8Array>): Promise<void> {
    const { signal } = this.#cancelled;
    const sink = new WritableStream<Uint8Array>({
      write: async (bytes) => {
        for (let rest = bytes; rest.length > 0;) {
          while (this.#unread >= WINDOW_BYTES && !signal.aborted) await this.#moved.promise;
          if (signal.aborted) return;
          const piece = rest.subarray(0, OUTPUT_BYTES);
          rest = rest.subarray(piece.length);
          this.#unread += piece.length;
          this.#output(name, piece);
        }
      },
    });
    try {
      await stream.pipeTo(sink, { signal }); // closes our end of the pipe when it is cancelled
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** What waits looks again. */
  #wake(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
  }
}
