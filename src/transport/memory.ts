/**
 * A connection without a network: two linked {@link Transport}s in memory that behave as two `Deno.Conn`s over loopback
 * do, with chunks as small, links as slow and faults as nasty as a test wants them.
 *
 * What a `Deno.Conn` does and people forget, this does too: a write takes a part of its bytes, and takes it later, so that
 * a buffer changed meanwhile sends the change; a write that nobody awaited before `close()` is lost; a reset is told
 * once, then reads give null and writes `EPIPE`. It is stricter in one thing: a second read while one is pending is
 * `Busy`, where Deno makes it wait.
 *
 * @module
 */

import { checkBound, checkInteger, checkKeys, checkMs } from "../base/check.ts";
import { now, startTimer, stopTimer, type Timer } from "../base/clock.ts";
import type { Transport } from "./transport.ts";

/** How a {@link memoryPair} carries bytes, each direction by itself. */
export interface MemoryPairOptions {
  /** Most bytes that one read gives; no bound where left out. */
  maxReadBytes?: number;
  /** Most bytes that one write takes; no bound where left out. */
  maxWriteBytes?: number;
  /** Bytes that may be on their way or unread, 65,536 where left out; then writes wait until the peer has read some. */
  capacityBytes?: number;
  /** Milliseconds from a write to its arrival, 0 where left out; with 0 no timer is used. */
  latencyMs?: number;
}

/** One end of a {@link memoryPair}: a transport, and ways to break it. */
export interface MemoryTransport extends Transport {
  /** Bytes this end has sent that the peer has not read. */
  readonly unreadBytes: number;
  /**
   * Closes this end with a reset: what was sent before arrives, then the peer's next read or write rejects with
   * `ECONNRESET`, a pending one at once. A peer that closed before does not notice.
   */
  reset(): void;
  /**
   * Cuts the cable: from now on nothing arrives and nothing is acknowledged, in either direction. Both ends stay open;
   * writes are taken until `capacityBytes` are on their way, then they wait.
   */
  blackHole(): void;
  /** The network breaks the connection off at this end: a pending or the next read or write rejects with `ECONNRESET`. */
  breakOff(): void;
  /** Called once this end has been closed. */
  whenClosed: (() => void) | undefined;
  /** Lets this end's writes take that many bytes more; then one rejects with `error` and later ones with `EPIPE`. */
  failWrites(error: Error, afterBytes?: number): void;
}

/** Gives two ends of one connection: what is written to one is read from the other. Close both. */
export function memoryPair(options: MemoryPairOptions = {}): [MemoryTransport, MemoryTransport] {
  checkKeys("options", options, ["maxReadBytes", "maxWriteBytes", "capacityBytes", "latencyMs"]);
  const maxReadBytes = checkBound("maxReadBytes", options.maxReadBytes, Infinity, 1);
  const maxWriteBytes = checkBound("maxWriteBytes", options.maxWriteBytes, Infinity, 1);
  const latencyMs = checkMs("latencyMs", options.latencyMs, 0);
  const link: Link = {
    readBytes: () => maxReadBytes,
    writeBytes: () => maxWriteBytes,
    capacityBytes: checkBound("capacityBytes", options.capacityBytes, 65_536, 1),
    delayMs: () => latencyMs,
    gapMs: 0,
    stalledUntil: 0,
    cut: false,
  };
  const address = (port: number): Deno.NetAddr => ({ transport: "tcp", hostname: "127.0.0.1", port });
  return linkedPair(link, address(50_001), address(50_002));
}

/** What both ends share: how the bytes of either travel. It may change under way. */
export interface Link {
  /** Most bytes that the next read gives. */
  readBytes(): number;
  /** Most bytes that the next write takes, and that travel in one piece. */
  writeBytes(): number;
  /** Bytes that may be on their way or unread; then writes wait. */
  readonly capacityBytes: number;
  /** How long the next piece travels; none arrives before one that left earlier. */
  delayMs(): number;
  /** The least time between two arrivals. */
  gapMs: number;
  /** Until then, by `now()`, nothing arrives. */
  stalledUntil: number;
  /** Nothing arrives any more. */
  cut: boolean;
}

