/**
 * What lies below a TLS socket of `node:tls`: a transport, dressed up as the stream that it asks for. It is no
 * `node:stream`, because the bookkeeping of one costs more than the encryption of a small message; it has what the TLS
 * socket uses of one.
 *
 * It knows what the TLS socket does not tell: a reset, and a FIN without close_notify, which both look like an orderly
 * end from above. The descriptor belongs to whoever made the carrier; nothing here closes it.
 */

import { breathe, stopBreathing } from "../base/breathing.ts";
import { now } from "../base/clock.ts";
import { TcpError } from "../base/errors.ts";
import { load } from "../base/read_proof.ts";
import type { Transport } from "../transport/transport.ts";

/** Whoever secures or has secured the connection. */
export interface CarrierOwner {
  /** The transport failed. */
  failed(error: unknown): void;
  /** The peer's FIN. */
  ended(): void;
}

// The buffer grows while reads fill it and shrinks when they do not, so that an idle connection holds little.
const SMALLEST_BUFFER_BYTES = 256;
const HANDSHAKE_BUFFER_BYTES = 4_096;
const LARGEST_BUFFER_BYTES = 65_536;
const SMALL_READS = 16;
// The TLS socket keeps what comes while `sni` is being answered, so a handshake has a bound: certificates fit many times.
const MAX_HANDSHAKE_BYTES = 262_144;

const EMPTY = new Uint8Array(0);

type Listener = (bytes?: Uint8Array) => void;
type Sent = (error?: Error | null) => void;

function tooLargeError(): TcpError {
  return new TcpError(`The peer sent more than ${MAX_HANDSHAKE_BYTES} bytes before the handshake was done`, {
    code: "ERR_TLS_HANDSHAKE_TOO_LARGE",
  });
}

interface Write {
  readonly bytes: Uint8Array;
  readonly sent: Sent;
}

/** See the module's comment. */
export class TlsCarrier {
  // What the TLS socket looks at.
  readonly readable = true;
  readonly writable = true;
  readonly readableLength = 0;
  readonly readableObjectMode = false;
  readonly allowHalfOpen = true;

  readonly transport: Transport;
  owner: CarrierOwner;
  /** The peer's FIN has come. */
  finCame = false;
  /** No more is read while this is set; see `release`. */
  held = false;
  #data: ((bytes: Uint8Array) => void) | undefined;
  #end: Listener | undefined;
  #close: Listener | undefined;
  #reading = false;
  #closed = false;
  // Among the handshakes that are under way.
  #counted = true;
  #buffer: Uint8Array | undefined;
  #bufferBytes = HANDSHAKE_BUFFER_BYTES;
  #smallReads = 0;
  // How much may still come before the handshake is done.
  #budget = MAX_HANDSHAKE_BYTES;
  /** There was no room below for all of the last write. */
  full = false;
  // The write in flight, and those that wait for it: one at most, but for an alert.
  #writing: Write | undefined;
  #waiting: Write[] | undefined;
  #flushed: PromiseWithResolvers<void> | undefined;

  constructor(transport: Transport, owner: CarrierOwner) {
    this.transport = transport;
    this.owner = owner;
    load.handshakes++;
  }

