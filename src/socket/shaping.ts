/** A connection whose bytes come and go at a limited rate: reads and writes are cut to the tokens at hand. */

import { now, startTimer, stopTimer, type Timer } from "../base/clock.ts";
import { TokenBucket } from "../limits/token_bucket.ts";
import type { ProxyInfo } from "../transport/proxy_info.ts";
import type { Transport, TransportSecurity } from "../transport/transport.ts";

// Waiting for less than a twentieth of a second's tokens would be a timer per packet.
const LEAST_SHARE = 20;

/** Who is told that it is us for whom the peer waits. */
export interface ShapingPort {
  /** Nothing is read, or written, until there are tokens. */
  tokensWanted(side: "read" | "write"): void;
  /** It goes on. */
  tokensCame(side: "read" | "write"): void;
}

/** The tokens of one direction. */
class Meter {
  readonly #bucket: TokenBucket;
  readonly #least: number;
  readonly #port: ShapingPort;
  readonly #side: "read" | "write";
  #timer: Timer;
  #wake: (() => void) | undefined;

  constructor(bytesPerSecond: number, side: "read" | "write", port: ShapingPort) {
    this.#bucket = new TokenBucket(bytesPerSecond, now());
    this.#least = Math.max(1, Math.floor(bytesPerSecond / LEAST_SHARE));
    this.#side = side;
    this.#port = port;
  }

  /** As many of `bytes` as there are tokens for; waits for some if there are too few. */
  async grant(bytes: number): Promise<number> {
    for (;;) {
      const at = now();
      const least = Math.min(bytes, this.#least);
      const available = this.#bucket.available(at);
      if (available >= least) return Math.min(bytes, available);
      this.#port.tokensWanted(this.#side);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        // It keeps the process alive: no read may be under way that would.
        this.#timer = startTimer(resolve, Math.max(1, Math.ceil(this.#bucket.waitMs(least, at))));
      });
      this.#port.tokensCame(this.#side);
    }
  }

  spend(bytes: number): void {
    this.#bucket.take(bytes);
  }

  /** Whoever waits goes on. */
  stop(): void {
    stopTimer(this.#timer);
    this.#wake?.();
  }
}

/** The limits of one connection. */
export interface ShapingRates {
  readonly readBytesPerSecond: number;
  readonly writeBytesPerSecond: number;
}

/** The same transport within these limits; itself where there are none. */
export function shape(transport: Transport, rates: ShapingRates, port: ShapingPort): Transport {
  const { readBytesPerSecond, writeBytesPerSecond } = rates;
  if (readBytesPerSecond === Infinity && writeBytesPerSecond === Infinity) return transport;
  return new ShapedTransport(transport, rates, port);
}

/** The transport below a limit that was laid over it. */
export function unshaped(transport: Transport): Transport {
  return transport instanceof ShapedTransport ? transport.below : transport;
}

/** See the module's comment. */
class ShapedTransport implements Transport {
  readonly below: Transport;
  readonly #reads: Meter | undefined;
  readonly #writes: Meter | undefined;
  #closed = false;

  constructor(below: Transport, { readBytesPerSecond, writeBytesPerSecond }: ShapingRates, port: ShapingPort) {
    this.below = below;
    if (readBytesPerSecond < Infinity) this.#reads = new Meter(readBytesPerSecond, "read", port);
    if (writeBytesPerSecond < Infinity) this.#writes = new Meter(writeBytesPerSecond, "write", port);
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const meter = this.#reads;
    if (meter === undefined) return await this.below.read(buffer);
    const granted = await meter.grant(buffer.length);
    if (this.#closed) throw new Deno.errors.Interrupted("The connection is closed");
    const bytes = await this.below.read(granted < buffer.length ? buffer.subarray(0, granted) : buffer);
    if (bytes !== null) meter.spend(bytes);
    return bytes;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const meter = this.#writes;
    if (meter === undefined) return await this.below.write(bytes);
    const granted = await meter.grant(bytes.length);
    if (this.#closed) throw new Deno.errors.Interrupted("The connection is closed");
    const taken = await this.below.write(granted < bytes.length ? bytes.subarray(0, granted) : bytes);
    meter.spend(taken);
    return taken;
  }

  closeWrite(): Promise<void> {
    return this.below.closeWrite();
  }

  close(): void {
    this.#closed = true;
    this.#reads?.stop();
    this.#writes?.stop();
    this.below.close();
  }

  get localAddr(): Deno.Addr {
    return this.below.localAddr;
  }

  get remoteAddr(): Deno.Addr {
    return this.below.remoteAddr;
  }

  get security(): TransportSecurity | undefined {
    return this.below.security;
  }

  get proxy(): ProxyInfo | undefined {
    return this.below.proxy;
  }

  get full(): boolean | undefined {
    return this.below.full;
  }

  ref(): void {
    this.below.ref?.();
  }

  unref(): void {
    this.below.unref?.();
  }

  setNoDelay(on: boolean): void {
    this.below.setNoDelay?.(on);
  }

  setKeepAlive(on: boolean): void {
    this.below.setKeepAlive?.(on);
  }
}
