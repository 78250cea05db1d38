/**
 * Chunks in, contiguous bytes out: the only place that joins bytes for a decoder.
 *
 * At most two pieces are held: the stash (our own copy of the beginning of an unfinished frame) and the chunk pushed
 * last. A byte is copied when the frame it belongs to is spread over chunks, and then a constant number of times, so
 * the work is linear in the input however it is cut. (`concat` of @std/bytes at every push would be quadratic.)
 */

const EMPTY = new Uint8Array(0);
const SMALLEST_STASH_BYTES = 64;

/** Bytes waiting for a decoder. */
export class ByteQueue {
  /** The chunk pushed last; its unread bytes are those from `at` to `end`. Read it only while `stashed` is 0. */
  chunk: Uint8Array = EMPTY;
  at = 0;
  end = 0;
  /** Bytes in front of `chunk` that belong to a frame begun in earlier chunks. */
  stashed = 0;
  /** The most that a frame may take: the stash grows no further than that where it need not. */
  mostBytes = Infinity;
  #stash: Uint8Array = EMPTY;
  // Where in it the stashed bytes begin: what was taken from the front stays where it is.
  #from = 0;

  /** Bytes waiting. */
  get length(): number {
    return this.stashed + this.end - this.at;
  }

  /** Takes the chunk over. */
  push(chunk: Uint8Array): void {
    if (this.at < this.end) this.stash(this.end - this.at);
    this.chunk = chunk;
    this.at = 0;
    this.end = chunk.length;
  }

  /**
   * Moves up to `bytes` from the chunk into the stash. `need` is the size the stash will have to reach, where it is
   * known: it grows by doubling towards that and not beyond.
   */
  stash(bytes: number, need = Infinity): void {
    bytes = Math.min(bytes, this.end - this.at);
    const length = this.stashed + bytes;
    if (this.#from + length > this.#stash.length) {
      const grown = Math.min(need, this.mostBytes, Math.max(length, this.stashed * 2, SMALLEST_STASH_BYTES));
      const larger = new Uint8Array(Math.max(grown, length));
      larger.set(this.stashBytes);
      this.#stash = larger;
      this.#from = 0;
    }
    this.#stash.set(this.chunk.subarray(this.at, this.at + bytes), this.#from + this.stashed);
    this.stashed = length;
    this.at += bytes;
    this.release();
  }

  /**
   * Makes the first `bytes` contiguous in the stash. Gives false if they are not all there yet; then everything there
   * is has moved to the stash and the chunk is free.
   */
  gather(bytes: number): boolean {
    if (this.stashed < bytes) this.stash(bytes - this.stashed, bytes);
    return this.stashed >= bytes;
  }

  /**
   * Hands over the first `bytes` (they must be there) without the first `strip` of them, as one piece: a window on the
   * chunk, or our copy where they are spread over chunks.
   */
  take(bytes: number, strip = 0): Uint8Array {
    if (this.stashed > 0) {
      this.gather(bytes);
      const taken = this.takeStash(bytes);
      return strip === 0 ? taken : taken.subarray(strip);
    }
    const { buffer, byteOffset } = this.chunk;
    // Not subarray(): whether chunks are Buffers must not show in what is handed over.
    const taken = new Uint8Array(buffer, byteOffset + this.at + strip, bytes - strip);
    this.at += bytes;
    return taken;
  }

  /** The stashed bytes, still ours. */
  get stashBytes(): Uint8Array {
    return this.#stash.subarray(this.#from, this.#from + this.stashed);
  }

  /** Hands over the first `bytes` of the stash. */
  takeStash(bytes: number = this.stashed): Uint8Array {
    const taken = this.#stash.subarray(this.#from, this.#from + bytes);
    this.#dropStash(bytes);
    return taken;
  }

  /** Throws away up to `bytes` from the front and says how many that were. */
  skip(bytes: number): number {
    const length = this.length;
    if (bytes >= length) {
      this.clear();
      return length;
    }
    const inStash = Math.min(bytes, this.stashed);
    this.#dropStash(inStash);
    this.at += bytes - inStash;
    return bytes;
  }

  /** Hands everything over as one piece, without a copy where it is one piece. */
  takeAll(): Uint8Array {
    const rest = this.take(this.length);
    this.clear();
    return rest;
  }

  /** Lets go of a chunk that is used up, which may be one of 64 KiB. */
  release(): void {
    if (this.at === this.end) this.chunk = EMPTY, this.at = this.end = 0;
  }

  /** Forgets everything. */
  clear(): void {
    this.chunk = this.#stash = EMPTY;
    this.at =
      this.end =
      this.stashed =
      this.#from =
        0;
  }

  #dropStash(bytes: number): void {
    this.stashed -= bytes;
    this.#from += bytes;
    if (this.stashed === 0) this.#stash = EMPTY, this.#from = 0;
  }
}
