/** Messages at a steady rate over many connections, and how long their answers take. */

import { type FramedSocket, MessageError } from "../../mod.ts";
import { now, startTimer, stopTimer, type Timer } from "../base/clock.ts";
import { LatencyHistogram } from "./latency_histogram.ts";

/** How long the last answers may take. */
const LAST_ANSWERS_MS = 5_000;

/** What is sent, how often, and for how long. */
export interface LoadPlan {
  readonly frame: Uint8Array;
  /** Messages a second, of all connections together. */
  readonly rate: number;
  readonly seconds: number;
}

/** What has been counted so far. */
export interface LoadCounts {
  sent: number;
  answered: number;
  /** Answers that were no messages; each counts as an answer, too. */
  badAnswers: number;
  lostConnections: number;
}

/**
 * One run. Each message has a moment at which it is to be sent, and its latency begins there: where the server, or the
 * connection, keeps messages from being sent, their waiting counts. Answers belong to messages in their order.
 */
export class LoadRun {
  readonly latency: LatencyHistogram = new LatencyHistogram();
  readonly counts: LoadCounts = { sent: 0, answered: 0, badAnswers: 0, lostConnections: 0 };
  readonly #plan: LoadPlan;
  readonly #total: number;
  readonly #started = now();
  // Those that are open, in the order of their turns.
  readonly #connections: LoadConnection[] = [];
  readonly #over = Promise.withResolvers<void>();
  #scheduled = 0;
  #sendingEnded: number | undefined;
  #timer: Timer;

  /** Begins at once. */
  constructor(plan: LoadPlan, peers: readonly FramedSocket<unknown>[]) {
    this.#plan = plan;
    this.#total = Math.ceil(plan.rate * plan.seconds);
    for (const peer of peers) this.#add(new LoadConnection(peer, plan.frame, this.counts, this.latency));
    this.#send();
  }

  /** Resolves after the last answer, or when there has been enough waiting for it. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** How long it has been sending, or did. */
  get sendingMs(): number {
    return (this.#sendingEnded ?? now()) - this.#started;
  }

  /** Messages that are waiting for their answer, or to be sent. */
  get unanswered(): number {
    return this.#scheduled - this.counts.answered;
  }

  /** Sends no more, and waits for the answers. */
  stopSending(): void {
    if (this.#sendingEnded !== undefined) return;
    stopTimer(this.#timer);
    this.#sendingEnded = now();
    this.#timer = startTimer(() => this.stop(), LAST_ANSWERS_MS);
    this.#check();
  }

  /** Ends it: what has not been answered counts with the time it has waited so far. */
  stop(): void {
    this.#sendingEnded ??= now();
    stopTimer(this.#timer);
    for (const connection of this.#connections.splice(0)) connection.close();
    this.#over.resolve();
  }

  #add(connection: LoadConnection): void {
    this.#connections.push(connection);
    connection.onAnswer = () => this.#check();
    connection.onLost = () => {
      const at = this.#connections.indexOf(connection);
      if (at < 0) return;
      this.#connections.splice(at, 1);
      this.counts.lostConnections++;
      if (this.#connections.length === 0) this.stop();
    };
  }

  /** Sends all messages whose moment has come. */
  #send(): void {
    const { rate } = this.#plan;
    const momentOf = (message: number) => this.#started + message * 1_000 / rate;
    for (const time = now(); this.#scheduled < this.#total && momentOf(this.#scheduled) <= time; this.#scheduled++) {
      this.#connections[this.#scheduled % this.#connections.length]?.send(momentOf(this.#scheduled));
    }
    if (this.#sendingEnded !== undefined) return; // all connections were lost in the meantime
    if (this.#scheduled === this.#total) return this.stopSending();
    this.#timer = startTimer(() => this.#send(), Math.max(0, momentOf(this.#scheduled) - now()));
  }

  #check(): void {
    if (this.#sendingEnded !== undefined && this.unanswered === 0) this.stop();
  }
}

/** One connection, with the moments of its messages. */
class LoadConnection {
  onAnswer: () => void = () => {};
  onLost: () => void = () => {};
  readonly #peer: FramedSocket<unknown>;
  readonly #frame: Uint8Array;
  readonly #counts: LoadCounts;
  readonly #latency: LatencyHistogram;
  // In the order of their sending; those from `#sent` on wait for the queue of the socket to drain.
  #moments: number[] = [];
  #first = 0;
  #sent = 0;
  #closed = false;

  constructor(peer: FramedSocket<unknown>, frame: Uint8Array, counts: LoadCounts, latency: LatencyHistogram) {
    this.#peer = peer;
    this.#frame = frame;
    this.#counts = counts;
    this.#latency = latency;
    peer.on("message", () => this.#answered());
    peer.on("error", (error) => {
      if (!(error instanceof MessageError)) return; // `close` follows
      counts.badAnswers++;
      this.#answered();
    });
    peer.socket.on("error", () => {}); // and so it does here
    peer.socket.on("drain", () => this.#flush());
    peer.socket.on("close", () => {
      this.close();
      this.onLost();
    });
  }

  /** Sends a message, now or as soon as there is room, that was to be sent at that moment. */
  send(moment: number): void {
    this.#moments.push(moment);
    this.#flush();
  }

  /** Ends it: what has not been answered counts with the time it has waited so far. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const time = now();
    for (const moment of this.#moments.slice(this.#first)) this.#latency.record(time - moment);
    this.#peer.socket.destroy();
  }

  #flush(): void {
    const { socket } = this.#peer;
    while (this.#sent < this.#moments.length && !socket.writableNeedDrain && !this.#closed) {
      this.#sent++;
      this.#counts.sent++;
      this.#peer.sendEncoded(this.#frame);
    }
  }

  #answered(): void {
    if (this.#first === this.#sent || this.#closed) return; // nobody has asked
    this.#latency.record(now() - this.#moments[this.#first]!); // it is there
    this.#first++;
    this.#counts.answered++;
    if (this.#first > 1_000 && this.#first * 2 > this.#moments.length) {
      this.#moments = this.#moments.slice(this.#first);
      this.#sent -= this.#first;
      this.#first = 0;
    }
    this.onAnswer();
  }
}
