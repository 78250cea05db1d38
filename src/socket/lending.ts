/**
 * Bytes that a reader lends to its user for the time of one call. What he writes of them within the call, to whatever
 * socket, is not copied: the reader waits for those writes before it reads into the same buffer again.
 */

/** The loans of one reader, one at a time. */
export class Loan {
  /** Called when a write that has kept lent bytes needs them no more. */
  readonly back = (): void => {
    if (--this.#writes === 0) this.#over?.();
  };
  #buffer: ArrayBufferLike | undefined;
  #writes = 0;
  #over: (() => void) | undefined;

  /** Lends `bytes` to `call`; what that throws is thrown behind the loan. */
  during<Bytes extends Uint8Array>(bytes: Bytes, call: (bytes: Bytes) => unknown): unknown {
    const around = lending; // a call that reads from another socket
    lending = this;
    this.#buffer = bytes.buffer;
    this.#over = undefined;
    try {
      return call(bytes);
    } finally {
      lending = around;
      this.#buffer = undefined;
    }
  }

  /** Whether a write still needs what was lent; if so, `over` is called when none does. */
  lasts(over: () => void): boolean {
    if (this.#writes === 0) return false;
    this.#over = over;
    return true;
  }

  /** Whether these bytes are among those that are lent now; then they count as needed, until {@link Loan.back}. */
  static keeps(bytes: Uint8Array): Loan | undefined {
    if (lending === undefined || bytes.buffer !== lending.#buffer) return undefined;
    lending.#writes++;
    return lending;
  }
}

// Whose call is running.
let lending: Loan | undefined;
