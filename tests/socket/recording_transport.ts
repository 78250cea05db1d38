/** One end of a memory pair that writes down how it is used. */

import { memoryPair, type MemoryPairOptions, type MemoryTransport } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { concat } from "../framing/decode.ts";

/** See the module's comment. */
export class RecordingTransport implements Transport {
  /** What each `write` was called with: a copy, and the buffer it stood in. */
  readonly writes: { bytes: Uint8Array; buffer: ArrayBufferLike }[] = [];
  /** The windows that were read into. */
  readonly windows: Uint8Array[] = [];
  /** Most writes that were under way at once. */
  mostWrites = 0;
  readonly localAddr: Deno.Addr;
  readonly remoteAddr: Deno.Addr;
  readonly #inner: MemoryTransport;
  #writing = 0;

  constructor(inner: MemoryTransport) {
    this.#inner = inner;
    this.localAddr = inner.localAddr;
    this.remoteAddr = inner.remoteAddr;
  }

  get full(): boolean | undefined {
    return this.#inner.full;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    this.windows.push(buffer);
    return this.#inner.read(buffer);
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.writes.push({ bytes: new Uint8Array(bytes), buffer: bytes.buffer });
    this.mostWrites = Math.max(this.mostWrites, ++this.#writing);
    try {
      return await this.#inner.write(bytes);
    } finally {
      this.#writing--;
    }
  }

  closeWrite(): Promise<void> {
    return this.#inner.closeWrite();
  }

  close(): void {
    this.#inner.close();
  }

  /** The sizes of all writes. */
  get writeSizes(): number[] {
    return this.writes.map(({ bytes }) => bytes.length);
  }
}

/** Our recorded end, the same end's faults, and the other end. */
export function recordedPair(
  options?: MemoryPairOptions,
): { transport: RecordingTransport; faults: MemoryTransport; peer: MemoryTransport } {
  const [faults, peer] = memoryPair(options);
  return { transport: new RecordingTransport(faults), faults, peer };
}

/** Reads until nothing of the sender's is on its way any more. */
export async function readAvailable(peer: MemoryTransport, sender: MemoryTransport): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (;;) {
    await turn();
    if (sender.unreadBytes === 0) return concat(...parts);
    const buffer = new Uint8Array(65_536);
    const count = await peer.read(buffer);
    if (count === null) return concat(...parts);
    parts.push(buffer.subarray(0, count));
  }
}

/** Lets everything run that is due now: a macrotask without a wait. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
