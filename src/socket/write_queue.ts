/**
 * Bytes on their way to the kernel. Small writes are copied and joined in a staging buffer, large ones are kept by
 * reference; one write is in flight at a time and the queue grows behind it.
 */

import type { ByteSink } from "../framing/byte_sink.ts";
import type { Transport } from "../transport/transport.ts";
import { transferredError } from "./endings.ts";
import { scheduleFlush } from "./next_flush.ts";
import { borrowStaging, returnStaging, STAGING_BYTES } from "./staging.ts";

/** Called when one write is done: without an error once the kernel has taken its bytes. */
export type WriteCallback = (error?: Error | null) => void;

/** What the queue tells its connection. */
export interface WriteQueuePort {
  /** A write is about to go out where none was in flight; `at` of the clock, where that was looked at. */
  flushing(at?: number): void;
  /** The kernel took bytes. */
  wrote(): void;
  /** No write is in flight any more: nothing is queued, or it is corked. */
  flushed(): void;
  writeFailed(error: unknown): void;
  /** A user's callback is due. */
  settle(callback: WriteCallback, error: Error | undefined): void;
}

interface Segment {
  readonly bytes: Uint8Array;
  /** The staging buffer to give back, if the bytes stand in one. */
  readonly staging: Uint8Array<ArrayBuffer> | undefined;
}

interface PendingCallback {
  readonly callback: WriteCallback;
  /** Settled once this many bytes in all have been sent. */
  readonly at: number;
}

// Segments are given together up to here.
const TOGETHER_BYTES = 65_536;
const LARGEST_COPIED_BYTES = STAGING_BYTES / 4;

/** The write side of one connection. */
export class WriteQueue implements ByteSink {
  /** Bytes accepted and not yet taken by the kernel. */
  length = 0;
  /** Bytes the kernel took. */
  sentBytes = 0;
  /** Bytes that were given to the kernel, those of the write in flight included: it may have taken them, or not. */
  handedBytes = 0;
  /** Bytes that were thrown away. */
  lostBytes = 0;
  /** Number of `cork()` calls that are not undone; nothing leaves while there are any. */
  corked = 0;
  /** Where a reservation writes; see {@link ByteSink}. */
  at = 0;

  readonly #port: WriteQueuePort;
  #transport: Transport | undefined;
  #writing = false;
  #scheduled = false;
  // The staging buffer that small writes go to, with the bytes in it.
  #tail: Uint8Array<ArrayBuffer> | undefined;
  #tailBytes = 0;
  // Full staging buffers and large writes in front of the tail; made when first needed.
  #segments: Segment[] | undefined;
  #callbacks: PendingCallback[] | undefined;
  // How many of them, from the front, have been settled.
  #settled = 0;
  #reserved: Uint8Array<ArrayBuffer> | undefined;
  // What is being sent, and the staging buffer that it stands in, if it does.
  #piece: Uint8Array | undefined;
  #staging: Uint8Array<ArrayBuffer> | undefined;
  // The same where several pieces are being sent together.
  #together: Segment[] | undefined;
  // How much of it was given to the kernel last, and through what: the queue may be closed meanwhile.
  #to: Transport | undefined;
  #given = 0;
  // The answers to a write.
  #took: ((taken: number) => void) | undefined;
  #failed: ((error: unknown) => void) | undefined;
  // Nothing leaves once this many bytes have been sent.
  #parkAt = Infinity;
  #whenParked: (() => void) | undefined;
  // The last write took a part of its bytes.
  #part = false;
  // The last offer has been made; told when it has been answered.
  #concluded: (() => void) | undefined;

  constructor(port: WriteQueuePort) {
    this.#port = port;
  }

  /** From now on bytes can leave. */
  open(transport: Transport): void {
    this.#transport = transport;
    this.#parkAt = Infinity;
  }

  /** Lets what is queued now leave, corked or not, then calls back and holds the rest until `open()`. */
  park(done: () => void): void {
    this.corked = 0;
    this.#seal();
    if (this.idle) done();
    else this.#whenParked = done;
    this.#parkAt = this.sentBytes + this.length;
    if (this.length > 0) this.flush();
  }

  /** Whether everything accepted has been taken by the kernel. */
  get idle(): boolean {
    return this.length === 0 && !this.#writing && this.#parkAt === Infinity;
  }

