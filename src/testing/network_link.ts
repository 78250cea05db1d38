/** How the bytes of one connection travel in a network of a test, and the faults that a test makes on it. */

import { checkInteger, checkMs } from "../base/check.ts";
import { now } from "../base/clock.ts";
import type { Link, MemoryTransport } from "../transport/memory.ts";
import type { Random } from "./random.ts";

/** What all connections of a network have in common, resolved. */
export interface LinkRules {
  readonly random: Random;
  readonly minLatencyMs: number;
  readonly maxLatencyMs: number;
  /** Most bytes of one chunk; the seed decides how many it has. */
  readonly chunkBytes: number;
}

/** The faults of one connection; `link(socket)` of a network gives it. */
export interface NetworkLink {
  /** The network resets the connection: both ends get `ECONNRESET`. Bytes under way are lost. */
  reset(): void;
  /** From now on nothing arrives, in either direction, and neither end is told, as with a cable that was cut. */
  blackHole(): void;
  /** Nothing arrives for that many milliseconds; then everything does, in its order. */
  stall(stallMs: number): void;
  /** From now on bytes arrive in pieces of at most that many, `everyMs` milliseconds apart (0 where left out). */
  trickle(bytes: number, everyMs?: number): void;
}

const CAPACITY_BYTES = 65_536;

/** One connection. */
export class NetworkCable implements Link, NetworkLink {
  readonly capacityBytes = CAPACITY_BYTES;
  gapMs = 0;
  stalledUntil = 0;
  cut = false;
  /** Both ends, once they are there. */
  ends: readonly MemoryTransport[] = [];
  readonly #rules: LinkRules;
  #pieceBytes = Infinity;

  constructor(rules: LinkRules) {
    this.#rules = rules;
  }

  readBytes(): number {
    const { chunkBytes, random } = this.#rules;
    return Math.min(this.#pieceBytes, chunkBytes === Infinity ? Infinity : 1 + random.below(chunkBytes));
  }

  writeBytes(): number {
    return this.#pieceBytes;
  }

  delayMs(): number {
    const { minLatencyMs, maxLatencyMs, random } = this.#rules;
    return minLatencyMs + (maxLatencyMs > minLatencyMs ? random.below(maxLatencyMs - minLatencyMs + 1) : 0);
  }

  reset(): void {
    for (const end of this.ends) end.breakOff();
  }

  blackHole(): void {
    this.ends[0]?.blackHole();
  }

  stall(stallMs: number): void {
    this.stalledUntil = Math.max(this.stalledUntil, now() + checkMs("stallMs", stallMs, 0));
  }

  trickle(bytes: number, everyMs = 0): void {
    this.#pieceBytes = checkInteger("bytes", bytes, 1, 1, CAPACITY_BYTES);
    this.gapMs = checkMs("everyMs", everyMs, 0);
  }
}
