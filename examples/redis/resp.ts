/** What a Redis server and its clients say (RESP, version 2): a codec. */

import { Buffer } from "node:buffer";
import { ByteQueue, type ByteSink, type Codec, type FrameDecoder, FrameError } from "@verb/tcp/framing";

/** A command: its name and its arguments. */
export type Command = readonly (string | number | Uint8Array)[];

/** What the server answers. Integers beyond 2^53 are bigints. */
export type Reply = string | number | bigint | null | RespError | Reply[];

/** An error that the server answered with; it is a reply like others until somebody throws it. */
export class RespError extends Error {
  /** Its first word: `ERR`, `WRONGTYPE`, `MOVED`, ... */
  readonly code: string;

  /** Of the line that the server sent. */
  constructor(message: string) {
    super(message);
    this.name = "RespError";
    this.code = message.split(" ", 1)[0] ?? "";
  }
}

/** How {@link resp} reads. */
export interface RespOptions {
  /** Longest reply in bytes, 16 MiB where left out. */
  maxFrameBytes?: number;
}

/** The codec: commands out, replies in. Strings are UTF-8. */
export function resp({ maxFrameBytes = 16_777_216 }: RespOptions = {}): Codec<Command, Reply> {
  return {
    decoder: () => new RespDecoder(maxFrameBytes),
    encode(command) {
      const frame = new Uint8Array(mostBytes(command));
      return frame.slice(0, write(command, frame, 0));
    },
    encodeInto(command, sink: ByteSink) {
      const buffer = sink.reserve(mostBytes(command));
      sink.commit(write(command, buffer, sink.at) - sink.at);
    },
  };
}

const [PLUS, MINUS, COLON, DOLLAR, STAR, CR, LF, ZERO] = [0x2b, 0x2d, 0x3a, 0x24, 0x2a, 0x0d, 0x0a, 0x30];
// "*" or "$", the digits of any length, CR and LF.
const HEADER_BYTES = 19;
// Up to here a loop is faster than a call into the runtime.
const SHORT = 64;
const utf8 = new TextEncoder();

function mostBytes(command: Command): number {
  let bytes = HEADER_BYTES;
  for (const word of command) {
    const most = typeof word === "string" ? 3 * word.length : typeof word === "number" ? 32 : word.length;
    bytes += HEADER_BYTES + most + 2;
  }
  return bytes;
}

/** Writes it at `at`; gives where it ends. */
function write(command: Command, buffer: Uint8Array, at: number): number {
  at = writeHeader(buffer, at, STAR, command.length);
  for (const word of command) {
    if (typeof word === "object") {
      at = writeHeader(buffer, at, DOLLAR, word.length);
      buffer.set(word, at);
      at += word.length;
    } else {
      at = writeText(buffer, at, typeof word === "string" ? word : String(word));
    }
    buffer[at++] = CR;
    buffer[at++] = LF;
  }
  return at;
}

function writeText(buffer: Uint8Array, at: number, text: string): number {
  const { length } = text;
  if (length <= SHORT) {
    const start = writeHeader(buffer, at, DOLLAR, length);
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) break;
      buffer[start + i] = code;
    }
    if (i === length) return start + length;
  }
  const bytes = Buffer.byteLength(text);
  at = writeHeader(buffer, at, DOLLAR, bytes);
  utf8.encodeInto(text, buffer.subarray(at, at + bytes));
  return at + bytes;
}

function writeHeader(buffer: Uint8Array, at: number, kind: number, count: number): number {
  buffer[at++] = kind;
  if (count < 10) {
    buffer[at++] = ZERO + count;
  } else {
    const digits = String(count);
    for (let i = 0; i < digits.length; i++) buffer[at++] = digits.charCodeAt(i);
  }
  buffer[at++] = CR;
  buffer[at++] = LF;
  return at;
}

// Deeper than that, and somebody wants our stack or memory.
const MAX_DEPTH = 32;
// An error has a stack, so a reply that is full of them costs far more than its bytes.
const MAX_ERRORS = 4_096;
const NONE = -1;
const EMPTY = Buffer.alloc(0);

