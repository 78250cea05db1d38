/** Finds peers that are gone without a word: pings them, and counts how long nothing came back. */

import { rangeError } from "../base/argument_errors.ts";
import { now } from "../base/clock.ts";
import { checkInteger, checkKeys, checkMs, invalid } from "../base/check.ts";
import { DeadlineTimer } from "../base/deadline_timer.ts";

/** How a {@link Heartbeat} sends a ping and reports that the peer is gone. */
export interface HeartbeatPort {
  /** Sends a ping, which a live peer answers. Returns false if none could be sent now. */
  ping(): boolean | void;
  /** The peer is gone; the heartbeat has stopped. */
  lost(): void;
  /**
   * Whether anything came since the last call, for ports that count bytes anyway. It is called once per interval, and
   * once more before the peer counts as gone. With it {@link Heartbeat.heard} need not be called.
   */
  heard?(): boolean;
}

/** How often a {@link Heartbeat} pings, and how much silence it tolerates. */
export interface HeartbeatOptions {
  /**
   * Milliseconds between two pings.
   *
   * @default {30_000}
   */
  intervalMs?: number;
  /**
   * Intervals in a row without a byte from the peer, after which it counts as gone. A peer that falls silent is noticed
   * within `intervalMs * (misses + 1)`; a peer that answers within an interval never counts as gone.
   *
   * @default {2}
   */
  misses?: number;
  /**
   * The part of each interval, from 0 to 0.5, by which it is shortened at random, so that connections that began
   * together do not ping together.
   *
   * @default {0.1}
   */
  jitter?: number;
}

/** The names that {@link HeartbeatOptions} knows. */
export const HEARTBEAT_KEYS: readonly string[] = ["intervalMs", "misses", "jitter"];

/** {@link HeartbeatOptions}, checked. */
export type ResolvedHeartbeat = Readonly<Required<HeartbeatOptions>>;

/** Checks the options and fills in the defaults. */
export function resolveHeartbeat(
  options: HeartbeatOptions,
  known: readonly string[] = HEARTBEAT_KEYS,
): ResolvedHeartbeat {
  if (options === undefined) throw invalid("options", "an object", options);
  checkKeys("options", options, known);
  const intervalMs = checkMs("intervalMs", options.intervalMs, 30_000);
  if (intervalMs < 1) throw rangeError(`Option "intervalMs" must be 1 millisecond or more; it is ${intervalMs}`);
  const { jitter = 0.1 } = options;
  if (typeof jitter !== "number") throw invalid("jitter", "a number from 0 to 0.5", jitter);
  if (!(jitter >= 0 && jitter <= 0.5)) throw rangeError(`Option "jitter" must be from 0 to 0.5; it is ${jitter}`);
  return { intervalMs, misses: checkInteger("misses", options.misses, 2, 1, 1_000), jitter };
}

/**
 * A heartbeat over anything that can send a ping: one timer that counts the intervals in which nothing came. Only what
 * the peer sends is a sign of life. On a `MessageProtocol` or `framed` socket use its `startHeartbeat`, which does the
 * rest.
 *
 * @example
 * ```ts
 * import { connect, createServer, Heartbeat } from "@verb/tcp";
 *
 * await using app = createServer().onConnection((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
 * await using socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
 *
 * const heartbeat = new Heartbeat({
 *   ping: () => socket.write("PING\n"),
 *   lost: () => socket.destroy(new Error("The peer is gone")),
 * }, { intervalMs: 10_000 });
 * socket.on("data", () => heartbeat.heard());
 * socket.on("close", () => heartbeat.stop());
 * heartbeat.start();
 * ```
 */
export class Heartbeat {
  readonly #port: HeartbeatPort;
  readonly #rhythm: ResolvedHeartbeat;
  readonly #random: () => number;
  readonly #timer = new DeadlineTimer((now, sure) => this.#beat(now, sure));
  #running = false;
  #heard = false;
  #missed = 0;
  #unanswered = 0;
  #pingedAt = 0;
  #roundTripMs: number | undefined;

  /**
   * Makes a heartbeat that is not started yet. Throws for options out of range. `random` returns numbers from 0 to 1
   * for the jitter.
   */
  constructor(port: HeartbeatPort, options: HeartbeatOptions = {}, random: () => number = Math.random) {
    this.#port = port;
    this.#rhythm = resolveHeartbeat(options);
    this.#random = random;
  }

  /** Whether it beats. */
  get running(): boolean {
    return this.#running;
  }

  /** Milliseconds from the last answered ping to its answer; undefined before the first. Needs {@link pong} to be called. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** Starts to beat, as if the peer had just been heard; the first ping goes out after one interval. */
  start(): this {
    if (this.#running) return this;
    this.#running = this.#heard = true;
    this.#missed = this.#unanswered = 0;
    this.#timer.lookBy(now() + this.#waitMs());
    return this;
  }

  /** Stops; it may be started again. */
  stop(): void {
    this.#running = false;
    this.#timer.clear();
  }

  /** Something came from the peer. Costs one assignment: call it for everything that comes. */
  heard(): void {
    this.#heard = true;
  }

  /** The peer has answered a ping; answers come in the order of the pings. */
  pong(): void {
    this.#heard = true;
    // While several are on their way, only the last answer is that of the last ping.
    if (this.#unanswered > 0 && --this.#unanswered === 0) this.#roundTripMs = now() - this.#pingedAt;
  }

  #waitMs(): number {
    const { intervalMs, jitter } = this.#rhythm;
    return intervalMs * (1 - jitter * this.#random());
  }

  // Counts beats and not time: a process that stood still has not listened, so its peers have missed nothing.
  #beat(at: number, sure: boolean): number {
    const heard = this.#port.heard?.() === true || this.#heard;
    this.#heard = false;
    // Before the last one counts, what has come is read.
    if (!sure && !heard && this.#missed + 1 === this.#rhythm.misses) return at;
    this.#missed = heard ? 0 : this.#missed + 1;
    if (this.#missed === this.#rhythm.misses) {
      this.#running = false;
      this.#port.lost();
    } else {
      this.#pingedAt = now();
      this.#unanswered++;
      if (this.#port.ping() === false) this.#unanswered--;
    }
    // Either may have stopped it, or started it anew.
    return this.#running && !this.#timer.armed ? now() + this.#waitMs() : Infinity;
  }
}
