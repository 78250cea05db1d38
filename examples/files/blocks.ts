/**
 * Files in large blocks, so that the disk and the network work at the same time, and are called seldom.
 *
 * Nothing to run here; both halves of a transfer use it.
 *
 * @module
 */

import { CHUNK_BYTES, WINDOW_BYTES } from "./messages.ts";

/** Reads a file from its position to its end, one block ahead. A block is the caller's until he asks for the next one. */
export async function* readBlocks(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  let block = new Uint8Array(CHUNK_BYTES);
  let spare = new Uint8Array(CHUNK_BYTES);
  let reading = file.read(block);
  try {
    for (let bytes; (bytes = await reading) !== null;) {
      reading = file.read(spare);
      yield block.subarray(0, bytes);
      [block, spare] = [spare, block];
    }
  } finally {
    await reading.catch(() => {}); // nobody wants it any more, but the file must not be closed under it
  }
}

/** Told by a `BlockWriter`. */
export interface WriterEvents {
  /** A block is being written; it is not changed before the next one is. */
  onBlock(block: Uint8Array): void;
  /** So many bytes have been written in all. */
  onWritten(bytes: number): void;
  /** The disk has failed; nothing more is written. */
  onError(error: unknown): void;
}

const MAX_BLOCKS = WINDOW_BYTES / CHUNK_BYTES + 1;

/** Appends to a file at its position. It takes bytes without waiting, up to a window more than are written. */
export class BlockWriter {
  readonly #file: Deno.FsFile;
  readonly #events: WriterEvents;
  readonly #free: Uint8Array[] = [];
  // Those that wait for the disk, the one that is being written in front.
  readonly #full: Uint8Array[] = [];
  #blocks = 0;
  #block: Uint8Array | undefined;
  #filled = 0;
  #written = 0;
  #running: Promise<void> | undefined;
  #failure: unknown;

  /** Nothing is allocated before bytes come. */
  constructor(file: Deno.FsFile, events: WriterEvents) {
    this.#file = file;
    this.#events = events;
  }

  /** Copies bytes. False if more than a window waits. */
  push(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      this.#block ??= this.#take();
      if (this.#block === undefined) return false;
      const part = bytes.subarray(at, at + CHUNK_BYTES - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === CHUNK_BYTES) this.#seal();
    }
    return true;
  }

  /** Everything that was pushed is in the file then. Rejects with what the disk failed with. */
  async flush(): Promise<void> {
    if (this.#filled > 0) this.#seal();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #take(): Uint8Array | undefined {
    if (this.#free.length > 0) return this.#free.pop();
    return this.#blocks++ < MAX_BLOCKS ? new Uint8Array(CHUNK_BYTES) : undefined;
  }

  #seal(): void {
    this.#full.push(this.#block!.subarray(0, this.#filled)); // callers have filled it
    this.#block = undefined;
    this.#filled = 0;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      for (let block; this.#failure === undefined && (block = this.#full[0]) !== undefined; this.#full.shift()) {
        const writing = this.#write(block);
        this.#events.onBlock(block); // meanwhile
        await writing;
        this.#free.push(new Uint8Array(block.buffer));
        this.#written += block.length;
        this.#events.onWritten(this.#written);
      }
    } catch (error) {
      this.#failure = error;
      this.#events.onError(error);
    }
    this.#running = undefined;
  }

  async #write(block: Uint8Array): Promise<void> {
    for (let at = 0; at < block.length;) at += await this.#file.write(block.subarray(at));
  }
}
