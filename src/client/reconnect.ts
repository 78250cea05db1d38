/** A client that stays connected: one connection after the other, as an async iterable. */

import { now, startTimer, stopTimer, type Timer } from "../base/clock.ts";
import { startDeadline } from "../base/deadline_timer.ts";
import { checkKeys, checkMs } from "../base/check.ts";
import { asError, TcpError } from "../base/errors.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import type { CloseReceipt } from "../telemetry/close_receipt.ts";
import { keep } from "./connector.ts";
import { type ReconnectOptions, type ResolvedReconnect, resolveReconnect } from "./reconnect_options.ts";

/**
 * What a {@link Reconnect} does: `between` two turns of its loop nothing, `dialling`, `waiting` before the next attempt,
 * `connected`, or `closed` for good.
 */
export type ReconnectState = "between" | "dialling" | "waiting" | "connected" | "closed";

/** How long `close` waits. */
export interface ReconnectCloseOptions {
  /**
   * Milliseconds after which a connection that has not ended is destroyed.
   *
   * @default {10_000}
   */
  drainMs?: number;
}

/**
 * Connects, and connects again whenever the connection is over: each turn of the loop gives a connected socket, and the
 * next turn waits until that one is closed. Between failed attempts it waits, longer each time (`backoff`); with
 * several `targets` it tries all of them before it waits. Wrong options throw at the call. After `maxAttempts` failures
 * in a row, or when `retry` says no, the loop throws the last error; a connection that was open for less than
 * `stableMs` is such a failure, too (`ERR_RECONNECT_UNSTABLE`, with its receipt as `cause`). `timeoutMs` is 10 s where
 * left out.
 *
 * The sockets are yours to read and write. How one ended is told by its `closed`; an `error` listener is not needed.
 * Leaving the loop destroys the current socket, `close()` ends it in order, and the signal destroys it and makes the
 * loop throw the signal's reason.
 *
 * @example
 * ```ts
 * import { createServer, framed } from "@verb/tcp";
 * import { lines } from "@verb/tcp/framing";
 * import { reconnect } from "@verb/tcp/tcp";
 *
 * await using app = createServer();
 * app.onConnection((socket) => socket.end("hello\n"));
 * app.listen(0, "127.0.0.1");
 *
 * const connections = reconnect({ port: app.address()!.port, host: "127.0.0.1", backoff: { initialMs: 1 } });
 * let greetings = 0;
 * for await (const socket of connections) {
 *   // Whatever a connection begins with belongs here: logging in, subscribing.
 *   framed(socket, lines()).on("message", () => {
 *     if (++greetings === 2) void connections.close();
 *   });
 * }
 * ```
 */
export function reconnect<State = unknown>(options: ReconnectOptions): Reconnect<State> {
  return new Reconnect<State>(options);
}

/**
 * A loop over connections to a server that is found again after each end. Made by {@link reconnect}.
 *
 *   between ──next──▶ dialling ──────────▶ connected ──closed, stable or not──▶ between
 *                      ▲    │ failed
 *                      └─ waiting          stop (close, leaving, signal): any ──▶ closed
 */
export class Reconnect<State = unknown> implements AsyncIterableIterator<TCPSocket<State>, undefined>, AsyncDisposable {
  readonly #options: ResolvedReconnect<State>;
  readonly #turns: AsyncGenerator<TCPSocket<State>, undefined>;
  readonly #stop = new AbortController();
  readonly #onAbort = () => this.#end(true);
  #state: ReconnectState = "between";
  #socket: TCPSocket<State> | undefined;
  // The signal ended it, and its reason has not been thrown yet.
  #owesReason = false;