  /** Begins to read, or goes on after `held`. */
  release(): void {
    this.held = false;
    if (!this.#reading && !this.#closed && !this.finCame) void this.#read();
  }

  /** The handshake is done: the bytes go to another owner, or to `take`, and a silent connection should hold little. */
  secured(owner: CarrierOwner, take?: (bytes: Uint8Array) => void): void {
    this.owner = owner;
    if (take !== undefined) this.#data = take;
    this.#budget = Infinity;
    this.#handshakeOver();
    this.#resize(SMALLEST_BUFFER_BYTES);
  }

  /** Lets the TLS socket send what it has to send. */
  poke(): void {
    this.#data?.(EMPTY);
  }

  /** Resolves when everything written has been handed to the kernel, or has failed. */
  flushed(): Promise<void> {
    if (this.#writing === undefined) return Promise.resolve();
    this.#flushed ??= Promise.withResolvers();
    return this.#flushed.promise;
  }

  /** Tells the TLS socket that there is nothing below it any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handshakeOver();
    this.#close?.();
    this.#data = this.#end = this.#close = undefined;
  }

  #handshakeOver(): void {
    if (this.#counted) load.handshakes--;
    this.#counted = false;
    if (load.handshakes === 0 && load.sockets === 0) stopBreathing(); // nobody is left to be held up
  }

  #breathe(readAt: number): Promise<void> | undefined {
    const at = now();
    return breathe(at, at - readAt);
  }

  // Never rejects: what fails goes to the owner.
  async #read(): Promise<void> {
    this.#reading = true;
    try {
      while (!this.held) {
        const buffer = this.#buffer ??= new Uint8Array(this.#bufferBytes);
        const bytes = await this.transport.read(buffer);
        if (this.#closed) return;
        if (bytes === null) {
          this.finCame = true;
          this.#buffer = undefined;
          // A close_notify right before it has been taken, but is told by the TLS socket two ticks later only.
          process.nextTick(() => process.nextTick(() => this.#ended()));
          return;
        }
        load.transfers++;
        this.#budget -= bytes;
        if (this.#budget < 0) return this.owner.failed(tooLargeError());
        const handshakes = this.#budget < Infinity;
        const readAt = handshakes ? now() : 0;
        // The TLS socket copies them before it comes back, so one buffer serves for all.
        this.#data?.(bytes === buffer.length ? buffer : buffer.subarray(0, bytes));
        if (this.#closed) return; // what came has failed the handshake
        this.#adapt(bytes);
        // Once it is secured those who read it see to that.
        if (this.#budget < Infinity) await this.#breathe(readAt);
        if (load.gate !== undefined) await load.gate;
        if (this.#closed) return;
      }
    } catch (error) {
      if (!this.#closed) this.owner.failed(error);
    } finally {
      this.#reading = false;
    }
  }

  #ended(): void {
    if (this.#closed) return;
    this.owner.ended();
    this.#end?.();
  }

  #adapt(bytes: number): void {
    const size = this.#buffer?.length;
    if (size === undefined) return; // the handshake is just done
    if (bytes === size) {
      this.#smallReads = 0;
      if (size < LARGEST_BUFFER_BYTES) this.#resize(size * 4);
    } else if (bytes * 8 >= size || size === SMALLEST_BUFFER_BYTES) this.#smallReads = 0;
    else if (++this.#smallReads === SMALL_READS) this.#resize(size / 4);
  }

  #resize(bytes: number): void {
    this.#bufferBytes = bytes;
    this.#buffer = undefined;
    this.#smallReads = 0;
  }

  // ---- what the TLS socket calls ----

  on(event: string, listener: Listener): this {
    if (event === "data") this.#data = listener;
    else if (event === "end") this.#end = listener;
    else if (event === "close") this.#close = listener;
    return this;
  }

  once(event: string, listener: Listener): this {
    return this.on(event, listener);
  }

  removeListener(): this {
    return this;
  }

  /** The flow is not the TLS socket's to decide: while it is stopped, it would miss the end. */
  pause(): void {}
  resume(): void {}
  cork(): void {}
  uncork(): void {}

  write(bytes: Uint8Array, sent: Sent): boolean {
    if (this.#writing === undefined) this.#send({ bytes, sent });
    else (this.#waiting ??= []).push({ bytes, sent });
    return true;
  }

  #send(write: Write): void {
    this.#writing = write;
    this.transport.write(write.bytes).then(this.#wrote, this.#notWritten);
  }

  // Made once: a promise's callbacks for each write would be two closures more.
  readonly #wrote = (taken: number) => {
    const { bytes, sent } = this.#writing!; // it is what was written
    this.full = this.transport.full ?? taken < bytes.length;
    if (taken < bytes.length) return this.#send({ bytes: bytes.subarray(taken), sent });
    const next = this.#waiting?.shift();
    if (next === undefined) this.#writing = undefined;
    else this.#send(next);
    sent();
    this.#settle();
  };

  readonly #notWritten = (error: unknown) => {
    this.#writing = this.#waiting = undefined;
    // Behind a handshake the owner's writes are told, closed or not.
    if (!this.#closed || this.#budget === Infinity) this.owner.failed(error);
    this.#settle();
  };

  #settle(): void {
    if (this.#writing !== undefined) return;
    this.#flushed?.resolve();
    this.#flushed = undefined;
  }

  /** The TLS socket is done; what it has written last, an alert perhaps, still goes out. */
  end(done?: () => void): void {
    done?.();
  }

  /** Likewise: closing the descriptor is the owner's. */
  destroy(): void {
    this.close();
  }
}