  /** Whether bytes from before `park()` are left: they leave, corked or not. */
  get #owesParked(): boolean {
    return this.#parkAt < Infinity && this.sentBytes < this.#parkAt;
  }

  /** Whether the kernel is being given bytes. */
  get inFlight(): boolean {
    return this.#writing;
  }

  /** Whether the kernel has no room, as far as is known. */
  get full(): boolean {
    return this.#transport?.full ?? this.#part;
  }

  /** Those who wait for bytes to be sent. */
  get waiting(): WriteCallback[] {
    return this.#callbacks?.slice(this.#settled).map(({ callback }) => callback) ?? [];
  }

  /** Whether there are any. */
  get hasCallbacks(): boolean {
    return this.#callbacks !== undefined;
  }

  /** What is kept by reference, the write in flight included: it was not copied. */
  get kept(): Uint8Array[] {
    const segments = [...this.#together ?? [], ...this.#segments ?? []];
    const kept = segments.filter(({ staging }) => staging === undefined).map(({ bytes }) => bytes);
    if (this.#piece !== undefined && this.#staging === undefined) kept.unshift(this.#piece);
    return kept;
  }

  /** Whether a write of that size is copied at once, so that the caller may reuse its buffer. */
  copies(bytes: number): boolean {
    return bytes <= LARGEST_COPIED_BYTES;
  }

  /** Queues bytes: small ones are copied now, large ones must be left alone until they are sent. */
  append(bytes: Uint8Array): void {
    const size = bytes.length;
    if (size === 0) return;
    if (this.copies(size)) {
      const buffer = this.reserve(size);
      buffer.set(bytes, this.at);
      this.commit(size);
    } else {
      this.#seal();
      this.#push(bytes, undefined);
    }
  }

  reserve(maxBytes: number): Uint8Array {
    this.#reserved = undefined; // an encoder that threw may have left one
    if (maxBytes > LARGEST_COPIED_BYTES) {
      this.#seal();
      this.at = 0;
      return this.#reserved = new Uint8Array(maxBytes);
    }
    if (this.#tail !== undefined && this.#tailBytes + maxBytes > STAGING_BYTES) this.#seal();
    this.at = this.#tailBytes;
    return this.#tail ??= borrowStaging();
  }

  commit(bytes: number): void {
    if (this.#concluded !== undefined) return; // an encoder has closed the connection
    if (this.#reserved !== undefined) {
      const reserved = this.#reserved;
      this.#reserved = undefined;
      this.#push(bytes === reserved.length ? reserved : reserved.subarray(0, bytes), reserved);
    } else {
      this.#tailBytes += bytes;
      this.length += bytes;
    }
  }

  /** Calls back once everything queued so far has been sent. */
  whenSent(callback: WriteCallback): void {
    (this.#callbacks ??= []).push({ callback, at: this.sentBytes + this.length });
  }

  /** Flushes in a microtask, together with every other queue written to in this turn. */
  schedule(): void {
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    scheduleFlush(this);
  }

  /** For the microtask only. */
  flushScheduled(at: number): void {
    this.#scheduled = false;
    this.flush(at);
  }

  /** Starts sending, unless a write is in flight: that one goes on with whatever is queued by then. */
  flush(at?: number): void {
    if (this.#writing || this.#transport === undefined || this.sentBytes >= this.#parkAt) return;
    if (this.corked > 0 && !this.#owesParked) return;
    if (this.length > 0) {
      this.#writing = true;
      if (this.#concluded === undefined) this.#port.flushing(at);
      this.#send(this.#transport);
    } else if (this.#callbacks !== undefined) {
      this.#settleSent(); // of writes without bytes
    }
  }

  /**
   * The connection ends, and nothing more is taken in. What is queued is offered to the kernel, as far as it has room, and a
   * write in flight is waited for; then `concluded` is called, instead of everything that the port would be told. False if
   * there is nothing to wait for: then it is not called.
   */
  conclude(concluded: () => void): boolean {
    this.#concluded = concluded;
    if (this.length > 0) this.flush();
    return this.#writing;
  }

  /** From now on nothing leaves any more. */
  close(): void {
    this.#transport = undefined;
  }

  /** Throws away what is queued and fails its callbacks, if there are any, with what `error` gives. */
  abort(error: () => Error): void {
    this.lostBytes += this.length;
    const callbacks = this.#callbacks?.slice(this.#settled);
    this.#tail =
      this.#segments =
      this.#callbacks =
      this.#reserved =
        undefined;
    this.#tailBytes = this.length = 0;
    if (callbacks !== undefined) { for (const { callback } of callbacks) this.#port.settle(callback, error()); }
  }

  /** Gives the kernel the next piece, or comes to an end. */
  #send(transport: Transport): void {
    if (this.length === 0 || (this.corked > 0 && !this.#owesParked) || this.sentBytes >= this.#parkAt) {
      return this.#pause();
    }
    if (this.#segments !== undefined && this.#segments.length > 0) {
      const segments = this.#segments;
      if (transport.writeAll !== undefined && this.#giveTogether(transport, segments)) return;
      const { bytes, staging } = segments.shift()!; // not empty, see above
      this.#piece = bytes;
      this.#staging = staging;
    } else {
      this.#staging = this.#tail!; // length > 0 and no segment: the bytes are in the tail
      this.#piece = this.#staging.subarray(0, this.#tailBytes);
      this.#tail = undefined;
      this.#tailBytes = 0;
    }
    this.#give(transport, this.#piece);
  }

  #give(transport: Transport, bytes: Uint8Array): void {
    // Nothing empty is queued: these are gone, and what is behind must not be sent without them.
    const write = bytes.length > 0 ? transport.write(bytes) : Promise.reject(transferredError());
    this.#await(write, transport, bytes.length);
  }

  /** Gives the kernel several segments at a time; false if there are not as many that may leave. */
  #giveTogether(transport: Transport, segments: Segment[]): boolean {
    let count = 0;
    let total = 0;
    for (const { bytes: { length } } of segments) {
      if (length === 0 || total + length > TOGETHER_BYTES || this.sentBytes + total + length > this.#parkAt) break;
      total += length;
      count++;
    }
    if (count < 2) return false;
    this.#together = segments.splice(0, count);
    this.#await(transport.writeAll!(this.#together.map(({ bytes }) => bytes)), transport, total); // the caller has looked
    return true;
  }

  // No async function: it would make a promise and two closures for each write.
  #await(write: Promise<number>, transport: Transport, bytes: number): void {
    this.handedBytes = this.sentBytes + bytes;
    this.#given = bytes;
    this.#to = transport;
    if (this.#took === undefined) this.#hear();
    write.then(this.#took, this.#failed);
  }

  // By way of variables: a function that is assigned to a property as it is written is made among what is old already, and
  // with it all that it refers to outlives the collections of what is young.
  #hear(): void {
    const took = (taken: number) => this.#written(taken);
    const failed = (error: unknown) => this.#fail(error);
    this.#took = took;
    this.#failed = failed;
  }

  /** The kernel took so many bytes of what it was given. */
  #written(taken: number): void {
    const transport = this.#to!; // set by every write
    const left = this.#given - taken;
    this.length -= taken;
    this.sentBytes += taken;
    this.#part = left > 0;
    if (this.#concluded === undefined) this.#port.wrote();
    else if (this.full) return this.#pause();
    if (this.#callbacks !== undefined && this.length > 0) this.#settleSent();
    if (left > 0) {
      const piece = this.#piece!; // it is what was written
      // A piece that was transferred is empty, and cannot be cut.
      return this.#give(transport, piece.length < left ? piece : piece.subarray(piece.length - left));
    }
    if (this.#staging !== undefined) returnStaging(this.#staging);
    if (this.#together !== undefined) this.#returnTogether(this.#together);
    this.#piece = this.#staging = undefined;
    this.#send(transport);
  }

  #fail(error: unknown): void {
    this.#writing = false;
    this.close(); // what is behind must not go where this is missing
    if (this.#concluded !== undefined) this.#concluded();
    else this.#port.writeFailed(error);
  }

  /** No write is in flight any more. */
  #pause(): void {
    this.#writing = false;
    if (this.#concluded !== undefined) return this.#concluded();
    this.#port.flushed();
    if (this.#whenParked !== undefined) {
      const parked = this.#whenParked;
      this.#whenParked = undefined;
      parked();
    }
  }

  #returnTogether(segments: Segment[]): void {
    for (const { staging } of segments) if (staging !== undefined) returnStaging(staging);
    this.#together = undefined;
  }

  /** Settles the callbacks of what has been sent. */
  #settleSent(): void {
    const callbacks = this.#callbacks!; // callers have looked
    const first = this.#settled;
    let due = first;
    while (due < callbacks.length && callbacks[due]!.at <= this.sentBytes) due++;
    if (due === first) return;
    // Taken out first: a callback may write. The list moves up only when half of it is done, so that the work is linear.
    const settling = callbacks.slice(first, due);
    this.#settled = due;
    if (due === callbacks.length) this.#callbacks = undefined, this.#settled = 0;
    else if (due > callbacks.length / 2) this.#callbacks = callbacks.slice(due), this.#settled = 0;
    for (const { callback } of settling) this.#port.settle(callback, undefined);
  }

  /** Settles what is left once all is sent; the connection calls it after `drain`, as Node orders the two. */
  settleAll(): void {
    if (this.#callbacks !== undefined) this.#settleSent();
  }

  #seal(): void {
    if (this.#tail === undefined) return;
    const staging = this.#tail;
    const bytes = staging.subarray(0, this.#tailBytes);
    this.#tail = undefined;
    this.length -= bytes.length;
    this.#tailBytes = 0;
    if (bytes.length > 0) this.#push(bytes, staging);
    else returnStaging(staging);
  }

  #push(bytes: Uint8Array, staging: Uint8Array<ArrayBuffer> | undefined): void {
    if (bytes.length === 0) return;
    (this.#segments ??= []).push({ bytes, staging });
    this.length += bytes.length;
  }
}
