/** The event face's read side: `data` listeners and pipes. */

import type { Buffer } from "node:buffer";
import { StringDecoder } from "node:string_decoder";
import type { Connection } from "./connection.ts";
import type { ByteHolder, ReadConsumer } from "./connection_ports.ts";
import { asyncReadError, claimedError } from "./endings.ts";
import { Loan } from "./lending.ts";
import type { Pipe } from "./pipe.ts";
import type { Taken } from "./read_loop.ts";

/** Hands chunks to listeners and pipes while it flows. */
export class EventReader implements ReadConsumer, ByteHolder {
  /** `pause()` was called: new listeners do not start the flow. */
  paused = false;
  readonly #connection: Connection;
  #flowing = false;
  // The last pipe was taken off, and nobody has read since.
  #unpiped = false;
  #encoding: BufferEncoding | undefined;
  #decoder: StringDecoder | undefined;
  #pipes: Pipe[] | undefined;
  // Whom chunks are lent to, by `onRead`.
  #callee: ((bytes: Buffer) => unknown) | undefined;
  #loan: Loan | undefined;
  // The `data` listener that does not keep chunks, if there is one.
  #borrower: ((bytes: Uint8Array) => void) | undefined;
  // Those that the end of a client's connection has cut off before its peer had ended.
  #cut: Pipe[] | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get kind(): string {
    return this.#callee === undefined ? 'the "data" event' : "onRead";
  }

  get unheard(): boolean {
    return !this.#flowing && !this.paused && this.#pipes === undefined;
  }

  /** Takes the read side for listeners and pipes, or throws because another face has it. */
  claim(): void {
    if (this.#callee !== undefined) throw claimedError('the "data" event', this.kind);
    this.#connection.claim(this);
  }

  /** Calls back with what comes, and lends it for the call; see `TCPSocket.onRead`. */
  lendTo(callee: (bytes: Buffer) => unknown): void {
    const heard = this.#connection.face.listenerCount("data") > 0 || this.#pipes !== undefined;
    if (this.#callee !== undefined || heard) throw claimedError("onRead", this.kind);
    if (this.#decoder !== undefined) throw claimedError("onRead", "setEncoding");
    this.#connection.claim(this);
    this.#callee = callee;
    this.#lendOrGive();
    if (!this.paused) this.#flow();
  }

  lendToListener(listener: (bytes: Uint8Array) => void): void {
    this.#borrower = listener;
    this.#lendOrGive();
  }

  /** Whether nothing flows because `pause()` was called, or because the target of the last pipe is gone. */
  get held(): boolean {
    return this.paused || this.#unpiped;
  }

  /** A listener or a pipe came: claims the read side and starts the flow, unless it was paused. */
  start(): void {
    this.claim();
    this.#lendOrGive();
    if (!this.paused) this.#flow();
  }

  /** A listener or a pipe left; without any, reading stops. */
  stopIfUnheard(): void {
    const unheard = this.#pipes === undefined && this.#callee === undefined;
    if (unheard && this.#connection.face.listenerCount("data") === 0) this.#flowing = false;
    this.#lendOrGive();
  }

  pause(): void {
    this.paused = this.#connection.kept = true;
    this.#flowing = false;
  }

  /** Flows, even if nobody listens; then the data is thrown away. */
  resume(): void {
    this.#connection.claim(this);
    this.paused = false;
    this.#flow();
  }

  /** Bytes of a character that is not whole yet. */
  get bufferedBytes(): number {
    if (this.#decoder === undefined) return 0;
    // Properties of Node's decoder that its types leave out.
    const missing: number = Reflect.get(this.#decoder, "lastNeed");
    const whole: number = Reflect.get(this.#decoder, "lastTotal");
    return missing === 0 ? 0 : whole - missing;
  }

  setEncoding(encoding: BufferEncoding): void {
    if (this.#callee !== undefined) throw claimedError("setEncoding", this.kind);
    if (this.#decoder === undefined) (this.#connection.holders ??= []).push(this);
    this.#encoding = encoding;
    this.#decoder = new StringDecoder(encoding);
    this.#lendOrGive();
  }

  addPipe(pipe: Pipe): void {
    (this.#pipes ??= []).push(pipe);
    this.start();
  }

  /** Takes out the pipes to `target`, or all. */
  removePipes(target: unknown): void {
    const [gone, kept] = [[] as Pipe[], [] as Pipe[]];
    for (const pipe of this.#pipes ?? []) (target === undefined || pipe.target === target ? gone : kept).push(pipe);
    this.#pipes = kept.length > 0 ? kept : undefined;
    this.#cut = this.#cut?.filter((pipe) => target !== undefined && pipe.target !== target);
    for (const pipe of gone) pipe.detach();
    this.stopIfUnheard();
    this.#unpiped ||= gone.length > 0 && !this.#flowing;
    // Whoever was waited for may be among those that left.
    if (gone.length > 0) this.#connection.wantMore();
  }

  take(chunk: Buffer): Taken {
    if (!this.#flowing) return "hold";
    if (this.#callee !== undefined) return this.#lend(this.#callee, chunk);
    const pipes = this.#pipes;
    if (pipes === undefined) {
      this.#emit(chunk);
      return "go";
    }
    for (const pipe of pipes) if (!pipe.takes) return "hold";
    if (this.#connection.reader.lends) return pipes[0]!.lend(chunk); // lends: there is exactly one
    this.#emit(chunk);
    for (const pipe of pipes) pipe.write(chunk);
    return "go";
  }

  end(): void {
    const rest = this.#decoder?.end();
    if (rest !== undefined && rest !== "") this.#connection.emit("data", rest);
    for (const pipe of this.#pipes ?? []) pipe.end();
  }

  closed(): boolean {
    const pipes = this.#pipes;
    if (pipes === undefined) return false;
    this.#pipes = undefined;
    if (this.#connection.host === undefined && !this.#connection.readEnded) this.#cut = pipes;
    for (const pipe of pipes) pipe.detach();
    return false;
  }

  /**
   * The reader of the socket's next connection: whoever listens goes on to, nothing of what came before is left. A pause
   * holds unless it was `lifted`.
   */
  renew(connection: Connection, lifted: boolean): EventReader {
    this.closed(); // it may be told later only
    const next = new EventReader(connection);
    next.#borrower = this.#borrower;
    if (this.paused && !lifted) next.pause();
    if (this.#encoding !== undefined) next.setEncoding(this.#encoding);
    if (this.#callee !== undefined) {
      next.lendTo(this.#callee);
      return next;
    }
    const flows = this.#flowing && this.#cut === undefined;
    if (flows || connection.face.listenerCount("data") > 0) next.start();
    for (const pipe of this.#cut ?? []) if (pipe.canGoOn) next.addPipe(pipe.from(connection));
    return next;
  }

  #lend(callee: (bytes: Buffer) => unknown, chunk: Buffer): Taken {
    const loan = this.#loan ??= new Loan();
    try {
      const more = loan.during(chunk, callee);
      if (more === false) this.pause();
      else if (more instanceof Promise) throw asyncReadError();
    } catch (thrown) {
      this.#connection.handlerThrew(thrown);
    }
    const { reader } = this.#connection;
    return loan.lasts(() => reader.giveBack(chunk)) ? "wait" : "go";
  }

  #emit(chunk: Buffer): void {
    if (this.#decoder === undefined) return this.#connection.emit("data", chunk);
    const text = this.#decoder.write(chunk);
    if (text !== "") this.#connection.emit("data", text); // else the chunk ended inside a character
  }

  #flow(): void {
    this.#flowing = true;
    this.#unpiped = false;
    this.#connection.wantMore();
  }

  /** With one who only borrows and nobody else, no chunk changes hands and one buffer serves for all. */
  #lendOrGive(): void {
    const { face, reader } = this.#connection;
    const pipes = this.#pipes;
    if (this.#callee !== undefined) reader.lends = true;
    else if (pipes !== undefined) {
      reader.lends = pipes.length === 1 && pipes[0]!.canLend && face.listenerCount("data") === 0;
    } else {
      const borrower = this.#decoder === undefined ? this.#borrower : undefined;
      reader.lends = borrower !== undefined && face.listenerCount("data") === 1 &&
        face.listeners("data")[0] === borrower;
    }
  }
}
