/**
 * The deadlines of one socket. Traffic only moves numbers; one lazily armed timer looks at them, asks the pure
 * {@link judge} what is due, and looks again when the next deadline could be.
 *
 * `flushMs` is not among them: it is on by default, and its one timer for all sockets (`flush_watch.ts`) costs an idle
 * socket nothing, which a timer of its own would.
 */

import { now } from "../base/clock.ts";
import { DeadlineTimer } from "../base/deadline_timer.ts";
import { TcpError } from "../base/errors.ts";
import type { CloseReason } from "../telemetry/close_receipt.ts";
import type { DeadlineLimits } from "./deadline_options.ts";

/** What the connection knows; times are whole milliseconds of `now()`. */
export interface ConnectionFacts {
  readonly openedAt: number;
  /** When the peer's last byte came. */
  readonly readAt: number;
  /** When our last byte left. */
  readonly wroteAt: number;
  readonly bytesRead: number;
  readonly bytesSent: number;
  /** The peer has sent its FIN: nothing more can come. */
  readonly readEnded: boolean;
  /** We have said that we write no more. */
  readonly writeEnded: boolean;
}

/** What is owed, and whether we take it. */
export interface Debts {
  /** When the frame began that is not whole yet; 0 for none. */
  readonly frameBegunAt: number;
  /** Bytes that had come before it. */
  readonly bytesBeforeFrame: number;
  /** When the write queue began to wait for the peer; 0 while nothing waits. */
  readonly owingSince: number;
  /** Bytes that had been sent before that. */
  readonly bytesBeforeOwing: number;
  /** Since when we refuse to read; 0 while we read. */
  readonly refusingSince: number;
  /** When we began to read again. */
  readonly readingSince: number;
}

/** The end of a wait. */
export interface Expiry {
  readonly reason: CloseReason;
  readonly message: string;
}

/** What is due now, or the time to look again (Infinity: not before something else happens). */
export function judge(facts: ConnectionFacts, debts: Debts, limits: DeadlineLimits, now: number): Expiry | number {
  const { openedAt, readAt, wroteAt } = facts;
  let lookAt = Infinity;
  let expiry: Expiry | undefined;
  const wait = (dueAt: number, reason: CloseReason, describe: () => string) => {
    if (dueAt > now) lookAt = Math.min(lookAt, dueAt);
    else expiry ??= { reason, message: describe() };
  };

  wait(openedAt + limits.lifetimeMs, "deadline:lifetime", () => {
    return `The connection was open for ${limits.lifetimeMs} ms (deadlines.lifetimeMs)`;
  });
  if (facts.bytesRead === 0 && !facts.readEnded) {
    wait(openedAt + limits.firstByteMs, "deadline:firstByte", () => {
      return `The peer sent no byte within ${limits.firstByteMs} ms (deadlines.firstByteMs)`;
    });
  }
  wait(Math.max(readAt, wroteAt) + limits.idleMs, "deadline:idle", () => {
    return `No byte came or went for ${limits.idleMs} ms (deadlines.idleMs)`;
  });
  if (!facts.writeEnded) {
    wait(wroteAt + limits.idleWriteMs, "deadline:idle", () => {
      return `No byte was sent for ${limits.idleWriteMs} ms (deadlines.idleWriteMs)`;
    });
  }
  if (!facts.readEnded) {
    // Whose bytes we refuse is not late: its clocks stand still, as if everything had come now.
    const { refusingSince, frameBegunAt } = debts;
    const heldUpMs = refusingSince === 0 ? 0 : Math.max(0, now - refusingSince);
    const heardAt = refusingSince === 0 ? Math.max(readAt, debts.readingSince) : now;
    wait(heardAt + limits.idleReadMs, "deadline:idle", () => {
      return `The peer sent no byte for ${limits.idleReadMs} ms (deadlines.idleReadMs)`;
    });
    if (frameBegunAt > 0) {
      const begunAt = frameBegunAt + heldUpMs;
      wait(begunAt + limits.frameMs, "deadline:frame", () => {
        return `The peer did not finish a frame within ${limits.frameMs} ms (deadlines.frameMs)`;
      });
      const bytes = facts.bytesRead - debts.bytesBeforeFrame;
      wait(slowAt(begunAt, bytes, limits), "deadline:rate", () => {
        return `The peer sent ${bytes} bytes of a frame within ${tooLong(now - begunAt, limits)}`;
      });
    }
  }
  const { owingSince } = debts;
  if (owingSince > 0) {
    const bytes = facts.bytesSent - debts.bytesBeforeOwing;
    wait(slowAt(owingSince, bytes, limits), "deadline:rate", () => {
      return `The peer took ${bytes} of the bytes written within ${tooLong(now - owingSince, limits)}`;
    });
  }
  return expiry ?? lookAt;
}

