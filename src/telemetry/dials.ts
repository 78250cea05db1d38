/**
 * What clients tell: how their dials and handshakes went, on the channel `"verb:tcp:dial"` of `node:diagnostics_channel`.
 * Subscribers run in the asynchronous context of whoever dialled.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import { now, wallTime } from "../base/clock.ts";

/** A message on the channel `"verb:tcp:dial"`: the connect of a client, or its TLS handshake, is over. */
export interface DialEvent {
  /** Which of the two is over: the connect, or the TLS handshake. */
  readonly type: "dial.end" | "handshake.end";
  /** When it was over, in milliseconds since 1970. */
  readonly at: number;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** The host that was dialled, or the path of a unix socket. */
  readonly address: string;
  /** The port, undefined for a unix socket. */
  readonly port: number | undefined;
  /** `"TLSv1.2"` or `"TLSv1.3"`, where the engine says. */
  readonly protocol: string | undefined;
  /** Why it failed; undefined if it did not. */
  readonly code: string | undefined;
}

const sink = channel("verb:tcp:dial");

/** Whom it is about. */
export type Dialled = Pick<DialEvent, "address" | "port">;

/** One dial or handshake that has begun. */
export class DialWatch {
  readonly #type: DialEvent["type"];
  readonly #whom: Dialled;
  readonly #startedAt = now();
  readonly #inContext = AsyncLocalStorage.snapshot();
  #over = false;

  private constructor(type: DialEvent["type"], whom: Dialled) {
    this.#type = type;
    this.#whom = whom;
  }

  /** Begins; undefined where nobody listens. */
  static begin(type: DialEvent["type"], whom: Dialled): DialWatch | undefined {
    return sink.hasSubscribers ? new DialWatch(type, whom) : undefined;
  }

  /** It is over; with a `code` it has failed. Only the first call counts. */
  end(code: string | undefined, protocol?: string): void {
    if (this.#over) return;
    this.#over = true;
    const { address, port } = this.#whom;
    const ms = now() - this.#startedAt;
    const event: DialEvent = { type: this.#type, at: wallTime(), ms, address, port, protocol, code };
    this.#inContext(() => sink.publish(event));
  }
}
