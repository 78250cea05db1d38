/** Calls a server's listeners, and finds somebody to tell when one of them fails. */

import type { EventEmitter } from "node:events";
import { asError } from "../base/errors.ts";

/** See the module's comment. */
export class Reporter {
  readonly #emitter: EventEmitter;

  constructor(emitter: EventEmitter) {
    this.#emitter = emitter;
  }

  /** To `onError`; without one, or when that throws too, printed once: the only thing this library ever prints. */
  report(error: Error, socket?: unknown, toHandlers = true): void {
    let unheard = error;
    try {
      if (toHandlers && this.#emitter.listenerCount("error") > 0) {
        this.#emitter.emit("error", error, socket);
        return;
      }
    } catch (thrown) {
      unheard = asError(thrown);
    }
    // deno-lint-ignore no-console -- see above
    console.error(unheard);
  }

  /** Calls listeners that have no say in what comes next. */
  tell(event: "listening" | "drop" | "tlsClientError" | "close", ...args: unknown[]): void {
    try {
      this.#emitter.emit(event, ...args);
    } catch (thrown) {
      this.report(asError(thrown));
    }
  }
}
