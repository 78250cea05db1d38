/**
 * Reads from the transport, one read at a time, into a buffer that grows while reads fill it and shrinks when they do
 * not: ten thousand idle connections cost 256 bytes each, a busy one reads 64 KiB at a time. Many programs look at the
 * first chunk of a connection: what has come with it into the smallest buffer is put together, as far as 4 KiB go.
 */

import { Buffer } from "node:buffer";
import { turnOver } from "../base/clock.ts";
import { load } from "../base/read_proof.ts";
import type { Transport } from "../transport/transport.ts";
import { chunkTransferredError } from "./endings.ts";

/** What the loop does after a chunk was offered. */
export type Taken =
  | "go" // taken: read on
  | "hold" // nobody wants it now: keep it and read no more until `resume()`
  | "wait"; // taken, but read no more until `giveBack()`

/** What the loop tells its connection. */
export interface ReadPort {
  /**
   * A chunk, the receiver's for good (unless the loop lends: then only until `giveBack()`). `fresh` is false when it was
   * held, and its arrival told by `arrived`.
   */
  deliver(chunk: Buffer, fresh: boolean): Taken;
  /** Bytes came that are held, and are delivered later. */
  arrived(bytes: number): void;
  /** Everything was taken, and reading goes on. */
  reads(): void;
  /** A promise if everybody has to wait a moment before the next read. */
  breathe(): Promise<void> | undefined;
  /** When bytes last came, by `now()` of the clock. */
  readonly movedAt: number;
  /** The peer's FIN has come, behind a chunk that has not been taken. */
  endWaits(): void;
  /** The peer's FIN. */
  peerEnded(): void;
  readFailed(error: unknown): void;
}

const SMALLEST_BUFFER_BYTES = 256;
const FIRST_CHUNK_BYTES = 4_096;
const LARGEST_BUFFER_BYTES = 65_536;
// A connection that uses up a buffer within this time gets larger ones, up to that size, even if its reads are small:
// making a buffer costs more than what is in it.
const BUSY_MS = 1_000;
const BUSY_BUFFER_BYTES = 16_384;

/** The read side of one connection. */
export class ReadLoop {
  /** A chunk that nobody wanted yet. */
  held: Buffer | undefined;
  readonly #port: ReadPort;
  #transport: Transport | undefined;
  #lends = false;
  #running = false;
  // The chunk that was taken with "wait" and has not been given back.
  #loan: Buffer | undefined;
  // The peer's FIN came behind a chunk that is still held.
  #ended = false;
  #reading = false;
  // Where the read that is under way goes, and its outcome.
  #target: Buffer | undefined;
  readonly #got = (outcome: number | Buffer | null) => {
    try {
      if (this.#target === undefined) this.#receiveTaken(outcome as Buffer | null);
      else this.#receive(outcome as number | null);
    } catch (error) {
      this.#fail(error);
    }
  };
  readonly #failed = (error: unknown) => this.#fail(error);
  // Whoever took over gets the outcome of the read that was under way.
  #heir: PromiseWithResolvers<Buffer | null> | undefined;
  // What is left of the buffer; the rest has been given away.
  #rest: Buffer | undefined;
  // The held chunk was not offered to anybody yet, because there may be more of it in this turn.
  #gathers = false;
  #nextBytes = SMALLEST_BUFFER_BYTES;
  #largestRead = 0;
  #lentBytes = 0;
  #allocatedAt = 0;

  constructor(port: ReadPort) {
    this.#port = port;
  }

  /**
   * Lend chunks instead of giving them away: one buffer serves for all of them, and a chunk is the receiver's only
   * until it says "go" or calls `giveBack()`.
   */
  get lends(): boolean {
    return this.#lends;
  }

