/** Messages of one codec over one socket: what `framed` and `MessageProtocol` have in common. */

import { asError, MessageError } from "../base/errors.ts";
import { invalid } from "../base/check.ts";
import { BAD_MESSAGES_A_TURN } from "../framing/bad_messages.ts";
import type { Codec, FrameDecoder } from "../framing/codec.ts";
import type { TokenBucket } from "../limits/token_bucket.ts";
import { type Companion, Companions } from "../socket/companions.ts";
import type { Connection } from "../socket/connection.ts";
import type { CloseReceipt } from "../telemetry/close_receipt.ts";
import { canWrite } from "../socket/lifecycle.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import { claimedError } from "../socket/endings.ts";
import { TCPSocket } from "../socket/tcp_socket.ts";
import type { FrameReceiver, MessageTaker } from "./frame_receiver.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { MessagePace } from "./message_pace.ts";
import { MessageHeartbeat, type MessageHeartbeatOptions } from "./message_heartbeat.ts";

// Whose messages go where: two that read the same socket would each take all of them.
const attached = new WeakMap<TCPSocket, object>();

/** See the module's comment. Making one adds no listener. */
export class FrameExchange<In, Out> implements Companion {
  /** It takes answers. */
  requester: MessageTaker<Out> | undefined;
  /** It takes requests, which are all that is left. */
  answerer: MessageTaker<Out> | undefined;
  readonly #socket: TCPSocket;
  #connection: Connection;
  readonly #codec: Codec<In, Out>;
  readonly #receiver: FrameReceiver<Out>;
  // What the receiver's `onError` is as long as nobody hears errors.
  readonly #unheard: (error: Error) => void;
  // Made when the first bytes come: whoever only sends needs none.
  #decoder: FrameDecoder<Out> | undefined;
  #heartbeat: MessageHeartbeat<In, Out> | undefined;
  #decoding = false;
  // In the chunk at hand a frame was completed, be it a bad one.
  #completed = false;
  #detached = false;
  // Registered on the socket while it receives.
  #listeners: { data: (data: Uint8Array) => void; end: () => void } | undefined;
  #paused = false;
  // The peer has ended; what the decoder still holds is delivered all the same, and then the decoder is told.
  #ended = false;
  #endTold = false;
  #failed = false;
  // The failure that the receiver was told already.
  #told: Error | undefined;
  readonly #pace: MessagePace;
  // Whoever takes messages can take no more now.
  #full = false;
  // It is that which has paused the socket.
  #stopped = false;
  #bad = 0;

  constructor(
    socket: TCPSocket,
    codec: Codec<In, Out>,
    receiver: FrameReceiver<Out>,
    unheard: (error: Error) => void,
    head?: Uint8Array,
    bucket?: TokenBucket,
  ) {
    if (!(socket instanceof TCPSocket)) throw invalid("socket", "a TCPSocket of this package", socket);
    this.#socket = socket;
    this.#connection = connectionOf(socket);
    this.#codec = codec;
    this.#receiver = receiver;
    this.#unheard = unheard;
    this.#pace = new MessagePace(bucket, () => this.#goOn());
    if (head !== undefined) this.#push(head);
  }

  /** The socket's connection. A client connects again: whoever has nothing to do with the old one is not told. */
  #current(): Connection {
    if (this.#connection.receipt !== undefined) this.#connection = connectionOf(this.#socket);
    return this.#connection;
  }

  get bufferedBytes(): number {
    return this.#decoder?.bufferedBytes ?? 0;
  }