/** When the average falls below the least rate, if not a byte more comes. */
function slowAt(since: number, bytes: number, { bytesPerSecond, graceMs }: DeadlineLimits): number {
  return bytesPerSecond === 0 ? Infinity : since + Math.max(graceMs, (bytes * 1_000) / bytesPerSecond);
}

function tooLong(ms: number, { bytesPerSecond }: DeadlineLimits): string {
  return `${Math.round(ms)} ms, less than ${bytesPerSecond} a second (deadlines.rate)`;
}

/** The connection whose deadlines are watched. */
export interface DeadlineOwner extends ConnectionFacts {
  destroy(error: Error, reason: CloseReason): void;
}

/** Where whoever cuts the stream into frames tells whether the peer owes the rest of one. */
export interface FrameClock {
  /** A chunk has been decoded: that many bytes are left over, and at least one frame was completed, or none. */
  decoded(bytesLeft: number, completed: boolean): void;
}

/** The deadlines of one socket; see the module's comment. */
export class DeadlineWatch implements Debts, FrameClock {
  frameBegunAt = 0;
  bytesBeforeFrame = 0;
  owingSince = 0;
  bytesBeforeOwing = 0;
  refusingSince = 0;
  readingSince = 0;
  readonly #owner: DeadlineOwner;
  readonly #limits: DeadlineLimits;
  readonly #timer: DeadlineTimer;

  /** Starts at once: the connection is open. */
  constructor(owner: DeadlineOwner, limits: DeadlineLimits) {
    this.#owner = owner;
    this.#limits = limits;
    this.#timer = new DeadlineTimer((now, sure) => this.#look(now, sure));
    const next = judge(owner, this, limits, owner.openedAt);
    if (typeof next === "number") this.#timer.lookBy(next);
  }

  /** A write is in flight, where none was. */
  owes(now: number, bytesSent: number): void {
    const { bytesPerSecond, graceMs } = this.#limits;
    if (bytesPerSecond === 0) return;
    this.owingSince = now;
    this.bytesBeforeOwing = bytesSent;
    this.#timer.lookBy(now + graceMs);
  }

  /** No write is in flight any more. */
  paid(): void {
    this.owingSince = 0;
  }

  /** A chunk was not taken: nothing more is read until it is. */
  refused(): void {
    if (this.refusingSince === 0) this.refusingSince = this.#owner.readAt;
  }

  /** Reading goes on. */
  reads(): void {
    if (this.refusingSince === 0) return;
    this.readingSince = Math.floor(now());
    if (this.frameBegunAt > 0) this.frameBegunAt += this.readingSince - this.refusingSince;
    this.refusingSince = 0;
  }

  decoded(bytesLeft: number, completed: boolean): void {
    if (bytesLeft === 0) {
      this.frameBegunAt = 0;
    } else if (completed || this.frameBegunAt === 0) {
      const { readAt, bytesRead } = this.#owner;
      const { bytesPerSecond, graceMs, frameMs } = this.#limits;
      this.frameBegunAt = readAt;
      this.bytesBeforeFrame = bytesRead - bytesLeft;
      this.#timer.lookBy(readAt + Math.min(frameMs, bytesPerSecond > 0 ? graceMs : Infinity));
    }
  }

  /** The connection is over. */
  clear(): void {
    this.#timer.clear();
  }

  #look(now: number, sure: boolean): number {
    const verdict = judge(this.#owner, this, this.#limits, now);
    if (typeof verdict === "number") return verdict;
    if (!sure) return now;
    this.#owner.destroy(new TcpError(verdict.message, { code: "ETIMEDOUT" }), verdict.reason);
    return Infinity;
  }
}