/** As {@link memoryPair}, over a link that somebody else steers, between these two addresses. */
export function linkedPair(link: Link, one: Deno.NetAddr, other: Deno.NetAddr): [MemoryTransport, MemoryTransport] {
  const ends: [MemoryEnd, MemoryEnd] = [new MemoryEnd(link, one, other), new MemoryEnd(link, other, one)];
  ends[0].peer = ends[1];
  ends[1].peer = ends[0];
  return ends;
}

/** Something that happens at the peer when it has got there. */
interface Arrival {
  readonly at: number;
  readonly arrive: () => void;
}

interface Call<T> {
  readonly bytes: Uint8Array;
  readonly resolve: (result: T) => void;
  readonly reject: (error: Error) => void;
}

const withCode = (error: Error, code: string) => Object.assign(error, { code });
const closedError = () => new Deno.errors.BadResource("Bad resource ID");
const canceledError = () => withCode(new Deno.errors.Interrupted("operation canceled"), "EINTR");
const resetError = () => withCode(new Deno.errors.ConnectionReset("Connection reset by peer"), "ECONNRESET");
const pipeError = () => withCode(new Deno.errors.BrokenPipe("Broken pipe"), "EPIPE");

class MemoryEnd implements MemoryTransport {
  readonly localAddr: Deno.NetAddr;
  readonly remoteAddr: Deno.NetAddr;
  peer: MemoryEnd = this; // until `memoryPair` links the two
  unreadBytes = 0;
  whenClosed: (() => void) | undefined;
  readonly #link: Link;
  #closed = false;
  // Writes fail with EPIPE: our FIN is out, or the peer is gone.
  #broken = false;
  // The peer's FIN or reset lies behind the inbox; its reset has not been told yet.
  #ended = false;
  #reset = false;
  #inbox: Uint8Array[] = [];
  #read: Call<number | null> | undefined;
  #writes: Call<number>[] = [];
  #fault: { readonly error: Error; afterBytes: number } | undefined;
  // What this end has sent and has not arrived, in its order, and the timer of the first.
  #travelling: Arrival[] = [];
  #timer: Timer;
  #lastAt = 0;

  constructor(link: Link, localAddr: Deno.NetAddr, remoteAddr: Deno.NetAddr) {
    this.#link = link;
    this.localAddr = localAddr;
    this.remoteAddr = remoteAddr;
  }

