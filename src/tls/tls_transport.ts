/** A secured connection as a transport: reads, writes and the two ends of it, over a TLS socket and its carrier. */

import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { CarrierOwner, TlsCarrier } from "./tls_carrier.ts";
import { RecordLayer, type RecordReceiver } from "./record_layer.ts";
import type { ProxyInfo } from "../transport/proxy_info.ts";
import type { Transport, TransportSecurity } from "../transport/transport.ts";

/** Plaintext that waits for a read; with this much of it nothing more is read below. */
const HIGH_WATER_BYTES = 65_536;
/** The same with so many pieces of it, however small: each costs hundreds of bytes more than is in it. */
const HIGH_WATER_CHUNKS = 256;
/** Most that one write takes: a large one shows its progress that way. */
const MAX_WRITE_BYTES = 65_536;
/** A smaller chunk is taken together with those behind it, up to the second of these. */
const SMALL_CHUNK_BYTES = 4_096;
const TOGETHER_BYTES = 16_384;
/** Larger records are freed as soon as they are sent: as garbage they would make the runtime collect all the time. */
const LARGE_RECORDS_BYTES = 4_096;

/** What waits for plaintext: to fill that buffer, or to get a chunk. */
interface Read {
  readonly buffer: Uint8Array | undefined;
  resolve(taken: number | Buffer | null): void;
  reject(error: unknown): void;
}

interface Write {
  readonly bytes: number;
  /** Ours to free once they are sent. */
  readonly records: Uint8Array<ArrayBuffer> | undefined;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: unknown) => void;
}

/** What the engine tells of the connection; whether it was cut off is found out here. */
type Security = TransportSecurity & { truncated: boolean };

const nothing = () => {};
const closedError = () => new Deno.errors.BadResource("The connection is closed");
const canceledError = () => Object.assign(new Deno.errors.Interrupted("operation canceled"), { code: "EINTR" });
const pipeError = () => Object.assign(new Deno.errors.BrokenPipe("Broken pipe"), { code: "EPIPE" });

/**
 * See the module's comment. The TLS socket always flows, because it loses the end of a peer while it is paused; what comes
 * is kept here, and the carrier reads no more while there is much of it.
 */
export class TlsTransport implements Transport, CarrierOwner, RecordReceiver {
  readonly security: Security;
  readonly #carrier: TlsCarrier;
  readonly #stream: Duplex;
  readonly #layer: RecordLayer | undefined;
  #chunks: Buffer[] = [];
  // Where the first of them begins: what is before was read.
  #at = 0;
  #queued = 0;
  #read: Read | undefined;
  readonly #writes: Write[] = [];
  #ended = false;
  // The failure, until a read or a write has told of it.
  #failure: { readonly error: unknown } | undefined;
  #failed = false;
  #closed = false;
  #finishing: Promise<void> | undefined;