  send(message: In): boolean {
    const connection = this.#current();
    if (this.#codec.encodeInto === undefined) return this.sendEncoded(this.#codec.encode(message));
    if (connection.state !== "open" && !connection.beginWrite()) return false;
    if (connection.queue.length >= connection.settings.maxWriteQueueBytes && !connection.beginWrite()) return false;
    this.#codec.encodeInto(message, connection.queue);
    // The user's code ran in between (a toJSON, say) and may have ended the socket.
    if (connection.receipt !== undefined) return false;
    countSent(connection);
    return connection.endWrite();
  }

  encode(message: In): Uint8Array<ArrayBuffer> {
    return this.#codec.encode(message);
  }

  sendEncoded(frame: Uint8Array): boolean {
    const connection = this.#current();
    const taken = canWrite(connection.state);
    const goesOn = connection.write(frame);
    if (taken && connection.receipt === undefined) countSent(connection);
    return goesOn;
  }

  /** The receiver is told from now on if the connection fails, and begins afresh when the socket connects again. */
  hear(): void {
    (this.#current().companions ??= new Companions()).add(this);
  }

  /** The connection has failed. */
  failed(error: Error): boolean {
    if (error === this.#told) return true;
    if (!this.#hearsErrors) return false;
    try {
      this.watch(this.#receiver.onError(error));
    } catch (thrown) {
      this.#connection.handlerThrew(thrown);
    }
    return true;
  }

  /** Receives from now on. Throws if another face reads. */
  attach(): void {
    if (this.#listeners !== undefined) return;
    if (attached.has(this.#socket)) throw claimedError("this codec", "another codec (its takeRest() hands over)");
    const data = (data: Uint8Array) => this.handleData(data);
    const end = () => this.#handleEnd();
    this.#socket.on("data", data);
    this.#socket.on("end", end);
    if (this.#codec.copiesMessages === true) this.#current().consumer?.lendToListener?.(data);
    attached.set(this.#socket, this);
    this.#listeners = { data, end };
    this.#detached = false;
    this.#ended = this.#current().readEnded;
    this.hear();
    if (this.bufferedBytes > 0) queueMicrotask(() => this.#deliverGuarded());
  }

  startHeartbeat(options: MessageHeartbeatOptions<In, Out>): Heartbeat {
    const send = (message: In) => this.send(message);
    const started = new MessageHeartbeat(this.#socket, this.#current(), send, options);
    if (this.#connection.receipt !== undefined) return started.heartbeat;
    this.#heartbeat?.heartbeat.stop();
    this.#heartbeat = started;
    this.hear();
    return started.heartbeat.start();
  }

  beginAfresh(former: CloseReceipt): boolean {
    const paused = this.#paused || this.#stopped;
    this.#heartbeat?.heartbeat.stop();
    this.#heartbeat = this.#decoder = undefined;
    this.#paused = this.#detached = this.#failed = false;
    this.#ended = this.#endTold = false;
    this.#full = this.#stopped = false;
    this.#pace.stop();
    this.#bad = 0;
    this.#connection = connectionOf(this.#socket);
    this.hear();
    this.requester?.beginAfresh(former);
    this.answerer?.beginAfresh(former);
    return paused;
  }

  handleData(data: Uint8Array): void {
    this.#push(data);
    try {
      this.#deliver();
    } finally {
      if (this.bufferedBytes > 0) this.#connection.reader.giveAway(data); // it may have been lent
    }
  }

  pause(): void {
    this.hear();
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    queueMicrotask(() => this.#deliverGuarded());
    // Without a listener resuming would mean to throw away.
    if (this.#full) this.#stopped = true;
    else if (this.#socket.listenerCount("data") > 0) this.#socket.resume();
  }

  /** Delivers nothing more until `release()`, and lets the peer wait; the user's own `resume` does not lift it. */
  hold(): void {
    this.#full = true;
    const socket = this.#socket;
    if (socket.listenerCount("data") === 0 || socket.isPaused()) return;
    socket.pause();
    this.#stopped = true;
  }

  /** Goes on after `hold()`, in a microtask. */
  release(): void {
    if (!this.#full) return;
    this.#full = false;
    queueMicrotask(() => this.#goOn());
  }

  /** Nobody listens any more. Those who take messages go on. */
  unheard(): void {
    if (this.requester === undefined && this.answerer === undefined) this.detach();
  }

  /** Receives no more; what has come is kept for the next `attach`. */
  detach(): void {
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners === undefined) return;
    this.#detached = true;
    attached.delete(this.#socket);
    this.#socket.off("data", listeners.data);
    this.#socket.off("end", listeners.end);
    this.#connection.letMessagesWait(false, true);
  }

  /** The write queue is empty again: whoever may not ask while it does not read goes on. */
  drained(): void {
    if (this.#connection.messagesWait && !this.#pace.waits) this.#goOn();
  }

  /** The connection is over, or as good as that. */
  writesOver(): void {
    if (this.#connection.receipt !== undefined) this.#pace.stop();
  }

  takeRest(): Uint8Array {
    this.detach();
    this.#connection.companions?.remove(this); // whoever goes on hears of failures
    this.#detached = false; // there is nothing left to keep, and whoever feeds by hand may go on
    this.#heartbeat?.heartbeat.stop(); // its pings are words of this codec
    const decoder = this.#decoder;
    if (decoder === undefined) return new Uint8Array(0);
    this.#decoder = undefined;
    // A protocol may change its codec with every message.
    const { holders = [] } = this.#connection;
    holders.splice(holders.indexOf(this), 1);
    this.#connection.account?.touch();
    return decoder.takeRest();
  }

  #push(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) {
      throw invalid("data", "a Uint8Array (a socket with setEncoding gives text)", data);
    }
    (this.#decoder ??= this.#makeDecoder()).push(data);
  }

  #makeDecoder(): FrameDecoder<Out> {
    this.hear();
    (this.#connection.holders ??= []).push(this);
    return this.#codec.decoder();
  }

  #handleEnd(): void {
    this.#ended = true;
    this.#deliver();
  }

  /** Where the socket is not the caller, what the user's code throws is dealt with here. */
  #deliverGuarded(): void {
    try {
      this.#deliver();
    } catch (thrown) {
      this.#connection.handlerThrew(thrown);
    }
  }

  /** Hands over every message that is whole. Called from within a handler it does nothing: the loop outside goes on. */
  #deliver(): void {
    if (this.#decoding) return;
    const connection = this.#connection;
    this.#decoding = true;
    this.#completed = false;
    let owedBytes = 0;
    try {
      while (!this.#held && !this.#over && !connection.blocked && this.#pace.admits()) {
        const message = this.#next();
        if (message === undefined) {
          owedBytes = this.#held || this.#pace.waits ? 0 : this.bufferedBytes;
          return;
        }
        this.#completed = true;
        if (connection.host?.witness !== undefined) connection.host.witness.counters.messagesReceived++;
        if (this.#heartbeat?.takes(message) === true) continue;
        this.#pace.delivered(connection.movedAt);
        if (this.requester?.takes(message) === true || this.answerer?.takes(message) === true) continue;
        this.watch(this.#receiver.onMessage(message));
      }
    } finally {
      this.#decoding = false;
      // Where a handler threw or paused, what is left is ours to decode, and the peer owes nothing.
      connection.account?.moved();
      if (connection.state !== "closed") connection.frameClock?.decoded(owedBytes, this.#completed);
      const waits = (this.#pace.waits || connection.blocked) && this.bufferedBytes > 0 && !this.#over &&
        !this.#detached;
      // A handler may have handed over to another one.
      if (waits !== connection.messagesWait && (attached.get(this.#socket) ?? this) === this) {
        connection.letMessagesWait(waits, !this.#held);
      }
    }
  }

  /** The next good message. Bad ones are told; with a failure there are no more. */
  #next(): Out | undefined {
    for (;;) {
      const decoder = this.#decoder; // a handler may have taken it
      if (decoder === undefined) return undefined;
      try {
        const message = decoder.next();
        if (message !== undefined || !this.#ended || this.#endTold) return message;
        this.#endTold = true;
        decoder.end();
        return decoder.next(); // the end may have completed a last one
      } catch (error) {
        if (!(error instanceof MessageError)) {
          this.#fail(asError(error));
          return undefined;
        }
        this.#completed = true;
        this.#connection.host?.witness?.frameFailed(this.#socket, error);
        if (this.requester?.takesError(error) !== true) this.tell(error);
        if (++this.#bad % BAD_MESSAGES_A_TURN === 0) this.#pace.rest(this.#connection.movedAt);
        if (this.#held || this.#pace.waits || this.#over) return undefined;
      }
    }
  }

  /** One message was bad, and the stream goes on. */
  tell(error: MessageError): void {
    if (this.#hearsErrors) this.watch(this.#receiver.onError(error));
    else this.#connection.host?.connectionFailed(error, this.#socket);
  }

  /** What has come is not wanted now. */
  get #held(): boolean {
    return this.#paused || this.#detached || this.#full;
  }

  #goOn(): void {
    this.#deliverGuarded();
    if (this.#full || !this.#stopped) return;
    this.#stopped = false;
    if (!this.#paused && this.#socket.listenerCount("data") > 0) this.#socket.resume();
  }

  /** Failed, or ended in any way but the orderly one, after which what has come is still delivered. */
  get #over(): boolean {
    if (this.#failed) return true;
    const reason = this.#connection.receipt?.reason;
    return reason !== undefined && reason !== "peer" && reason !== "local";
  }

  /** The stream cannot be understood any more. */
  #fail(failure: Error): void {
    this.#failed = true;
    this.#connection.host?.witness?.frameFailed(this.#socket, failure);
    const heard = this.#hearsErrors;
    if (heard) this.#told = failure;
    if (this.#connection.receipt === undefined) {
      this.#connection.destroy(failure, undefined, heard ? "listeners" : "all");
    } else if (!heard) this.#connection.host?.connectionFailed(failure, this.#socket); // it came with the last bytes
    if (heard) this.watch(this.#receiver.onError(failure));
  }

  get #hearsErrors(): boolean {
    return this.#receiver.onError !== this.#unheard;
  }

  /** The user's code may be async, whatever its type says. */
  watch(result: unknown): void {
    if (typeof (result as PromiseLike<unknown> | undefined | null)?.then === "function") void this.#follow(result);
  }

  /** The message was accepted: a drain waits until it is dealt with. */
  async #follow(work: unknown): Promise<void> {
    const connection = this.#connection;
    const counts = connection.workBegun();
    try {
      await work;
    } catch (error) {
      connection.handlerThrew(error);
    }
    if (counts) connection.workDone();
  }
}

function countSent({ host }: Connection): void {
  if (host?.witness !== undefined) host.witness.counters.messagesSent++;
}
