/** What went wrong lately, for those who look: the last few kinds of it, each with how often. */

import { printable } from "../base/check.ts";
import type { TelemetryEvent } from "../telemetry/events.ts";

/** How many are shown. */
export const MAX_TROUBLES = 8;

/** One kind of trouble with one address. */
export interface Trouble {
  /** When it last happened. */
  readonly at: number;
  /** `"closed: reset"`, `"dropped: full"`, ... */
  readonly what: string;
  /** The error's code; empty where there is none. */
  readonly code: string;
  /** The peer's address; empty where it is not known. */
  readonly peer: string;
  /** How often it happened. */
  readonly count: number;
}

/** Ends that are nobody's trouble. */
const ORDERLY: readonly string[] = ["local", "peer", "shutdown"];

/** Takes the events of a server. */
export class Troubles {
  // The latest last: a flood of one kind moves one entry, and makes no others.
  readonly #byKind = new Map<string, Trouble>();

  /** The latest first. */
  get latest(): Trouble[] {
    return [...this.#byKind.values()].reverse();
  }

  /** Notes an event if it is trouble. */
  take(event: TelemetryEvent): void {
    switch (event.type) {
      case "connection.close": {
        const { reason, error } = event.receipt;
        if (ORDERLY.includes(reason)) return;
        const code = error !== undefined && "code" in error ? String(error.code) : "";
        return this.#note(event.at, `closed: ${reason}`, code, event.remoteAddress);
      }
      case "connection.fail":
        return this.#note(event.at, `failed: ${event.reason}`, event.code, event.remoteAddress);
      case "connection.drop":
        return this.#note(event.at, `dropped: ${event.reason}`, "", event.remoteAddress);
      case "accept.error":
        return this.#note(event.at, "accept failed", event.code, undefined);
      case "frame.error":
        // One that is not recoverable is told by the close behind it.
        if (event.recoverable) this.#note(event.at, "bad message", event.code, undefined);
    }
  }

  #note(at: number, what: string, code: string, address: string | undefined): void {
    const kind = `${what} ${code} ${address}`;
    const count = (this.#byKind.get(kind)?.count ?? 0) + 1;
    this.#byKind.delete(kind);
    this.#byKind.set(kind, { at, what, code: printable(code), peer: printable(address ?? ""), count });
    if (this.#byKind.size <= MAX_TROUBLES) return;
    for (const oldest of this.#byKind.keys()) return void this.#byKind.delete(oldest);
  }
}
