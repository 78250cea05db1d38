/** How fast the messages of one connection are delivered: not too many in a turn, nor in a second. */

import { rangeError, typeError } from "../base/argument_errors.ts";
import { checkInteger, invalid } from "../base/check.ts";
import { isBusy, looksTaken, takeTurns } from "../base/breathing.ts";
import { now, startTimer, stopTimer, type Timer, turnOver } from "../base/clock.ts";
import { TokenBucket } from "../limits/token_bucket.ts";

/** How many messages of one connection are delivered before the others have a turn. */
export const MESSAGES_A_TURN = 256;

/** How many messages a peer may send. */
export interface MessageRate {
  /**
   * Most messages delivered per second. Further ones wait, and nothing more is read, so that the peer has to wait, too.
   * None is dropped, and the peer's end is reported after the last of them. Messages of a heartbeat do not count, but
   * keep their place.
   *
   * @default {Infinity}
   */
  messagesPerSecond?: number;
  /**
   * Most messages that are delivered at once after a silence. Left out, it is the number for one second, at least 1.
   */
  burst?: number;
}

/** Checks the two options; undefined where there is no limit. */
export function readMessageRate({ messagesPerSecond, burst }: MessageRate): TokenBucket | undefined {
  if (messagesPerSecond !== undefined && typeof messagesPerSecond !== "number") {
    throw invalid("messagesPerSecond", "a number above 0", messagesPerSecond);
  }
  if (messagesPerSecond !== undefined && !(messagesPerSecond > 0)) {
    throw rangeError(`Option "messagesPerSecond" must be a number above 0; it is ${messagesPerSecond}`);
  }
  if (burst !== undefined && messagesPerSecond === undefined) {
    throw typeError("ERR_INCOMPATIBLE_OPTION_PAIR", 'Option "burst" belongs to "messagesPerSecond"; give both');
  }
  const most = checkInteger(
    "burst",
    burst,
    Math.max(1, Math.floor(messagesPerSecond ?? 1)),
    1,
    Number.MAX_SAFE_INTEGER,
  );
  if (messagesPerSecond === undefined || messagesPerSecond === Infinity) return undefined;
  return new TokenBucket(messagesPerSecond, now(), most);
}

/** See the module's comment. */
export class MessagePace {
  /** Nothing is delivered until `goOn` was called. */
  waits = false;
  readonly #bucket: TokenBucket | undefined;
  readonly #goOn: () => void;
  #timer: Timer;
  #inTurn = 0;
  #looks = 0;
  // Whoever stopped it does not want to hear of what was begun before.
  #round = 0;

  /** Calls back when messages may be delivered again. */
  constructor(bucket: TokenBucket | undefined, goOn: () => void) {
    this.#bucket = bucket;
    this.#goOn = goOn;
  }

  /** Whether one more message may be delivered now; if not it waits. */
  admits(): boolean {
    if (this.waits) return false;
    if (this.#bucket === undefined) return true;
    const at = now();
    if (this.#bucket.available(at) >= 1) return true;
    this.waits = true;
    // It keeps the process alive, for nothing may be read meanwhile.
    this.#timer = startTimer(() => this.#resume(), Math.ceil(this.#bucket.waitMs(1, at)));
    return false;
  }

  /** One message was delivered, of a chunk that came at that time of the clock. */
  delivered(cameAt: number): void {
    this.#bucket?.take(1);
    if (this.#inTurn++ === 0) this.#looks = looksTaken();
    if (this.#inTurn < MESSAGES_A_TURN) return;
    if (this.#looks === looksTaken()) this.rest(cameAt);
    else this.#inTurn = 0; // the others had theirs meanwhile
  }

  /** Lets the others have a turn. */
  rest(cameAt: number): void {
    if (this.waits) return;
    this.waits = true;
    const round = this.#round;
    const at = now();
    // A turn of the event loop costs less than a look at the network, which is due now and then.
    const turn = isBusy(at) ? takeTurns(at - cameAt) : turnOver();
    void turn.then(() => {
      if (round === this.#round) this.#resume();
    });
  }

  /** Begins anew. */
  stop(): void {
    stopTimer(this.#timer);
    this.#round++;
    this.waits = false;
    this.#inTurn = 0;
  }

  #resume(): void {
    this.waits = false;
    this.#inTurn = 0;
    this.#goOn();
  }
}
