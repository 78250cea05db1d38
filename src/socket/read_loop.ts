/**
 * Reads from the transport, one read at a time, into a buffer that grows while reads fill it and shrinks when they do
 * not: ten thousand idle connections cost 256 bytes each, a busy one reads 64 KiB at a time.
 */

import { Buffer } from "node:buffer";
import type { Transport } from "../transport/transport.ts";

/** What the loop does after a chunk was offered. */
export type Taken =
  | "go" // taken: read on
  | "hold" // nobody wants it now: keep it and read no more until `resume()`
  | "wait"; // taken, but read no more until `resume()`

/** What the loop tells its connection. */
export interface ReadPort {
  /**
   * A chunk, the receiver's for good (unless the loop lends: then only until `resume()`). `fresh` is false when it was
   * offered before and held.
   */
  deliver(chunk: Buffer, fresh: boolean): Taken;
  /** The peer's FIN. */
  peerEnded(): void;
  readFailed(error: unknown): void;
}

const SMALLEST_BUFFER_BYTES = 256;
const LARGEST_BUFFER_BYTES = 65_536;

/** The read side of one connection. */
export class ReadLoop {
  /** A chunk that nobody wanted yet. */
  held: Buffer | undefined;
  /**
   * Lend chunks instead of giving them away: one buffer serves for all of them, and a chunk is the receiver's only
   * until it says "go" or calls `resume()`.
   */
  lends = false;

  readonly #port: ReadPort;
  #transport: Transport | undefined;
  #running = false;
  #buffer: Buffer | undefined;
  // How much of the buffer has been given away.
  #used = 0;
  #nextBytes = SMALLEST_BUFFER_BYTES;
  #largestRead = 0;

  constructor(port: ReadPort) {
    this.#port = port;
  }

  /** Starts reading. */
  open(transport: Transport): void {
    this.#transport = transport;
    this.#start();
  }

  /** Offers the held chunk again, if there is one, and goes on reading once it is taken. */
  resume(): void {
    if (this.#transport === undefined || this.#running) return;
    const held = this.held;
    if (held !== undefined) {
      this.held = undefined;
      const taken = this.#port.deliver(held, false);
      if (taken === "hold") this.held = held;
      // The delivery may have resumed, closed or upgraded already.
      if (taken !== "go" || this.#transport === undefined || this.#running) return;
    }
    this.#start();
  }

  /** Stops for good and lets go of the buffer. Gives the number of held bytes that nobody will see. */
  close(): number {
    const lost = this.held?.length ?? 0;
    this.#transport = this.#buffer = this.held = undefined;
    return lost;
  }

  #start(): void {
    if (this.#transport !== undefined) void this.#run(this.#transport);
  }

  // Never rejects: what fails goes to the port.
  async #run(transport: Transport): Promise<void> {
    this.#running = true;
    try {
      for (;;) {
        const window = this.#window();
        const bytes = await transport.read(window);
        if (this.#transport === undefined) return;
        if (bytes === null) {
          this.#buffer = undefined;
          this.#port.peerEnded();
          return; // #running stays true: there is nothing more to read
        }
        const chunk = this.#cut(window, bytes);
        const taken = this.#port.deliver(chunk, true);
        if (this.#transport === undefined) return;
        if (taken === "go") continue;
        if (taken === "hold") this.held = chunk;
        this.#running = false;
        return;
      }
    } catch (error) {
      if (this.#transport !== undefined) this.#port.readFailed(error);
    }
  }

  /** Where the next read goes. */
  #window(): Buffer {
    const buffer = this.#buffer;
    if (buffer !== undefined) {
      if (this.#used === 0) return buffer;
      // With less than half left, a fresh buffer is cheaper than the extra system calls of short reads.
      if (this.#used <= buffer.length / 2) return buffer.subarray(this.#used);
      if (this.#largestRead * 8 < buffer.length && buffer.length === this.#nextBytes) {
        this.#nextBytes = Math.max(buffer.length / 4, SMALLEST_BUFFER_BYTES);
      }
    }
    this.#used = this.#largestRead = 0;
    return this.#buffer = Buffer.allocUnsafeSlow(this.#nextBytes);
  }

  /** The part of the window that was filled. */
  #cut(window: Buffer, bytes: number): Buffer {
    if (bytes > this.#largestRead) this.#largestRead = bytes;
    if (bytes === window.length && bytes * 2 >= this.#nextBytes && this.#nextBytes < LARGEST_BUFFER_BYTES) {
      this.#nextBytes *= 4;
      if (this.lends) this.#buffer = undefined; // the chunk below still holds it
    }
    if (!this.lends) this.#used += bytes;
    return bytes === window.length ? window : window.subarray(0, bytes);
  }
}