  /** Takes over the carrier and the TLS socket on it. */
  constructor(stream: Duplex, carrier: TlsCarrier, security: Security) {
    this.#stream = stream;
    this.#carrier = carrier;
    this.security = security;
    // Nearly nothing but the ends is left to the streams.
    const layer = this.#layer = RecordLayer.of(stream, this);
    carrier.secured(this, layer && ((records) => this.#open(layer, records)));
    if (layer === undefined) stream.on("data", (chunk: Buffer) => this.arrived(chunk));
    else stream.resume(); // for its end
    stream.on("end", () => this.#end());
    stream.on("error", (error) => this.#fail(error));
  }

  /** For the record layer, or the TLS socket: plaintext has come. */
  arrived(chunk: Buffer): void {
    if (this.#closed) return;
    this.#chunks.push(chunk);
    this.#queued += chunk.length;
    const read = this.#read;
    if (read !== undefined && this.#queued > 0) {
      this.#read = undefined;
      read.resolve(this.#answer(read.buffer));
    }
    if (this.#isFull) this.#carrier.held = true;
  }

  get #isFull(): boolean {
    return this.#queued >= HIGH_WATER_BYTES || this.#chunks.length >= HIGH_WATER_CHUNKS;
  }

  /** For the carrier: the transport failed. What was being written when it was closed hears of it now. */
  failed(error: unknown): void {
    if (this.#closed) this.#cancelWrites();
    else this.#fail(error);
  }

  /** For the carrier: the FIN has come. An end that the TLS socket has told before was the peer's own. */
  ended(): void {
    this.security.truncated = !this.#ended;
  }

  get localAddr(): Deno.Addr {
    return this.#carrier.transport.localAddr;
  }

  get remoteAddr(): Deno.Addr {
    return this.#carrier.transport.remoteAddr;
  }

  get full(): boolean {
    return this.#carrier.full;
  }

  get proxy(): ProxyInfo | undefined {
    return this.#carrier.transport.proxy;
  }

  ref(): void {
    this.#carrier.transport.ref?.();
  }

  unref(): void {
    this.#carrier.transport.unref?.();
  }

  setNoDelay(on: boolean): void {
    this.#carrier.transport.setNoDelay?.(on);
  }

  setKeepAlive(on: boolean): void {
    this.#carrier.transport.setKeepAlive?.(on);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return buffer.length === 0 ? Promise.resolve(0) : this.#ask(buffer);
  }

  take(): Promise<Buffer | null> {
    return this.#ask();
  }

  #ask(buffer: Uint8Array): Promise<number | null>;
  #ask(): Promise<Buffer | null>;
  #ask(buffer?: Uint8Array): Promise<number | Buffer | null> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#read !== undefined) return Promise.reject(new Deno.errors.Busy("A read is pending already"));
    if (this.#queued > 0) return Promise.resolve(this.#answer(buffer));
    const failure = this.#takeFailure();
    if (failure !== undefined) return Promise.reject(failure.error);
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#read = { buffer, resolve, reject };
    });
  }

  #answer(buffer: Uint8Array | undefined): number | Buffer {
    return buffer === undefined ? this.#takeFirst() : this.#fill(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.writeAll([bytes.length > MAX_WRITE_BYTES ? bytes.subarray(0, MAX_WRITE_BYTES) : bytes]);
  }

  writeAll(pieces: readonly Uint8Array[]): Promise<number> {
    if (this.#closed) return Promise.reject(closedError());
    const failure = this.#takeFailure();
    if (failure !== undefined) return Promise.reject(failure.error);
    if (this.#failed || this.#finishing !== undefined) return Promise.reject(pipeError());
    let bytes = 0;
    for (const { length } of pieces) bytes += length;
    if (bytes === 0) return Promise.resolve(0);
    const records = this.#layer?.seal(pieces, bytes);
    if (this.#layer !== undefined && records === undefined) return Promise.reject(pipeError());
    return new Promise((resolve, reject) => {
      this.#writes.push({ bytes, records, resolve, reject });
      if (records === undefined) this.#stream.write(Buffer.concat(pieces), this.#wrote);
      else this.#carrier.write(records, this.#wrote);
    });
  }

  /** Sends close_notify, then FIN. */
  closeWrite(): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#finishing ??= this.#finish();
  }

  /** Without a close_notify, unless `closeWrite()` has sent one: the peer must not take it for an orderly end. */
  close(): void {
    if (this.#closed) throw closedError();
    this.#closed = true;
    const read = this.#read;
    this.#read = undefined;
    this.#chunks = [];
    this.#stream.destroy();
    this.#carrier.close();
    this.#carrier.transport.close();
    read?.reject(canceledError());
    // Where the records have gone down at once, the carrier tells whether the kernel has taken them all the same.
    if (this.#layer === undefined) this.#cancelWrites();
  }

  #cancelWrites(): void {
    for (const write of this.#writes.splice(0)) write.reject(canceledError());
  }

  async #finish(): Promise<void> {
    // The callback comes with an error where the TLS socket is gone: then there is just the FIN left to send.
    await new Promise<void>((resolve) => this.#stream.end(() => resolve()));
    // The close_notify is on its way to the carrier now, a microtask behind at most.
    await Promise.resolve();
    await this.#carrier.flushed();
    if (!this.#closed) await this.#carrier.transport.closeWrite();
  }

  readonly #wrote = (error?: Error | null) => {
    const write = this.#writes.shift();
    if (write === undefined) return;
    if (write.records !== undefined && write.records.length >= LARGE_RECORDS_BYTES) write.records.buffer.transfer(0);
    if (!error) return write.resolve(write.bytes);
    write.reject(this.#takeFailure()?.error ?? error);
  };

  #open(layer: RecordLayer, records: Uint8Array): void {
    const answer = layer.open(records);
    if (answer !== undefined) this.#carrier.write(answer, nothing);
  }

  #takeFirst(): Buffer {
    const first = this.#chunks[0]!; // callers have looked
    const at = this.#at;
    const left = first.length - at;
    if (left < SMALL_CHUNK_BYTES && left < this.#queued) {
      const several = Buffer.allocUnsafeSlow(Math.min(this.#queued, TOGETHER_BYTES));
      this.#fill(several);
      return several;
    }
    this.#chunks.shift();
    this.#at = 0;
    this.#took(left);
    return at === 0 ? first : first.subarray(at);
  }

  #fill(buffer: Uint8Array): number {
    let filled = 0;
    for (let chunk; filled < buffer.length && (chunk = this.#chunks[0]) !== undefined;) {
      const part = chunk.subarray(this.#at, this.#at + buffer.length - filled);
      buffer.set(part, filled);
      filled += part.length;
      this.#at += part.length;
      if (this.#at < chunk.length) break;
      this.#chunks.shift();
      this.#at = 0;
    }
    this.#took(filled);
    return filled;
  }

  #took(bytes: number): void {
    this.#queued -= bytes;
    if (this.#carrier.held && !this.#isFull) this.#carrier.release();
  }

  #end(): void {
    if (this.#failed || this.#closed) return;
    this.#ended = true;
    this.#read?.resolve(null);
    this.#read = undefined;
  }

  #fail(error: unknown): void {
    if (this.#failed || this.#closed) return;
    this.#failed = this.#ended = true;
    this.#failure = { error };
    const [read, writes] = [this.#read, this.#writes.splice(0)];
    this.#read = undefined;
    if (read !== undefined) read.reject(this.#takeFailure()?.error);
    for (const write of writes) write.reject(this.#takeFailure()?.error ?? pipeError());
    this.#stream.destroy();
  }

  /** Once, as the runtime does it: then reads give null and writes EPIPE. */
  #takeFailure(): { readonly error: unknown } | undefined {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }
}
