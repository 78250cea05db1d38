/**
 * A file that is not whole yet. It shows how to write a file so that nobody ever sees half of it: under another name,
 * flushed to the disk, then renamed.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { BlockWriter, readBlocks } from "./blocks.ts";
import { infoOf, PART_SUFFIX } from "./safe_path.ts";
import { TransferError } from "./transfer_error.ts";

/** Hashes the first `bytes` of a file, and leaves its position behind them. */
export async function hashBeginning(file: Deno.FsFile, bytes: number): Promise<Hash> {
  const hash = createHash("sha256");
  await file.seek(0, Deno.SeekMode.Start);
  let left = bytes;
  for await (const block of readBlocks(file)) {
    hash.update(block.subarray(0, left));
    left -= Math.min(left, block.length);
    if (left === 0) break;
  }
  if (left > 0) throw new TransferError("changed", "The file became shorter while it was read");
  await file.seek(bytes, Deno.SeekMode.Start);
  return hash;
}

/** The SHA-256 so far, as text. */
export function textOf(hash: Hash): string {
  return hash.copy().digest("hex");
}

/** The part of a file, with what an earlier connection has brought of it. */
export class PartFile {
  /** Told how much of it is on the disk, now and then. */
  onWritten: (written: number) => void = () => {};
  /** Told if the disk fails. */
  onError: (error: unknown) => void = () => {};
  readonly #file: Deno.FsFile;
  readonly #path: string;
  readonly #writer: BlockWriter;
  #hash: Hash;
  // Where the writer began.
  #began: number;
  #size: number;
  #open = true;

  /** For `open`, and for tests. */
  constructor(path: string, file: Deno.FsFile, size: number, hash: Hash) {
    this.#path = path;
    this.#file = file;
    this.#hash = hash;
    this.#began = this.#size = size;
    this.#writer = new BlockWriter(file, {
      onBlock: (block) => this.#hash.update(block),
      onWritten: (bytes) => this.onWritten(this.#began + bytes),
      onError: (error) => this.onError(error),
    });
  }

  /** Opens the part of the file that will be at `path`, or begins one; makes the folders that are missing. */
  static async open(path: string): Promise<PartFile> {
    const target = await infoOf(path);
    if (target !== undefined && !target.isFile) throw new TransferError("not_a_file", "There is no file at that name");
    const part = await infoOf(path + PART_SUFFIX);
    if (part !== undefined && !part.isFile) throw new TransferError("not_a_file", "The part of it is no file");
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    const file = await Deno.open(path + PART_SUFFIX, { read: true, write: true, create: true });
    try {
      const { size } = await file.stat();
      return new PartFile(path, file, size, await hashBeginning(file, size));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** How much of it has come. */
  get size(): number {
    return this.#size;
  }

  /** The hash of it; call `flush` before. */
  get sha256(): string {
    return textOf(this.#hash);
  }

  /** Throws away what an earlier connection has brought; only before the first `push`. */
  async restart(): Promise<void> {
    await this.#file.truncate(0);
    await this.#file.seek(0, Deno.SeekMode.Start);
    this.#hash = createHash("sha256");
    this.#began = this.#size = 0;
  }

  /** Appends a copy, without waiting for the disk. False if more than a window waits for that. */
  push(bytes: Uint8Array): boolean {
    this.#size += bytes.length;
    return this.#writer.push(bytes);
  }

  /** Everything that has come is written then. */
  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  /** It is whole: it takes its name, in place of a file that had it. */
  async commit(): Promise<void> {
    await this.flush();
    await this.#file.sync(); // first the bytes, then the name, whatever happens to the machine
    this.#close();
    await Deno.rename(this.#path + PART_SUFFIX, this.#path);
  }

  /** Closes it, to go on another time. Does nothing after `commit` or `discard`. */
  async keep(): Promise<void> {
    if (!this.#open) return;
    try {
      await this.flush();
    } finally {
      this.#close();
    }
  }

  /** Closes and removes it. */
  async discard(): Promise<void> {
    await this.flush().catch(() => {}); // the disk may be full; nothing may be written to it any more
    this.#close();
    await Deno.remove(this.#path + PART_SUFFIX);
  }

  #close(): void {
    this.#open = false;
    this.#file.close();
  }
}
