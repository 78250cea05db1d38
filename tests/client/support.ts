/** What the tests of clients share. */

import type { Reconnect } from "../../tcp.ts";

/** Ends like a listener's: what went wrong outside of every promise and call. */
export class Uncaught implements Disposable {
  readonly seen: unknown[] = [];
  readonly #note = (event: Event) => {
    event.preventDefault();
    this.seen.push(event instanceof PromiseRejectionEvent ? event.reason : (event as ErrorEvent).error);
  };

  constructor() {
    addEventListener("error", this.#note);
    addEventListener("unhandledrejection", this.#note);
  }

  [Symbol.dispose](): void {
    removeEventListener("error", this.#note);
    removeEventListener("unhandledrejection", this.#note);
  }
}

// The runtime's own, whatever a test puts in its place.
const { setTimeout } = globalThis;

/** One turn of the event loop, whatever became of the timers. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Lets the loop turn until it is so; gives up in the end, so that a test fails instead of hanging. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns === 20_000) throw new Error(`Still not so: ${condition}`);
    await turn();
  }
}

/** The next connection; fails where there is none. */
export async function nextOf(connections: Reconnect) {
  const { value } = await connections.next();
  if (value === undefined) throw new Error("The loop is over");
  return value;
}

/** A port where nobody listens. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** A listener that counts whom it accepts, and does with them what `handle` does. */
export class Counter implements AsyncDisposable {
  accepted = 0;
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #done: Promise<void>;
  readonly conns: Deno.TcpConn[] = [];

  constructor(handle: (conn: Deno.TcpConn) => void = () => {}) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#done = this.#run(handle);
  }

  async #run(handle: (conn: Deno.TcpConn) => void): Promise<void> {
    for (;;) {
      try {
        const conn = await this.#listener.accept();
        this.accepted++;
        this.conns.push(conn);
        handle(conn);
      } catch {
        return; // closed
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#done;
    for (const conn of this.conns) {
      try {
        conn.close();
      } catch {
        // closed before
      }
    }
  }
}
