/**
 * What the library tells besides events and errors: to the observers of a server, and on the channel `"verb:tcp"` of
 * `node:diagnostics_channel`. Where nobody listens nothing is built.
 */

import { channel } from "node:diagnostics_channel";
import { wallTime } from "../base/clock.ts";
import { asError } from "../base/errors.ts";
import type { Observer, TelemetryEvent, TelemetryEvents } from "./events.ts";

const sink = channel("verb:tcp");

/** Somebody who observes. */
interface Seat {
  readonly observer: Observer;
  taken: boolean;
  failed: boolean;
}

/** The observers of one server. */
export class Telemetry {
  /** Where it listens. */
  server: string | undefined;
  readonly #failed: (error: Error) => void;
  // Undefined while there is none; another array with each that comes or goes.
  #seats: readonly Seat[] | undefined;
  // What an observer causes is told when all have heard of what it was told: everybody hears everything in one order.
  readonly #waiting: TelemetryEvent[] = [];
  #telling = false;

  /** `failed` is told what observers throw. */
  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  /** Whether somebody listens: only then is `tell` worth its event. */
  get wanted(): boolean {
    return this.#seats !== undefined || sink.hasSubscribers;
  }

  /** Calls the observer with every event until the function it gives is called. */
  observe(observer: Observer): () => void {
    const seat: Seat = { observer, taken: true, failed: false };
    this.#seats = [...this.#seats ?? [], seat];
    return () => this.#leave(seat);
  }

  /** Tells everybody. Ask `wanted` first. */
  tell<Type extends keyof TelemetryEvents>(type: Type, facts: TelemetryEvents[Type]): void {
    this.#waiting.push(eventOf(type, this.server, facts));
    if (this.#telling) return;
    this.#telling = true;
    for (let event; (event = this.#waiting.shift()) !== undefined;) this.#deliver(event);
    this.#telling = false;
  }

  #deliver(event: TelemetryEvent): void {
    if (sink.hasSubscribers) sink.publish(event);
    for (const seat of this.#seats ?? []) {
      if (!seat.taken) continue; // one before it has taken it off
      try {
        const result: unknown = seat.observer(event); // it may be async, whatever its type says
        if (typeof (result as PromiseLike<unknown> | undefined | null)?.then === "function") {
          void this.#await(seat, result);
        }
      } catch (thrown) {
        this.#fail(seat, thrown);
      }
    }
  }

  async #await(seat: Seat, result: unknown): Promise<void> {
    try {
      await result;
    } catch (thrown) {
      this.#fail(seat, thrown);
    }
  }

  /** It is taken off, and told of once, however many of its promises reject. */
  #fail(seat: Seat, thrown: unknown): void {
    if (seat.failed) return;
    seat.failed = true;
    this.#leave(seat);
    this.#failed(asError(thrown));
  }

  #leave(seat: Seat): void {
    seat.taken = false;
    const left = this.#seats?.filter((other) => other !== seat) ?? [];
    this.#seats = left.length === 0 ? undefined : left;
  }
}

/** Tells of an option of a socket that is no server's. */
export function tellUnsupported(option: string): void {
  if (sink.hasSubscribers) sink.publish(eventOf("option.unsupported", undefined, { option }));
}

function eventOf<Type extends keyof TelemetryEvents>(
  type: Type,
  server: string | undefined,
  facts: TelemetryEvents[Type],
): TelemetryEvent {
  return { type, at: wallTime(), server, ...facts } as TelemetryEvent; // the type says which facts
}
