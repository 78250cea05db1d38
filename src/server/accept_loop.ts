/** Takes connections until the listener is closed; no failure of a peer or of the system ends it sooner. */

import { startTimer, stopTimer, type Timer, turnOver } from "../base/clock.ts";
import { load } from "../base/read_proof.ts";
import type { AcceptErrorVerdict } from "../telemetry/events.ts";
import type { Listener } from "../transport/listener.ts";
import { codeOf } from "../transport/error_codes.ts";
import type { Transport } from "../transport/transport.ts";

/** Pause after an accept that failed for want of descriptors: time for some to be closed. */
const EXHAUSTED_PAUSE_MS = 50;

/**
 * Accepts in a row after which everybody else has a turn. Fewer would let newcomers starve beside peers that keep the
 * program busy; without an end a flood of them would.
 */
const ACCEPTS_A_TURN = 64;

/** As often as that it is asked, while there is no room, whether the process is to stay. */
const STAY_MS = 1_000;

/** What to do about a failed accept; `closed` if the listener is. */
export type AcceptVerdict = "closed" | AcceptErrorVerdict;

/** Sorts a failed accept by its code. */
export function classifyAcceptError(error: unknown, closed: boolean): AcceptVerdict {
  if (closed) return "closed";
  switch (codeOf(error)) {
    case "ECONNABORTED":
    case "ECONNRESET":
    case "ENOTCONN":
    case "EPROTO":
    case "EINVAL":
    case "EPIPE":
    case "EINTR":
    case "EPERM": // a firewall's refusal
    case "ETIMEDOUT":
    case "ENETDOWN":
    case "EHOSTDOWN":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "next";
    case "EMFILE":
    case "ENFILE":
    case "ENOBUFS":
    case "ENOMEM":
      return "pause";
    default:
      return "unknown";
  }
}

/** What the loop needs of its server. */
export interface AcceptPort {
  /** Resolves when there is room for one more; undefined when there is now. */
  admit(): Promise<void> | undefined;
  /** Whether the process may end although somebody waits to be accepted. */
  readonly background: boolean;
  /** Gives true if it has made room, so that the next accept need not wait. */
  acceptFailed(error: unknown, verdict: AcceptErrorVerdict): boolean;
}

/** One listener's accepts, one at a time. */
export class Acceptor {
  readonly #listener: Listener;
  readonly #port: AcceptPort;
  #closed = false;
  #inTurn = 0;
  #wake: (() => void) | undefined;
  #staying: Timer;

  constructor(listener: Listener, port: AcceptPort) {
    this.#listener = listener;
    this.#port = port;
  }

  /** The next connection, or undefined once the acceptor is closed. */
  async accept(): Promise<Transport | undefined> {
    while (!this.#closed) {
      // Before the accept, so that a flood waits in the kernel instead of costing us a socket each.
      const room = this.#port.admit();
      if (room !== undefined) {
        this.#stay();
        await room;
        stopTimer(this.#staying);
        continue;
      }
      if (this.#inTurn === ACCEPTS_A_TURN) {
        this.#inTurn = 0;
        await this.#turn();
        continue;
      }
      if (load.gate !== undefined) {
        await load.gate;
        continue;
      }
      this.#inTurn++;
      try {
        const transport = await this.#listener.accept();
        load.transfers++;
        return transport;
      } catch (error) {
        const verdict = classifyAcceptError(error, this.#closed);
        if (verdict === "closed") break;
        // What was closed is free in the next turn.
        const pauseMs = this.#port.acceptFailed(error, verdict) ? 0 : EXHAUSTED_PAUSE_MS;
        if (verdict !== "next") await this.#pause(pauseMs);
      }
    }
    return undefined;
  }

  /** Nothing is prepared. */
  readonly prepares = false;

  preparing(): [] {
    return [];
  }

  /** Nobody waits for it to be taken. */
  taken(): void {}

  boundMoved(): void {}

  /** Closes the listener and ends whoever waits in `accept`; gives what the listener's `close` gives. */
  close(): void | Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    stopTimer(this.#staying);
    this.#wake?.();
    return this.#listener.close();
  }

  /** Keeps the process alive where no accept does: those who are in may all have stopped reading. */
  #stay(): void {
    if (!this.#port.background) this.#staying = startTimer(() => this.#stay(), STAY_MS);
  }

  /** A turn for everybody else. A timer alone would wait for a millisecond, and an immediate may lie where all sleep. */
  #turn(): Promise<void> {
    const paused = this.#pause(0);
    const wake = this.#wake;
    void turnOver().then(wake);
    return paused;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        stopTimer(timer);
        if (this.#wake === wake) this.#wake = undefined;
        resolve();
      };
      const timer = startTimer(wake, ms);
      this.#wake = wake;
    });
  }
}