  get full(): boolean {
    return this.unreadBytes >= this.#link.capacityBytes;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#read !== undefined) return Promise.reject(new Deno.errors.Busy("A read is pending already"));
    if (buffer.length === 0) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      this.#read = { bytes: buffer, resolve, reject };
      this.#settleRead();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#writes.push({ bytes, resolve, reject });
      queueMicrotask(() => this.#settleWrites());
    });
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    this.#send(() => this.peer.#end());
    this.#break();
    return Promise.resolve();
  }

  close(): void {
    this.#free();
    this.#send(() => this.peer.#end());
    // Whoever leaves bytes unread lets the peer know that they were in vain.
    if (this.#inbox.length > 0) this.#send(() => this.peer.#break());
  }

  reset(): void {
    this.#free();
    this.#send(() => this.peer.#break(true));
  }

  blackHole(): void {
    this.#link.cut = true;
    this.#forgetTravelling();
  }

  breakOff(): void {
    this.#forgetTravelling();
    if (this.#closed) return;
    this.#inbox = [];
    this.#break(true);
  }

  failWrites(error: Error, afterBytes = 0): void {
    this.#fault = { error, afterBytes: checkInteger("afterBytes", afterBytes, 0, 0, Number.MAX_SAFE_INTEGER) };
  }

  #free(): void {
    if (this.#closed) throw closedError();
    this.#closed = true;
    for (const write of this.#writes.splice(0)) write.reject(canceledError());
    this.#read?.reject(canceledError());
    this.#read = undefined;
    if (this.peer.#closed) this.#forgetTravelling();
    this.whenClosed?.();
  }

  /** Lets something happen at the peer once it has got there. */
  #send(arrive: () => void): void {
    const { cut, stalledUntil, gapMs } = this.#link;
    if (cut || (this.#closed && this.peer.#closed)) return;
    const delayMs = this.#link.delayMs();
    if (delayMs === 0 && stalledUntil === 0 && gapMs === 0 && this.#travelling.length === 0) return arrive();
    this.#lastAt = Math.max(now() + delayMs, this.#lastAt + gapMs);
    this.#travelling.push({ at: this.#lastAt, arrive });
    if (this.#timer === undefined) this.#awaitFirst();
  }

  #awaitFirst(): void {
    const [first] = this.#travelling;
    if (first === undefined) return;
    const at = Math.max(first.at, this.#link.stalledUntil);
    this.#timer = startTimer(() => this.#deliver(), Math.max(0, at - now()));
  }

  /** What is due arrives; the link may have been stalled since the timer was set. */
  #deliver(): void {
    this.#timer = undefined;
    while (now() >= this.#link.stalledUntil) {
      const [first] = this.#travelling;
      if (first === undefined || first.at > now()) break;
      this.#travelling.shift();
      first.arrive();
    }
    if (this.#timer === undefined) this.#awaitFirst();
  }

  #forgetTravelling(): void {
    for (const end of [this, this.peer]) {
      stopTimer(end.#timer);
      end.#timer = undefined;
      end.#travelling = [];
    }
  }

  #arrive(bytes: Uint8Array): void {
    // Where nobody is, the system answers with a reset: the peer's next write fails.
    if (this.#closed) return this.#send(() => this.peer.#break());
    this.#inbox.push(bytes);
    this.#settleRead();
  }

  #end(): void {
    this.#ended = true;
    this.#settleRead();
  }

  #break(reset = false): void {
    this.#broken = true;
    if (reset) this.#reset = true, this.#end();
    this.#settleWrites();
  }

  #settleRead(): void {
    const read = this.#read;
    if (read === undefined || (this.#inbox.length === 0 && !this.#ended)) return;
    this.#read = undefined;
    if (this.#inbox.length > 0) read.resolve(this.#fill(read.bytes));
    else if (this.#takeReset()) read.reject(resetError());
    else read.resolve(null);
  }

  #fill(buffer: Uint8Array): number {
    const room = Math.min(buffer.length, this.#link.readBytes());
    let filled = 0;
    for (let next; filled < room && (next = this.#inbox.shift()) !== undefined;) {
      const part = next.subarray(0, room - filled);
      buffer.set(part, filled);
      filled += part.length;
      if (part.length < next.length) this.#inbox.unshift(next.subarray(part.length));
    }
    this.#send(() => {
      this.peer.unreadBytes -= filled;
      this.peer.#settleWrites();
    });
    return filled;
  }

  #settleWrites(): void {
    for (let write; (write = this.#writes[0]) !== undefined;) {
      const room = Math.min(this.#link.writeBytes(), this.#link.capacityBytes - this.unreadBytes);
      const failure = this.#writeFailure();
      if (failure === undefined && room <= 0 && write.bytes.length > 0) return; // until the peer reads
      this.#writes.shift();
      if (failure !== undefined) write.reject(failure);
      else write.resolve(this.#carry(write.bytes.subarray(0, Math.min(room, this.#fault?.afterBytes ?? Infinity))));
    }
  }

  #writeFailure(): Error | undefined {
    if (this.#takeReset()) return resetError();
    if (this.#broken) return pipeError();
    this.#broken = this.#fault?.afterBytes === 0;
    return this.#broken ? this.#fault?.error : undefined;
  }

  /** Whether a reset is to be told now: the system tells it once. */
  #takeReset(): boolean {
    const untold = this.#reset;
    this.#reset = false;
    return untold;
  }

  #carry(bytes: Uint8Array): number {
    const copy = new Uint8Array(bytes);
    this.unreadBytes += copy.length;
    if (this.#fault !== undefined) this.#fault.afterBytes -= copy.length;
    if (copy.length > 0) this.#send(() => this.peer.#arrive(copy));
    return copy.length;
  }
}
