/** A queue for encoders that keeps what was committed, with other bytes around every reservation. */

import type { ByteSink } from "../../src/framing/byte_sink.ts";
import { concat } from "./decode.ts";

/** See the module's comment. */
export class RecordingSink implements ByteSink {
  at = 0;
  /** How many bytes each `reserve` asked for. */
  readonly reserved: number[] = [];
  readonly #parts: Uint8Array[] = [];
  #buffer = new Uint8Array(0);

  reserve(maxBytes: number): Uint8Array {
    this.reserved.push(maxBytes);
    this.at = 3 + this.reserved.length % 5;
    // Whoever writes beyond what he asked for hits the end of the buffer.
    this.#buffer = new Uint8Array(this.at + maxBytes).fill(0xcc);
    return this.#buffer;
  }

  commit(bytes: number): void {
    this.#parts.push(this.#buffer.slice(this.at, this.at + bytes));
  }

  /** Everything committed so far. */
  get bytes(): Uint8Array {
    return concat(...this.#parts);
  }
}