class RespDecoder implements FrameDecoder<Reply> {
  readonly #maxFrameBytes: number;
  readonly #queue = new ByteQueue();
  // The queue's chunk with the methods of a Buffer.
  #text: Buffer = EMPTY;
  #failure: FrameError | undefined;
  // In the reply at the front: where the next value begins, and from where no LF was looked for.
  #at = 0;
  #searched = 0;
  // Bytes of the string that begins at #at.
  #bulk = NONE;
  // Errors in it so far.
  #errors = 0;
  // Arrays that are not full.
  #open: { readonly size: number; readonly items: Reply[] }[] = [];

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  get bufferedBytes(): number {
    return this.#queue.length;
  }

  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) return;
    this.#queue.push(chunk);
    this.#text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  }

  next(): Reply | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#queue.stashed === 0 && this.#at === 0 && this.#bulk === NONE && this.#open.length === 0) {
      const reply = this.#simple();
      if (reply !== undefined) return reply;
    }
    for (let value; (value = this.#value()) !== undefined;) {
      let open = this.#open.at(-1);
      // An array that is full with this value is a value, too.
      for (; open !== undefined && open.items.push(value) === open.size; open = this.#open.at(-1)) {
        value = open.items;
        this.#open.pop();
      }
      if (open !== undefined) continue;
      this.#queue.skip(this.#at);
      this.#at = this.#searched = this.#errors = 0;
      return value;
    }
    if (this.#queue.length >= this.#maxFrameBytes) throw this.#tooLarge(this.#queue.length);
    this.#queue.release();
    if (this.#queue.end === 0) this.#text = EMPTY;
    return undefined;
  }

  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { length } = this.#queue;
    if (length === 0) return;
    throw this.#fail(`the stream ended with ${length} bytes of an unfinished reply`, "ERR_FRAME_TRUNCATED", length);
  }

  takeRest(): Uint8Array {
    this.#at = this.#searched = this.#errors = 0;
    this.#bulk = NONE;
    this.#open = [];
    this.#text = EMPTY;
    return this.#queue.takeAll();
  }

  /** A string or small number that lies in the chunk as a whole, which nearly all do; else undefined. */
  #simple(): Reply | undefined {
    const queue = this.#queue;
    const { chunk, at, end } = queue;
    if (end - at < 4) return undefined;
    const kind = chunk[at];
    if (kind === PLUS) {
      // "+OK", nearly always.
      if (end - at < 5 || chunk[at + 1] !== 0x4f || chunk[at + 2] !== 0x4b || chunk[at + 3] !== CR) return undefined;
      if (chunk[at + 4] !== LF) return undefined;
      queue.at = at + 5;
      return "OK";
    }
    if (kind !== DOLLAR && kind !== COLON) return undefined;
    let number = 0;
    let i = at + 1;
    for (; i < end && i < at + 10; i++) {
      const digit = chunk[i]! - ZERO; // before the end
      if (digit < 0 || digit > 9) break;
      number = number * 10 + digit;
    }
    if (i === at + 1 || i + 1 >= end || chunk[i] !== CR || chunk[i + 1] !== LF) return undefined;
    const start = i + 2;
    if (kind === COLON) {
      if (start - at > this.#maxFrameBytes) return undefined;
      queue.at = start;
      return number;
    }
    const stop = start + number;
    if (stop + 2 > end || stop + 2 - at > this.#maxFrameBytes) return undefined;
    if (chunk[stop] !== CR || chunk[stop + 1] !== LF) return undefined;
    queue.at = stop + 2;
    return this.#text.toString("utf8", start, stop);
  }

  /** The next value that has no others in it; undefined when more bytes are needed. */
  #value(): Reply | undefined {
    const queue = this.#queue;
    for (;;) {
      if (this.#bulk !== NONE) return this.#bulkString();
      const lineEnd = queue.indexOf(LF, this.#searched);
      if (lineEnd < 0) {
        this.#searched = queue.length;
        return undefined;
      }
      if (lineEnd >= this.#maxFrameBytes) throw this.#tooLarge(lineEnd + 1);
      const start = this.#at;
      if (lineEnd < start + 2 || queue.byteAt(lineEnd - 1) !== CR) throw this.#malformed("a line ends with CR and LF");
      const kind = queue.byteAt(start);
      const text = textOf(queue.slice(start + 1, lineEnd - 1));
      this.#at = this.#searched = lineEnd + 1;
      if (kind === PLUS) return text;
      if (kind === MINUS) {
        if (++this.#errors > MAX_ERRORS) throw this.#malformed(`more than ${MAX_ERRORS} errors in one reply`);
        return new RespError(text);
      }
      if (kind !== COLON && kind !== DOLLAR && kind !== STAR) {
        throw this.#malformed("no kind of value begins like that");
      }
      if (!/^-?\d{1,19}$/.test(text)) throw this.#malformed("a number is up to 19 digits");
      const number = Number(text);
      if (kind === COLON) return Number.isSafeInteger(number) ? number : BigInt(text);
      if (number < -1) throw this.#malformed("there is no such length");
      if (number === -1) return null;
      if (kind === DOLLAR) {
        if (number > this.#maxFrameBytes) throw this.#tooLarge(number);
        this.#bulk = number;
      } else if (number === 0) {
        return [];
      } else if (this.#open.push({ size: number, items: [] }) > MAX_DEPTH) {
        throw this.#malformed(`arrays are nested deeper than ${MAX_DEPTH}`);
      }
    }
  }

  #bulkString(): string | undefined {
    const queue = this.#queue;
    const end = this.#at + this.#bulk;
    if (end + 2 > this.#maxFrameBytes) throw this.#tooLarge(end + 2);
    if (queue.length < end + 2) return undefined;
    if (queue.byteAt(end) !== CR || queue.byteAt(end + 1) !== LF) throw this.#malformed("a string ends with CR and LF");
    const value = textOf(queue.slice(this.#at, end));
    this.#at = this.#searched = end + 2;
    this.#bulk = NONE;
    return value;
  }

  #tooLarge(bytes: number): FrameError {
    const limit = this.#maxFrameBytes;
    return this.#fail(`it has ${bytes} bytes or more, at most ${limit} are allowed`, "ERR_FRAME_TOO_LARGE", bytes);
  }

  #malformed(why: string): FrameError {
    return this.#fail(why, "ERR_FRAME_MALFORMED", undefined);
  }

  #fail(why: string, code: string, frameBytes: number | undefined): FrameError {
    this.#queue.clear();
    this.#text = EMPTY;
    this.#open = [];
    const maxFrameBytes = this.#maxFrameBytes;
    return this.#failure = new FrameError(`Cannot read reply: ${why}`, { code, frameBytes, maxFrameBytes });
  }
}

function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("utf8");
}
