/** How many bytes are held for all connections together: kept by addition where bytes come and go. */

/** From here on nothing new is let in. */
const CROWDED = 0.8;
/** Down to here room is made once there is too much. */
const RELIEVED = 0.9;

/** What is done about it. */
export interface MemoryBudgetPort {
  /** There is too much: make room down to `targetBytes`. */
  over(targetBytes: number): void;
  /** Something new may be let in again. */
  relieved(): void;
}

/** See the module's comment. */
export class MemoryBudget {
  /** Everything that is held. */
  heldBytes = 0;
  /** The part of it that waits to be sent. */
  queuedBytes = 0;
  #limitBytes: number;
  readonly #port: MemoryBudgetPort;
  // What several connections keep by reference counts once; how many they are.
  readonly #shared = new Map<Uint8Array, number>();
  #waits = false;
  #making = false;

  constructor(limitBytes: number, port: MemoryBudgetPort) {
    this.#limitBytes = limitBytes;
    this.#port = port;
  }

  set limitBytes(bytes: number) {
    this.#limitBytes = bytes;
    this.look();
  }

  /** Whether nothing new should be let in; then the port is told when that has changed. */
  get crowded(): boolean {
    const crowded = this.heldBytes >= this.#limitBytes * CROWDED;
    if (crowded) this.#waits = true;
    return crowded;
  }

  /** Whether `look()` may have something to do: too much is held, or somebody waits for less. */
  get isUneasy(): boolean {
    return this.#waits || this.heldBytes > this.#limitBytes;
  }

  /** Of one connection so many more are held, and so many of these are queued; negative ones are fewer. */
  move(heldBytes: number, queuedBytes: number): void {
    this.heldBytes += heldBytes;
    this.queuedBytes += queuedBytes;
  }

  /** A connection keeps these, as others may. */
  keep(bytes: Uint8Array): void {
    const keepers = this.keepersOf(bytes);
    this.#shared.set(bytes, keepers + 1);
    if (keepers === 0) this.move(bytes.length, bytes.length);
  }

  /** It needs them no more; `size` is how many they were when it kept them. */
  release(bytes: Uint8Array, size: number): void {
    const keepers = this.keepersOf(bytes);
    if (keepers > 1) return void this.#shared.set(bytes, keepers - 1);
    this.#shared.delete(bytes);
    this.move(-size, -size);
  }

  /** How many connections keep these; the same twice counts twice. */
  keepersOf(bytes: Uint8Array): number {
    return this.#shared.get(bytes) ?? 0;
  }

  /** Acts on what has come and gone. */
  look(): void {
    if (this.heldBytes > this.#limitBytes && !this.#making) {
      this.#making = true; // what the port does comes here again
      this.#port.over(this.#limitBytes * RELIEVED);
      this.#making = false;
    }
    if (!this.#waits || this.crowded) return;
    this.#waits = false;
    this.#port.relieved();
  }
}