  /** The same as `reconnect`. */
  constructor(options: ReconnectOptions) {
    this.#options = resolveReconnect(options);
    this.#turns = this.#run();
    const { signal } = this.#options;
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** What it does now. */
  get state(): ReconnectState {
    return this.#state;
  }

  /** The next connection; done after `close()`. */
  next(): Promise<IteratorResult<TCPSocket<State>, undefined>> {
    return this.#turns.next();
  }

  /** Called when the loop is left: destroys the current socket, and ends a connect or pause that is under way. */
  async return(): Promise<IteratorResult<TCPSocket<State>, undefined>> {
    this.#end(false);
    this.#owesReason = false;
    this.#socket?.destroy();
    return await this.#turns.return(undefined);
  }

  /** Itself: there is one loop. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * Ends the loop, every wait and the current socket: what was written to it is sent, then it ends, and after `drainMs`
   * it is destroyed. Resolves when it is closed. May be called again.
   */
  async close(options: ReconnectCloseOptions = {}): Promise<void> {
    checkKeys("options", options, ["drainMs"]);
    const drainMs = checkMs("drainMs", options.drainMs, 10_000);
    this.#end(false);
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.end();
    const deadline = startDeadline(() => socket.destroy(), drainMs, { steps: 1, keepsAlive: true });
    await socket.closed;
    deadline.clear();
  }

  /** The same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #end(bySignal: boolean): void {
    if (this.#stop.signal.aborted) return;
    this.#owesReason = bySignal;
    this.#state = "closed";
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#stop.abort();
    if (bySignal) this.#socket?.destroy();
  }

  get #ended(): boolean {
    return this.#stop.signal.aborted;
  }

  /** A new state; the last one stays. */
  #enter(state: ReconnectState): void {
    if (!this.#ended) this.#state = state;
  }

  async *#run(): AsyncGenerator<TCPSocket<State>, undefined> {
    const { routes, waitMs, stableMs, maxAttempts, retry, onRetry, signal } = this.#options;
    try {
      for (let at = 0, failures = 0; !this.#ended;) {
        let cause: Error;
        const outcome = await this.#dial(routes[at]!); // at < routes.length
        at = (at + 1) % routes.length;
        if (outcome === undefined) break;
        if (outcome instanceof Error) {
          cause = outcome;
        } else {
          const life = lifeOf(outcome);
          yield outcome;
          const { receipt, livedMs } = await life;
          this.#enter("between");
          if (this.#ended) break;
          if (livedMs >= stableMs) {
            failures = 0;
            continue;
          }
          cause = unstable(receipt, livedMs, stableMs);
        }
        failures++;
        if (failures >= maxAttempts || !retry(cause, failures)) throw cause;
        const delayMs = failures % routes.length > 0 ? 0 : waitMs(failures / routes.length, Math.random());
        onRetry?.({ cause, attempt: failures, delayMs, target: routes[at]!.target }); // at < routes.length
        if (delayMs > 0 && !this.#ended) await this.#wait(delayMs);
      }
    } finally {
      this.#end(false);
    }
    if (this.#owesReason) {
      this.#owesReason = false;
      throw signal!.reason; // it was the signal
    }
    return undefined;
  }

  /** A socket, why there is none, or undefined if it was given up. */
  async #dial({ connect }: ResolvedReconnect<State>["routes"][number]): Promise<TCPSocket<State> | Error | undefined> {
    this.#enter("dialling");
    try {
      const socket = await connect(this.#stop.signal);
      keep(socket);
      if (this.#ended) { // in the very moment
        socket.destroy();
        return undefined;
      }
      this.#socket = socket;
      void socket.closed.then(() => this.#socket = undefined);
      this.#enter("connected");
      return socket;
    } catch (error) {
      return this.#ended ? undefined : asError(error);
    }
  }

  #wait(delayMs: number): Promise<void> {
    this.#enter("waiting");
    return new Promise((resolve) => {
      let timer: Timer = undefined;
      const done = () => {
        stopTimer(timer);
        this.#stop.signal.removeEventListener("abort", done);
        resolve();
      };
      timer = startTimer(done, delayMs);
      this.#stop.signal.addEventListener("abort", done);
    });
  }
}

/** How a connection ended, and how long it lived, whenever that is asked for. */
async function lifeOf(
  { closed }: { closed: Promise<CloseReceipt> },
): Promise<{ receipt: CloseReceipt; livedMs: number }> {
  const since = now();
  const receipt = await closed;
  return { receipt, livedMs: now() - since };
}

function unstable(receipt: CloseReceipt, livedMs: number, stableMs: number): TcpError {
  return new TcpError(
    `The connection was open for ${
      Math.round(livedMs)
    } ms only, less than ${stableMs} (stableMs); its end was "${receipt.reason}"`,
    { code: "ERR_RECONNECT_UNSTABLE", cause: receipt },
  );
}
