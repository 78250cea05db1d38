/**
 * Tells when what had come by some moment has been read, so that nobody is judged by bytes that still lie in the kernel
 * because the process was busy.
 *
 * The runtime asks the kernel what has come whenever it has nothing else to do, and in a process that is never idle once
 * in 61 turns of its event loop. Of the reads that can go on then it finishes at most 128 at a time; the others come
 * behind those that have become ready by the next time, so that the same 128 may be read over and over and nobody else.
 * Therefore the proof lets turns of the event loop pass, and while many sockets move, more of them, in which nobody is
 * read twice and nobody new comes, or it would not end while they come.
 */

/** What goes on in the process, as far as the library carries it. */
export const load = {
  /** Connections that are open. */
  sockets: 0,
  /** TLS handshakes that are under way. */
  handshakes: 0,
  /** Reads, writes and accepts that were done, or have failed. */
  transfers: 0,
  /**
   * While a proof sees to it that everybody is read: who has been waits for this before it reads on, and nobody new is
   * let in.
   */
  gate: undefined as Promise<void> | undefined,
  /**
   * While some who would read wait for the others to have their turn: resolves when all who wait now have gone on.
   */
  passing: undefined as (() => Promise<void>) | undefined,
};

// Enough for the kernel to be asked once.
const TURNS = 80;
// So many transfers may be all that are done at a time; what was left over comes within so many turns.
const MANY_TRANSFERS = 64;
const TURNS_BEHIND_MANY = 128;
// For each of them, and there are as many answers and more.
const MOST_TIMES = 4;
// A rest behind each proof, or as long as it took: a flood of deadlines, each at its own time, must not keep the process
// busy with proofs, nor those who wait for their end.
const REST_MS = 50;

/** What a {@link ReadProof} needs of the runtime. */
export interface Turns {
  now(): number;
  /** Calls back in the next turn of the event loop, which comes at once. */
  nextTurn(callback: () => void): void;
  start(callback: () => void, delayMs: number): { stop(): void };
  /** Wakes the event loop every so often, which may sleep although a turn of it is wanted, until it is stopped. */
  keepAwake(): { stop(): void };
}

/** One proof serves everybody who has asked before it began; see the module's comment. */
export class ReadProof {
  readonly #turns: Turns;
  // Whom the proof under way serves, and who has to wait for the next one.
  #served = new Set<() => void>();
  #waiting = new Set<() => void>();
  #running = false;
  #rest: { stop(): void } | undefined;
  #restsUntil = 0;
  #begunAt = 0;
  #openGate: (() => void) | undefined;
  #awake: { stop(): void } | undefined;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** Calls back once what has come by now has been read. */
  after(callback: () => void): { stop(): void } {
    this.#waiting.add(callback);
    if (!this.#running && this.#rest === undefined) this.#schedule();
    return { stop: () => this.#forget(callback) };
  }

  #forget(callback: () => void): void {
    this.#served.delete(callback);
    this.#waiting.delete(callback);
    if (this.#waiting.size > 0) return;
    this.#rest?.stop();
    this.#rest = undefined;
  }

  #schedule(): void {
    const restMs = this.#restsUntil - this.#turns.now();
    if (restMs <= 0) this.#begin();
    else this.#rest = this.#turns.start(() => this.#begin(), restMs);
  }

  #begin(): void {
    this.#rest = undefined;
    this.#running = true;
    this.#begunAt = this.#turns.now();
    this.#awake = this.#turns.keepAwake();
    this.#turns.nextTurn(() => { // with all who ask in this turn
      [this.#served, this.#waiting] = [this.#waiting, this.#served];
      // Who waits for a turn reads nothing meanwhile, whatever has come.
      if (load.passing === undefined) this.#run();
      else void load.passing().then(() => this.#run());
    });
  }

  #run(): void {
    let turnsLeft = TURNS;
    let seen = load.transfers;
    // Nobody is read twice, so it ends by itself; this is for what goes on without having been read.
    let timesLeft = MOST_TIMES + Math.ceil(load.sockets / MANY_TRANSFERS) * MOST_TIMES;
    const turn = () => {
      if (load.transfers - seen >= MANY_TRANSFERS) {
        seen = load.transfers;
        turnsLeft = TURNS_BEHIND_MANY;
        timesLeft--;
        this.#closeGate();
      }
      if (--turnsLeft > 0 && timesLeft > 0 && this.#served.size > 0) this.#turns.nextTurn(turn);
      else this.#finish();
    };
    this.#turns.nextTurn(turn);
  }

  #closeGate(): void {
    if (this.#openGate !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    load.gate = promise;
    this.#openGate = resolve;
  }

  #finish(): void {
    load.gate = undefined;
    this.#openGate?.();
    this.#openGate = undefined;
    try {
      for (const callback of this.#served) {
        this.#served.delete(callback);
        callback();
      }
    } finally {
      if (this.#served.size > 0) this.#turns.nextTurn(() => this.#finish()); // one of them threw
      else this.#end();
    }
  }

  #end(): void {
    this.#running = false;
    this.#awake?.stop();
    const at = this.#turns.now();
    this.#restsUntil = at + Math.max(REST_MS, at - this.#begunAt);
    if (this.#waiting.size > 0) this.#schedule();
  }
}
