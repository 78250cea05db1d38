/** `setTimeout` of a socket: tells of silence in both directions, and only tells. */

import { now } from "../base/clock.ts";
import { DeadlineTimer } from "../base/deadline_timer.ts";
import { TcpError } from "../base/errors.ts";
import type { CloseReason } from "../telemetry/close_receipt.ts";
import type { ConnectionFace } from "./connection_ports.ts";

/** Whoever is watched: asked when something last moved, by `now()`. */
export interface IdlePort {
  readonly movedAt: number;
}

/** The idle timer of one socket; see the module's comment. */
export class IdleTimer {
  /** It has told; the next activity arms it again. */
  fired = false;
  readonly timeoutMs: number;
  readonly #port: IdlePort;
  readonly #onIdle: () => void;
  readonly #timer: DeadlineTimer;

  constructor(port: IdlePort, timeoutMs: number, onIdle: () => void) {
    this.#port = port;
    this.#onIdle = onIdle;
    this.timeoutMs = timeoutMs;
    this.#timer = new DeadlineTimer((now, sure) => this.#check(now, sure));
    this.#timer.lookBy(now() + timeoutMs);
  }

  /** There was activity after it had told. */
  rearm(): void {
    this.fired = false;
    this.#timer.lookBy(this.#port.movedAt + this.timeoutMs);
  }

  clear(): void {
    this.#timer.clear();
  }

  #check(now: number, sure: boolean): number {
    const dueAt = this.#port.movedAt + this.timeoutMs;
    if (!sure || dueAt > now) return dueAt;
    this.fired = true;
    this.#onIdle();
    return Infinity;
  }
}

/** The connection that a timer belongs to. */
export interface IdleOwner extends IdlePort {
  idle: IdleTimer | undefined;
  /** What was set, 0 for none, and whether it ends a socket on which nobody hears of it. */
  timeoutMs: number;
  timeoutDestroys: boolean;
  readonly receipt: unknown;
  readonly writeFinished: boolean;
  readonly face: ConnectionFace;
  emit(event: string): void;
  destroy(error: Error, reason: CloseReason): void;
}

/**
 * Arms the idle timer of a connection anew; 0 takes it away. Where it `destroys`, because the server's options set it,
 * a socket without a `timeout` listener ends with `ETIMEDOUT`. On a connection that is over it is only remembered, for the
 * next one.
 *
 * After our FIN nothing is told: most listeners write, which would be an error then, and `deadlines.endMs` has begun.
 */
export function armIdleTimer(connection: IdleOwner, timeoutMs: number, destroys: boolean): void {
  connection.idle?.clear();
  connection.idle = undefined;
  connection.timeoutMs = timeoutMs;
  connection.timeoutDestroys = destroys;
  if (timeoutMs === 0 || connection.receipt !== undefined) return;
  connection.idle = new IdleTimer(connection, timeoutMs, () => {
    if (!destroys || connection.face.listenerCount("timeout") > 0) {
      if (!connection.writeFinished) connection.emit("timeout");
      return;
    }
    const error = new TcpError(`No byte came or went for ${timeoutMs} ms (tcp.timeout)`, { code: "ETIMEDOUT" });
    connection.destroy(error, "deadline:idle");
  });
}
