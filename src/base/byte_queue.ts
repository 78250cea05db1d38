/** Chunks in, contiguous bytes out: the only place that joins bytes for a decoder. */

const EMPTY = new Uint8Array(0);
const SMALLEST_STASH_BYTES = 64;

/**
 * A buffer for decoders: bytes that were received and not decoded yet. The built-in codecs use it, and it is for your
 * own.
 *
 * At most two pieces are held: the stash (a copy of the beginning of an unfinished frame) and the chunk pushed last. A
 * byte is copied when the frame it belongs to is spread over chunks, and then a constant number of times, so the work is
 * linear in the input however it is cut; joining the chunks at every `push` would be quadratic.
 *
 * Most decoders need `push`, `length`, `byteAt`, `indexOf`, `take` and `skip`. Remember how far you have searched, and
 * search no byte twice. The other members are for decoders that read numbers in place.
 *
 * @example A codec for what a Redis server says (RESP 2). It remembers how far it has read into a reply, and consumes a
 * reply only when all of it is there; `verifyCodec` shows that it keeps the laws.
 * ```ts
 * import { ByteQueue, type Codec, type FrameDecoder, FrameError } from "@verb/tcp/framing";
 * import { verifyCodec } from "@verb/tcp/testing";
 *
 * type Reply = string | number | null | Uint8Array | Error | Reply[];
 *
 * const LF = 0x0a;
 * const MAX_FRAME_BYTES = 1_048_576;
 * const MAX_DEPTH = 32;
 * const NONE = -1;
 *
 * class RespDecoder implements FrameDecoder<Reply> {
 *   readonly #queue = new ByteQueue();
 *   #failure: FrameError | undefined;
 *   #at = 0; // where in the reply the next value begins
 *   #searched = 0; // there is no LF from #at to here
 *   #bulk = NONE; // bytes of the bulk string that begins at #at
 *   #open: { size: number; items: Reply[] }[] = []; // arrays that are not full yet
 *
 *   get bufferedBytes(): number {
 *     return this.#queue.length;
 *   }
 *
 *   push(chunk: Uint8Array): void {
 *     if (this.#failure === undefined) this.#queue.push(chunk);
 *   }
 *
 *   next(): Reply | undefined {
 *     if (this.#failure !== undefined) throw this.#failure;
 *     for (let value; (value = this.#value()) !== undefined;) {
 *       // Arrays that are full with this value are values, too.
 *       let open = this.#open.at(-1);
 *       for (; open !== undefined && open.items.push(value) === open.size; open = this.#open.at(-1)) {
 *         value = open.items;
 *         this.#open.pop();
 *       }
 *       if (open !== undefined) continue;
 *       this.#queue.skip(this.#at);
 *       this.#at = this.#searched = 0;
 *       return value;
 *     }
 *     if (this.#queue.length >= MAX_FRAME_BYTES) throw this.#fail("ERR_FRAME_TOO_LARGE");
 *     this.#queue.release();
 *     return undefined;
 *   }
 *
 *   end(): void {
 *     if (this.#failure !== undefined) throw this.#failure;
 *     if (this.#queue.length > 0) throw this.#fail("ERR_FRAME_TRUNCATED");
 *   }
 *
 *   takeRest(): Uint8Array {
 *     this.#at = this.#searched = 0;
 *     this.#bulk = NONE;
 *     this.#open = [];
 *     return this.#queue.takeAll();
 *   }
 *
 *   // The next value that has no others in it, or an empty array.
 *   #value(): Reply | undefined {
 *     for (;;) {
 *       if (this.#bulk !== NONE) return this.#bulkString();
 *       const end = this.#queue.indexOf(LF, this.#searched);
 *       if (end < 0) {
 *         this.#searched = this.#queue.length;
 *         return undefined;
 *       }
 *       if (end >= MAX_FRAME_BYTES) throw this.#fail("ERR_FRAME_TOO_LARGE");
 *       const kind = String.fromCharCode(this.#queue.byteAt(this.#at));
 *       const line = new TextDecoder().decode(this.#queue.slice(this.#at + 1, end));
 *       this.#at = this.#searched = end + 1;
 *       const text = line.slice(0, -1);
 *       if (!line.endsWith("\r")) throw this.#fail("ERR_FRAME_MALFORMED");
 *       if (kind === "+") return text;
 *       if (kind === "-") return new Error(text);
 *       const number = Number(text);
 *       if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(number)) throw this.#fail("ERR_FRAME_MALFORMED");
 *       if (kind === ":") return number;
 *       if (kind !== "$" && kind !== "*" || number < -1) throw this.#fail("ERR_FRAME_MALFORMED");
 *       if (number === -1) return null;
 *       if (kind === "$") this.#bulk = number;
 *       else if (number === 0) return [];
 *       else if (this.#open.push({ size: number, items: [] }) > MAX_DEPTH) throw this.#fail("ERR_FRAME_MALFORMED");
 *     }
 *   }
 *
 *   #bulkString(): Uint8Array | undefined {
 *     const end = this.#at + this.#bulk;
 *     if (end + 2 > MAX_FRAME_BYTES) throw this.#fail("ERR_FRAME_TOO_LARGE");
 *     if (this.#queue.length < end + 2) return undefined;
 *     if (this.#queue.byteAt(end + 1) !== LF) throw this.#fail("ERR_FRAME_MALFORMED");
 *     const value = this.#queue.slice(this.#at, end);
 *     this.#at = this.#searched = end + 2;
 *     this.#bulk = NONE;
 *     return value;
 *   }
 *
 *   #fail(code: string): FrameError {
 *     this.#queue.clear();
 *     return this.#failure = new FrameError("Cannot read reply", { code });
 *   }
 * }
 *
 * // Commands go out as arrays of bulk strings.
 * const resp: Codec<string[], Reply> = {
 *   decoder: () => new RespDecoder(),
 *   encode(command) {
 *     const bulks = command.map((word) => `$${new TextEncoder().encode(word).length}\r\n${word}\r\n`);
 *     return new TextEncoder().encode(`*${command.length}\r\n${bulks.join("")}`);
 *   },
 * };
 *
 * verifyCodec(resp, {
 *   messages: [["PING"]],
 *   wire: new TextEncoder().encode("+PONG\r\n-ERR no\r\n:7\r\n$2\r\nhi\r\n*2\r\n*1\r\n$-1\r\n:1\r\n*0\r\n"),
 *   received: ["PONG", new Error("ERR no"), 7, new TextEncoder().encode("hi"), [[null], 1], []],
 *   limit: {
 *     maxFrameBytes: MAX_FRAME_BYTES,
 *     frame: (bytes) => new TextEncoder().encode(`+${"x".repeat(bytes - 3)}\r\n`),
 *   },
 * });
 * ```
 */
