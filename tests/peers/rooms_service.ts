/** The engines and processes of a service with rooms. */

import { frames, lines } from "../../src/framing/mod.ts";

const ROOT = new URL("../../", import.meta.url);

/** A port that nobody listens on at this moment. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A Redis or NATS server, which can be killed and started again on its port. */
export class EngineServer implements AsyncDisposable {
  readonly port: number = freePort();
  readonly #program: "redis-server" | "nats-server";
  readonly #args: readonly string[];
  #child: Deno.ChildProcess | undefined;

  /** `args` come behind those that name the place. */
  constructor(program: "redis-server" | "nats-server", args: readonly string[] = []) {
    this.#program = program;
    this.#args = args;
  }

  async start(): Promise<void> {
    const port = `${this.port}`;
    const args = this.#program === "redis-server"
      ? ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...this.#args]
      : ["-a", "127.0.0.1", "-p", port, ...this.#args];
    this.#child = new Deno.Command(this.#program, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
    for (;;) {
      try {
        return (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20)); // not yet: asked again until it listens
      }
    }
  }

  /** Lets it answer nothing more, with its connections open. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
    this.#child = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** One process of the service. */
export class ServiceProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(engine: string, port: number, ttlMs: number) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-lock", "tests/fixtures/rooms_process.ts", engine, `${port}`, `${ttlMs}`],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#answers = frames(this.#child.stdout, lines({ maxFrameBytes: 64 * 1_024 * 1_024 }));
  }

  /** Resolves when it obeys. */
  async ready(): Promise<this> {
    await this.#answers.next();
    return this;
  }

  /** Gives a command its answer; one after the other. */
  ask<Answer>(command: Record<string, unknown>): Promise<Answer> {
    const before = this.#last;
    const answer = (async () => {
      await before;
      await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
      const { value } = await this.#answers.next();
      return JSON.parse(value ?? "null");
    })();
    this.#last = answer.catch(() => {});
    return answer;
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.abort().catch(() => {});
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has gone already.
    }
    await this.#answers.return?.();
    await this.#child.status;
  }
}

/** Asks until the answer is good; a test that waits in vain is ended by the runner's own limit. */
export async function until<T>(ask: () => Promise<T>, good: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 25)); // the next look
  }
}
