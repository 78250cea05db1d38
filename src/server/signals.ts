/** The system's signals that close a server. */

import { typeError } from "../base/argument_errors.ts";
import { invalid, show } from "../base/check.ts";
import { CLOSE_KEYS, type CloseOptions, resolveClose } from "./drain.ts";
import type { DrainReport } from "../telemetry/drain_report.ts";

/** What `closeOnSignals` takes. */
export interface CloseOnSignalsOptions extends CloseOptions {
  /**
   * The signals. Windows knows no `SIGTERM`: there it is left out.
   *
   * @default {["SIGTERM", "SIGINT"]}
   */
  signals?: readonly Deno.Signal[];
}

/** The server that they close. */
export interface ClosablePort {
  close(options: CloseOptions): unknown;
  destroy(): unknown;
}

/** Closes the server at the first of the signals and destroys it at the second, until it is told that the server has closed. */
export class SignalWatch {
  /** Resolves when the server has closed. */
  readonly report: Promise<DrainReport>;
  readonly #closed = Promise.withResolvers<DrainReport>();
  readonly #stopHearing: () => void;

  /** Hears from now on. Throws for wrong options and for a signal that cannot be heard. */
  constructor(server: ClosablePort, options: CloseOnSignalsOptions) {
    resolveClose(options, [...CLOSE_KEYS, "signals"]);
    const { signals = ["SIGTERM", "SIGINT"], ...close } = options;
    if (!Array.isArray(signals)) throw invalid("signals", "an array of signals", signals);
    this.report = this.#closed.promise;
    let count = 0;
    this.#stopHearing = hear(signals, () => void (++count === 1 ? server.close(close) : server.destroy()));
  }

  /** The server has closed: the signals are nobody's again. */
  stop(report: DrainReport): void {
    this.#stopHearing();
    this.#closed.resolve(report);
  }
}

/** Calls `heard` at each of these signals until the function it gives is called. */
function hear(signals: readonly Deno.Signal[], heard: () => void): () => void {
  const hearing: Deno.Signal[] = [];
  const stop = () => {
    for (const signal of hearing) Deno.removeSignalListener(signal, heard);
  };
  try {
    for (const signal of new Set(signals)) {
      if (Deno.build.os === "windows" && signal === "SIGTERM") continue;
      Deno.addSignalListener(signal, heard);
      hearing.push(signal);
    }
  } catch (cause) {
    stop();
    const names = signals.map(show).join(", ");
    throw typeError(
      "ERR_UNKNOWN_SIGNAL",
      `Option "signals" must be signals that a program can handle; it is [${names}]`,
      cause,
    );
  }
  return stop;
}
