/** What a server tells: failures to `onError` or to the console, and facts to listeners that have no say in them. */

import type { EventEmitter } from "node:events";
import { asError } from "../base/errors.ts";

/** Calls the listeners of one server, whatever they throw. */
export class Reporter {
  readonly #server: EventEmitter;

  /** For that server. */
  // deno-lint-ignore no-explicit-any -- any emitter
  constructor(server: EventEmitter<any>) {
    this.#server = server;
  }

  /** Whether somebody wants to hear of errors. */
  get heard(): boolean {
    return this.#server.listenerCount("error") > 0;
  }

  /** To `onError`; without one, or when that throws too, printed once: the only thing this library ever prints. */
  report(error: Error, socket?: unknown, toHandlers = true): void {
    let unheard = error;
    try {
      if (toHandlers && this.heard) {
        this.#server.emit("error", error, socket);
        return;
      }
    } catch (thrown) {
      unheard = asError(thrown);
    }
    // deno-lint-ignore no-console -- see above
    console.error(unheard);
  }

  /** Calls listeners that have no say in what comes next. */
  tell(event: string, ...args: unknown[]): void {
    try {
      this.#server.emit(event, ...args);
    } catch (thrown) {
      this.report(asError(thrown));
    }
  }
}