  set lends(on: boolean) {
    if (on === this.#lends) return;
    this.#lends = on;
    this.#rest = undefined; // what was lent from it must not be given away, nor the other way round
  }

  /** Whether nothing more is read because what came has not been taken. */
  get refuses(): boolean {
    return this.held !== undefined || this.#loan !== undefined;
  }

  /** Whether the peer's FIN has come, behind a chunk that has not been taken. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Starts reading. */
  open(transport: Transport): void {
    this.#transport = transport;
    this.#start(transport);
  }

  /** Offers the held chunk again, if there is one, and goes on reading once it is taken. */
  resume(): void {
    if (this.#transport === undefined || this.#loan !== undefined) return;
    // The delivery may close the socket.
    if (this.held !== undefined && (this.#offer(this.held) !== "go" || this.#transport === undefined)) return;
    if (this.#ended) return this.#end();
    this.#port.reads();
    if (!this.#running) this.#start(this.#transport);
  }

  /** That chunk was taken with "wait" and is not needed any more; goes on reading. Any other chunk changes nothing. */
  giveBack(chunk: Buffer): void {
    if (this.#loan !== chunk) return;
    this.#loan = undefined;
    this.resume();
  }

  /** That chunk stays with its receiver: the next one stands behind it, or elsewhere. */
  giveAway({ buffer, byteOffset, length }: Uint8Array): void {
    if (this.#lends && this.#rest?.buffer === buffer) this.#rest = Buffer.from(buffer, byteOffset + length);
  }

  /** Whether bytes have come that nobody has taken, or given back. */
  get holdsBytes(): boolean {
    return this.held !== undefined || this.#loan !== undefined;
  }

  /** Whether somebody has a chunk that has to come back. */
  get lent(): boolean {
    return this.#loan !== undefined;
  }

  /** Reads no more until `open()`. If a read is under way, gives its outcome: the bytes, or null at the peer's FIN. */
  park(): Promise<Buffer | null> | undefined {
    this.close();
    if (!this.#reading) return undefined;
    this.#heir = Promise.withResolvers();
    return this.#heir.promise;
  }

  /** Stops for good and lets go of the buffer. */
  close(): void {
    this.#transport =
      this.#rest =
      this.held =
      this.#loan =
        undefined;
    this.#gathers = false;
  }

  #start(transport: Transport): void {
    this.#running = true;
    this.#next(transport);
  }

  #next(transport: Transport): void {
    if (transport.take === undefined || this.#lends) return this.#read(transport, this.#window());
    this.#reading = true;
    this.#rest = undefined; // what is behind a chunk that was held
    transport.take().then(this.#got, this.#failed);
  }

  // No async function: it would keep itself for every idle connection, and make two closures for each read.
  #read(transport: Transport, window: Buffer): void {
    this.#reading = true;
    this.#target = window;
    transport.read(window).then(this.#got, this.#failed);
  }

  /** What came into the window: so many bytes, or the peer's FIN. */
  #receive(bytes: number | null): void {
    const transport = this.#transport;
    let window = this.#target!; // set by every read
    if (window.length === 0 && bytes !== null) throw chunkTransferredError(); // none is empty
    if (
      transport !== undefined && this.#nextBytes === SMALLEST_BUFFER_BYTES && this.#mayBeMore(transport, window, bytes)
    ) {
      return this.#read(transport, this.#gather(window, bytes));
    }
    this.#reading = false;
    this.#target = undefined;
    if (transport === undefined) return this.#heir?.resolve(bytes === null ? null : window.subarray(0, bytes));
    if (bytes === null) return this.#ends();
    const taken = this.#take(window, bytes);
    if (this.#transport === undefined) return;
    if (taken === "go") return this.#goOn(transport);
    // One read stays out behind what is held, so that a reset, or a FIN, is noticed while the buffer has room.
    if (taken === "hold") window = window.subarray(bytes);
    if (taken === "wait" || window.length === 0) this.#running = false;
    else this.#read(transport, window);
  }

  /** What the transport had in memory of its own, or the peer's FIN. */
  #receiveTaken(chunk: Buffer | null): void {
    const transport = this.#transport;
    this.#reading = false;
    if (transport === undefined) return this.#heir?.resolve(chunk);
    if (chunk === null) return this.#ends();
    const taken = this.#keep(chunk, this.#port.deliver(chunk, true));
    if (this.#transport === undefined) return;
    if (taken === "go") return this.#goOn(transport);
    // Behind what is held one read stays out here, too.
    if (taken === "wait") this.#running = false;
    else this.#read(transport, this.#holdWithRoom(chunk, chunk.length + FIRST_CHUNK_BYTES));
  }

  /** What was read has been taken: reads on, in its turn. */
  #goOn(transport: Transport): void {
    const pause = this.#port.breathe();
    if (pause !== undefined || load.gate !== undefined) void this.#wait(transport, pause);
    else this.#next(transport);
  }

  async #wait(transport: Transport, pause: Promise<void> | undefined): Promise<void> {
    await pause;
    if (this.#transport !== transport) return; // closed or parked meanwhile
    if (pause !== undefined) this.#port.reads();
    if (load.gate !== undefined) await load.gate;
    if (this.#transport === transport) this.#next(transport);
  }

  #fail(error: unknown): void {
    load.transfers++;
    if (this.#gathers) this.resume(); // what came before it
    if (this.#transport !== undefined) this.#port.readFailed(error);
    else this.#heir?.reject(error);
  }

  /** What was read goes to whoever takes it, or is held. */
  #take(window: Buffer, bytes: number): Taken {
    const chunk = this.#cut(window, bytes);
    const { held } = this;
    if (held !== undefined) {
      // It was read right behind the held chunk.
      const both = Buffer.from(held.buffer, held.byteOffset, held.length + bytes);
      if (this.#gathers) {
        // If that was all, a small buffer will do next.
        this.#rest = undefined;
        if (bytes === window.length) this.#nextBytes = FIRST_CHUNK_BYTES * 4;
        return this.#offer(both);
      }
      this.held = both;
    } else if (this.#loan !== undefined) {
      this.held = chunk;
    } else {
      return this.#keep(chunk, this.#port.deliver(chunk, true));
    }
    this.#port.arrived(bytes);
    return "hold";
  }

  /** The peer's FIN has come. #running stays true: there is nothing more to read. */
  #ends(): void {
    this.#rest = undefined;
    this.#ended = true;
    if (this.#gathers) this.resume();
    // It was told already, or there is nobody to tell.
    if (!this.#ended || this.#transport === undefined) return;
    if (this.refuses) this.#port.endWaits();
    else this.#end();
  }

  /** Whether more may have come than there was room for in the smallest buffer, or than somebody else had wanted. */
  #mayBeMore(transport: Transport, window: Buffer, bytes: number | null): bytes is number {
    if (window.length !== SMALLEST_BUFFER_BYTES || this.refuses || this.#transport === undefined) return false;
    return bytes === SMALLEST_BUFFER_BYTES || transport.resumed === true;
  }

  /**
   * There may be more of the chunk: gives the window for that. What the system has is read within this turn; a chunk that
   * is whole already waits no longer than that.
   */
  #gather(window: Buffer, bytes: number): Buffer {
    this.#rest = undefined;
    this.#nextBytes = SMALLEST_BUFFER_BYTES * 4;
    this.#gathers = true;
    void turnOver().then(() => this.#gathers && this.resume());
    return this.#holdWithRoom(window.subarray(0, bytes), FIRST_CHUNK_BYTES);
  }

  /** Holds a chunk at the beginning of a buffer of that size; gives what is behind it. */
  #holdWithRoom(chunk: Buffer, bytes: number): Buffer {
    const larger = Buffer.allocUnsafeSlow(bytes);
    larger.set(chunk);
    this.held = larger.subarray(0, chunk.length);
    return larger.subarray(chunk.length);
  }

  /** Offers what is held. */
  #offer(held: Buffer): Taken {
    this.held = undefined;
    if (this.#gathers) {
      this.#gathers = false;
      this.#port.arrived(held.length);
    }
    return this.#keep(held, this.#port.deliver(held, false));
  }

  /** What becomes of a chunk that was offered. */
  #keep(chunk: Buffer, taken: Taken): Taken {
    if (this.#transport === undefined) return taken;
    if (taken === "hold") this.held = chunk;
    else if (taken === "wait") this.#loan = chunk;
    return taken;
  }

  /** Everything before the FIN has been taken. */
  #end(): void {
    this.#ended = false;
    this.#port.peerEnded();
  }

  /** Where the next read goes. */
  #window(): Buffer {
    if (this.#rest !== undefined) {
      const { byteLength } = this.#rest.buffer;
      // With less than half left, a fresh buffer is cheaper than the extra system calls of short reads.
      if (this.#rest.length * 2 < byteLength) this.#adapt(byteLength);
      else if (!this.#lends || this.#lentBytes < byteLength) return this.#rest;
      else {
        this.#shrink(byteLength);
        // As long as its size is right it is as good as a fresh one.
        if (this.#nextBytes === byteLength) return this.#count(this.#rest);
      }
    }
    return this.#rest = this.#count(Buffer.allocUnsafeSlow(this.#nextBytes));
  }

  /** Begins to count what comes into it. */
  #count(buffer: Buffer): Buffer {
    this.#lentBytes = 0;
    this.#largestRead = 0;
    this.#allocatedAt = this.#port.movedAt;
    return buffer;
  }

  /** A buffer is used up: the next one is larger for a busy connection, smaller for one that wants little. */
  #adapt(bytes: number): void {
    if (bytes !== this.#nextBytes) return; // a full read has grown it already
    if (this.#port.movedAt - this.#allocatedAt >= BUSY_MS) this.#shrink(bytes);
    else if (bytes < BUSY_BUFFER_BYTES) this.#nextBytes = bytes * 4;
  }

  /** What has come did not need a buffer of that size. */
  #shrink(bytes: number): void {
    if (bytes === this.#nextBytes && this.#largestRead * 8 < bytes) {
      this.#nextBytes = Math.max(bytes / 4, SMALLEST_BUFFER_BYTES);
    }
  }

  /** The part of the window that was filled. */
  #cut(window: Buffer, bytes: number): Buffer {
    if (bytes > this.#largestRead) this.#largestRead = bytes;
    const full = bytes === window.length;
    if (full && bytes * 2 >= this.#nextBytes && this.#nextBytes < LARGEST_BUFFER_BYTES) {
      this.#nextBytes *= 4;
      this.#rest = undefined; // the chunk below still holds it
    } else if (this.#lends) this.#lentBytes += bytes;
    else this.#rest = window.subarray(bytes);
    return full ? window : window.subarray(0, bytes);
  }
}
