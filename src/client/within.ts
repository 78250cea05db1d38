/** Work of the user's on a connection, which may hang, throw, or lose its connection. */

import { startDeadline } from "../base/deadline_timer.ts";
import { TcpError } from "../base/errors.ts";
import { MAX_TIMER_MS } from "../base/check.ts";
import type { CloseReceipt } from "../telemetry/close_receipt.ts";

/** What `work` gives. Rejects as soon as the limit is over, whatever becomes of the work then. */
export function within<T>(work: () => T | Promise<T>, { signal }: TimeLimit): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    // In a turn of its own: the caller is not called back from within.
    Promise.resolve().then(work).then(resolve, reject);
  });
}

/** Why nothing more comes of work on a connection that is over. */
export function endedError(receipt: CloseReceipt): Error {
  return receipt.error ?? new TcpError(`The connection ended before it could be used ("${receipt.reason}")`, {
    code: "ECONNABORTED",
    cause: receipt,
  });
}

/** A signal that is aborted with an `ETIMEDOUT` after so many milliseconds, Infinity for never, unless it is stopped. */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #stop: () => void;

  /** `what` was to be done, and `option` is what says how long it may take. */
  constructor(what: string, ms: number, option: string) {
    if (ms > MAX_TIMER_MS) {
      this.#stop = () => {};
      return;
    }
    const deadline = startDeadline(
      () => {
        this.abort(new TcpError(`Cannot ${what} within ${ms} ms (${option})`, { code: "ETIMEDOUT" }));
      },
      ms,
      { keepsAlive: true },
    );
    this.#stop = () => deadline.clear();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Gives up before. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** The work is done. */
  stop(): void {
    this.#stop();
  }
}
