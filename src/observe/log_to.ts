/** Events as lines of JSON. */

import { checkFunction, checkKeys, invalid } from "../base/check.ts";
import { codeOf } from "../transport/error_codes.ts";
import type { TelemetryEvent } from "../telemetry/events.ts";
import type { ObservedServer } from "./observed_server.ts";

/** The severity of an event. */
export type LogLevel = "debug" | "info" | "warn" | "error";

// From the least to the most.
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Options of {@link logTo}. */
export interface LogOptions {
  /**
   * Called with each line, which has no newline. An exception or rejection ends the log and goes to `onError`.
   *
   * @default {console.log}
   */
  write?: (line: string) => unknown;
  /**
   * The lowest severity that is logged: `debug` for everything, `info` without successful handshakes and queues that
   * fill up and empty, `warn` for faults of peers and of the system, `error` for accepts that fail for unknown reasons.
   *
   * @default {"info"}
   */
  level?: LogLevel;
}

/**
 * Writes a line of JSON for every event of a server, until the returned function is called: `time` (ISO 8601), `level`,
 * `event`, `server`, and what belongs to the event. Everything but printable ASCII is escaped, so that no peer can
 * forge a line or control a terminal. Lines contain addresses, but no payload.
 *
 * @throws {TypeError} For invalid options.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createServer } from "@verb/tcp";
 * import { logTo } from "@verb/tcp/observe";
 *
 * const lines: string[] = [];
 * const app = createServer().listen(0, "127.0.0.1");
 * logTo(app, { write: (line) => lines.push(line), level: "info" });
 * await app.close();
 * assertEquals(lines.map((line) => JSON.parse(line).event), ["drain.start", "drain.end"]);
 * ```
 */
export function logTo(app: ObservedServer, options: LogOptions = {}): () => void {
  if (typeof app?.observe !== "function") throw invalid("app", "a server such as createServer() gives", app);
  checkKeys("options", options, ["write", "level"]);
  // deno-lint-ignore no-console -- it is asked for
  const { write = console.log, level = "info" } = options;
  checkFunction("write", write);
  const least = LEVELS.indexOf(level);
  if (least < 0) throw invalid("level", `one of ${LEVELS.join(", ")}`, level);
  const times = new IsoTimes();
  return app.observe((event) => {
    const gravity = gravityOf(event);
    if (LEVELS.indexOf(gravity) >= least) return write(lineOf(event, gravity, times.of(event.at)));
  });
}

function gravityOf(event: TelemetryEvent): LogLevel {
  switch (event.type) {
    case "queue.high":
    case "queue.low":
      return "debug";
    case "handshake.end":
      return event.code === undefined ? "debug" : "warn";
    case "connection.close":
      return event.receipt.error === undefined ? "info" : "warn";
    case "connection.fail":
    case "connection.drop":
    case "frame.error":
    case "option.unsupported":
      return "warn";
    case "accept.error":
      return event.verdict === "unknown" ? "error" : "warn";
    default:
      return "info";
  }
}

function lineOf(event: TelemetryEvent, level: LogLevel, time: string): string {
  const { type, server } = event;
  return printable(JSON.stringify({ time, level, event: type, server, ...factsOf(event) }));
}

/** Moments in the words of ISO 8601: to make one costs more than the rest of a line, and busy servers have several in one. */
class IsoTimes {
  #at = NaN;
  #text = "";

  of(at: number): string {
    if (at === this.#at) return this.#text;
    this.#at = at;
    return this.#text = new Date(at).toISOString();
  }
}

/** What belongs to the event, flat; an error by its code alone, because a message may hold what a peer has said. */
function factsOf(event: TelemetryEvent): object {
  if (event.type === "connection.close") {
    const { remoteAddress, remotePort, id, openMs } = event;
    const { reason, bytesRead, bytesWritten, unsentBytes, error } = event.receipt;
    const code = error === undefined ? undefined : codeOf(error);
    return { remoteAddress, remotePort, id, openMs, reason, bytesRead, bytesWritten, unsentBytes, code };
  }
  if (event.type === "drain.end") return event.report;
  return { ...event, type: undefined, at: undefined }; // JSON leaves them out
}

/** JSON that stays the same value and has only printable ASCII. */
function printable(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