export class ByteQueue {
  /** The chunk pushed last; its unread bytes are those from `at` to `end`. Read it only while `stashed` is 0. */
  chunk: Uint8Array = EMPTY;
  /** Where the unread bytes of `chunk` begin. A decoder that has read some may move it forward. */
  at = 0;
  /** Where the unread bytes of `chunk` end. */
  end = 0;
  /** Bytes in front of `chunk` that belong to a frame begun in earlier chunks. */
  stashed = 0;
  /** The most that a frame may take, for decoders that have a limit: the stash grows no further where it need not. */
  mostBytes: number = Infinity;
  #stash: Uint8Array = EMPTY;
  // Where in it the stashed bytes begin: what was taken from the front stays where it is.
  #from = 0;

  /** Bytes pushed and not consumed. */
  get length(): number {
    return this.stashed + this.end - this.at;
  }

  /** Puts a chunk behind the others. It belongs to the queue from now on. */
  push(chunk: Uint8Array): void {
    if (this.at < this.end) this.stash(this.end - this.at);
    this.chunk = chunk;
    this.at = 0;
    this.end = chunk.length;
  }

  /** The byte at `index`, counted from the front; it must be there. */
  byteAt(index: number): number {
    const { stashed } = this;
    return (index < stashed ? this.#stash[this.#from + index] : this.chunk[this.at + index - stashed])!; // it is there
  }

  /** Where the first such byte stands, counted from the front, or -1. It is searched from `from` on. */
  indexOf(byte: number, from = 0): number {
    const { stashed, at } = this;
    if (from < stashed) {
      const found = this.stashBytes.indexOf(byte, from);
      if (found >= 0) return found;
      from = stashed;
    }
    const found = this.chunk.indexOf(byte, at + from - stashed);
    return found < 0 ? -1 : stashed + found - at;
  }

  /** A copy of the bytes from `from` to `to`, counted from the front; they must be there. Nothing is consumed. */
  slice(from: number, to: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(to - from);
    const { stashed, at, stashBytes, chunk } = this;
    if (from < stashed) copy.set(stashBytes.subarray(from, to));
    if (to > stashed) {
      const start = Math.max(from, stashed);
      copy.set(chunk.subarray(at + start - stashed, at + to - stashed), start - from);
    }
    return copy;
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
   * Makes the first `bytes` contiguous in the stash, to be read in `stashBytes`. Returns false if they are not all
   * there yet; then all bytes are in the stash and the chunk is free.
   */
  gather(bytes: number): boolean {
    if (this.stashed < bytes) this.stash(bytes - this.stashed, bytes);
    return this.stashed >= bytes;
  }

  /**
   * Consumes the first `bytes` (they must be there) and hands them over without the first `strip` of them, as one piece: a
   * window on the chunk, or a copy where they are spread over chunks.
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

  /** The stashed bytes, a window on what is still the queue's. */
  get stashBytes(): Uint8Array {
    return this.#stash.subarray(this.#from, this.#from + this.stashed);
  }

  /** Consumes the first `bytes` of the stash and hands them over. */
  takeStash(bytes: number = this.stashed): Uint8Array {
    const taken = this.#stash.subarray(this.#from, this.#from + bytes);
    this.#dropStash(bytes);
    return taken;
  }

  /** Consumes up to `bytes` from the front, throws them away and returns how many they were. */
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

  /** Consumes everything and hands it over as one piece, without a copy where it is one piece: for `takeRest()`. */
  takeAll(): Uint8Array {
    const rest = this.take(this.length);
    this.clear();
    return rest;
  }

  /** Lets go of a chunk that is used up, which may be one of 64 KiB: for a `next()` that gives undefined. */
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
