/**
 * One connection: asks the lifecycle machine what an event means, stores the state, performs the action. It owns the
 * transport, both directions and the way it ends; what users see of it is `TCPSocket`.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Buffer } from "node:buffer";
import process from "node:process";
import { asError } from "../base/errors.ts";
import { systemError } from "../transport/error_codes.ts";
import { type Endpoint, endpointOf, type Transport } from "../transport/transport.ts";
import { endBegun, enterFlushWatch, flushEnded } from "./flush_watch.ts";
import { throwLater } from "./announce_end.ts";
import type { ByteHolder, ConnectionFace, ReadConsumer, SocketHost } from "./connection_ports.ts";
import { Departure } from "./departure.ts";
import { endGuarded, takeGuarded } from "./guarded_consumer.ts";
import { canWrite, type LifecycleEvent, type LifecycleState, step } from "./lifecycle.ts";
import { claimedError, overflowError, reasonOfEnd, reasonOfFailure, refusedWrite } from "./endings.ts";
import { Loan } from "./lending.ts";
import { letGo, NOBODY, nobodyReads } from "./nobody.ts";
import { ReadLoop, type ReadPort, type Taken } from "./read_loop.ts";
import { shape, type ShapingPort } from "./shaping.ts";
import type { SocketSettings } from "./settings.ts";
import { tune } from "./tuning.ts";
import { type WriteCallback, WriteQueue, type WriteQueuePort } from "./write_queue.ts";

// Both in a tick, as in Node: what `data` and `end` listeners have scheduled by `process.nextTick` still goes out.
function tellPeerEnd(connection: Connection): void {
  connection.peerHasEnded();
}
function endBehindPeer(connection: Connection): void {
  if (connection.state === "peerEnded") connection.end();
}

/** Engine of one socket; see the module's comment. */
export class Connection extends Departure implements WriteQueuePort, ReadPort, ShapingPort {
  override state: LifecycleState = "idle";
  override transport: Transport | undefined;
  override consumer: ReadConsumer | undefined;
  override readonly queue: WriteQueue = new WriteQueue(this);
  override readonly reader: ReadLoop = new ReadLoop(this);
  settings: SocketSettings;
  override readonly face: ConnectionFace;
  override readonly host: SocketHost | undefined;
  allowHalfOpen: boolean;
  needDrain = false;
  // The asynchronous context of the write that gave false, or of whoever listens because of that: `drain` is its answer.
  #drainContext: ReturnType<typeof AsyncLocalStorage.snapshot> | undefined;
  /** The protocols on this socket that keep bytes. */
  holders: ByteHolder[] | undefined;
  /** `upgradeTls` has the transport. */
  upgrading = false;
  kept = false;

  // Whether the peer's FIN came before our end, for the reason and for the code of a late write.
  #peerEndedFirst = false;
  #thrown: Error | undefined;

  constructor(face: ConnectionFace, settings: SocketSettings, host: SocketHost | undefined) {
    super();
    this.face = face;
    this.settings = settings;
    this.host = host;
    this.allowHalfOpen = settings.allowHalfOpen;
  }

  dial(): void {
    this.#step("dial");
  }

  /** There is a peer; with TLS the bytes still have to wait for the handshake. */
  attach(transport: Transport): void {
    this.transport = transport;
    enterFlushWatch();
    tune(transport, this.settings);
  }

  /** Bytes can come and go. Reading starts with `startReading`, after whoever wants it could register. */
  open(given: Transport): void {
    const transport = shape(given, this.settings, this);
    if (this.transport === undefined) this.attach(transport);
    else if (this.transport !== transport) tune(this.transport = transport, this.settings);
    this.queue.open(transport);
    this.startClocks(this.settings.deadlines);
    this.#step("connected");
  }

  /** Starts the read loop, and sends what was queued before there was a connection. An upgrade does so itself. */
  startReading(): void {
    if (this.transport === undefined || this.upgrading) return;
    this.reader.open(this.transport);
    this.#flush();
  }

  /** The user has no more to write: what is queued goes out, then FIN. */
  override end(callback?: WriteCallback): void {
    if (callback !== undefined) this.whenFinished(callback);
    this.queue.corked = 0;
    this.#step("localEnd");
  }

  /** It is closed for somebody else's sake. */
  shed(): true {
    this.destroy(undefined, "shed");
    return true;
  }

  #step(event: LifecycleEvent): void {
    const next = step(this.state, event, this.allowHalfOpen);
    if (next.action === "refuse") return;
    const before = this.state;
    this.state = next.state;
    if (event === "localEnd" && !this.writeEnded) {
      this.writeEnded = true;
      this.went();
    }
    switch (next.action) {
      case "open+flushThenFin":
      case "flushThenFin":
        endBegun(this, this.wroteAt);
        if (this.queue.idle) this.#sendFin();
        else this.queue.schedule();
        break;
      case "emitEnd":
      case "emitEnd+localEnd":
      case "emitEnd+close":
        this.readEnded = true;
        this.#peerEndedFirst = before === "open";
        endGuarded(this, this.consumer);
        this.emit("end");
        // A listener may have ended or destroyed the socket, or want to write on.
        if (next.action === "emitEnd+localEnd" && this.state === next.state && !this.allowHalfOpen) {
          if (this.face.listenerCount("end") > 0) process.nextTick(endBehindPeer, this);
          else this.end();
        }
        break;
      case "emitFinish":
      case "emitFinish+close":
        this.finished();
        letGo(this);
        break;
    }
    // Here `state` is closed already; a listener that found something wrong may have finished it with its error.
    if (next.action === "emitEnd+close" || next.action === "emitFinish+close") {
      const truncated = this.transport?.security?.truncated ?? false;
      if (this.receipt === undefined) this.depart(undefined, reasonOfEnd(this.#peerEndedFirst, truncated), "all");
    }
  }

  #sendFin(): void {
    this.went();
    const sent = () => this.#step("finSent");
    // A shutdown that fails means that the peer reset the connection, which the read side reports.
    this.transport?.closeWrite().then(sent, sent);
  }

  /** Queues bytes; false means: wait for `drain`. They may be those of `end(data)`. */
  write(bytes: Uint8Array, callback?: WriteCallback, ends = false): boolean {
    if (!this.beginWrite(callback, ends)) return false;
    this.queue.append(bytes);
    if (!this.queue.copies(bytes.length)) {
      this.account?.keeps(bytes);
      const loan = Loan.keeps(bytes);
      if (loan !== undefined) this.queue.whenSent(loan.back);
    }
    if (callback !== undefined) this.queue.whenSent(callback);
    return this.endWrite();
  }

  /** Whether bytes may be queued now; if not, the refusal has been told. */
  beginWrite(callback?: WriteCallback, ends = false): boolean {
    if (!canWrite(this.state)) {
      this.#refuseWrite(callback, ends);
      return false;
    }
    const { maxWriteQueueBytes } = this.settings;
    if (this.queue.length < maxWriteQueueBytes) return true;
    const error = overflowError(this.queue.length, maxWriteQueueBytes);
    if (callback !== undefined) this.queue.whenSent(callback);
    this.destroy(error, "overflow");
    return false;
  }

  /** Sees to it that what was queued leaves; gives what `write()` gives. */
  endWrite(): boolean {
    this.account?.moved();
    if (!this.inTurn) this.queue.schedule();
    if (this.queue.length < this.settings.highWaterMarkBytes) return true;
    if (this.needDrain) return false;
    this.needDrain = true;
    this.keepDrainContext();
    this.host?.witness?.queueHigh(this.face, this.queue.length);
    return false;
  }

  /** A write has given false, or somebody listens for `drain`: once both are so, it is told in the context of now. */
  keepDrainContext(): void {
    // A snapshot takes microseconds: whoever does not listen does not pay for it.
    if (this.#drainContext !== undefined || !this.needDrain || this.face.listenerCount("drain") === 0) return;
    this.#drainContext = AsyncLocalStorage.snapshot();
  }

  #refuseWrite(callback: WriteCallback | undefined, ends: boolean): void {
    const destroyed = this.receipt !== undefined;
    if (destroyed && callback === undefined) return; // nobody to tell, and broadcasts do it a lot
    const bothEnded = this.readEnded && this.writeEnded && !this.allowHalfOpen;
    const error = refusedWrite(this.state, { destroyed, bothEnded, ends });
    if (destroyed || this.shutDown) return this.settleSoon(callback, error);
    this.lateWrite = callback; // what was written before has its answer first
    this.destroy(error, "error");
  }

  #flush(): void {
    if (this.queue.length > 0 || this.queue.hasCallbacks) this.queue.flush();
  }

  flushed(): void {
    flushEnded(this);
    this.paid();
    this.account?.moved();
    if (this.queue.length > 0) return; // corked
    if (this.needDrain) {
      this.needDrain = false;
      this.host?.witness?.queueLow(this.face);
      if (!this.settings.readWhileBlocked) this.wantMore();
      const inContext = this.#drainContext;
      this.#drainContext = undefined;
      if (canWrite(this.state)) inContext?.(() => this.emit("drain"));
      this.companions?.drained();
    }
    this.queue.settleAll();
    if ((this.state === "ending" || this.state === "endingLast") && this.queue.idle) this.#sendFin();
  }

  writeFailed(error: unknown): void {
    this.#fail(error, "write");
  }

  /** A callback that runs in the `AsyncLocalStorage` context of now, in a microtask behind its call. */
  inOwnContext(callback: WriteCallback): WriteCallback {
    // The reaction of a promise does by itself, and fifty times as fast, what `AsyncLocalStorage.bind` does.
    const { promise, resolve } = Promise.withResolvers<Error | null | undefined>();
    void promise.then((error) => this.settle(callback, error ?? undefined));
    return resolve;
  }

  settle(callback: WriteCallback, error: Error | undefined): void {
    try {
      callback(error ?? null);
    } catch (thrown) {
      this.handlerThrew(thrown);
    }
  }

  override silentSince(now: number): number {
    // A write that waits has a deadline of its own, and so has a handshake.
    if (this.upgrading || (this.progressAt > 0 && this.flushMs < Infinity)) return now;
    if (this.reader.refuses && !nobodyReads(this)) return now;
    return Math.max(this.movedAt, this.readsSince);
  }

  /** Takes the read side for one face; the same face may claim it again. */
  claim(consumer: ReadConsumer): void {
    const before = this.consumer;
    if (before === NOBODY) this.reader.lends = false;
    else if (before !== undefined && before !== consumer) throw claimedError(consumer.kind, before.kind);
    this.consumer = consumer;
  }

  /** The consumer can take more; in a microtask, so that the caller's own code comes first. */
  wantMore(): void {
    queueMicrotask(() => this.reader.resume());
  }

  deliver(chunk: Buffer, fresh: boolean): Taken {
    if (fresh) this.received(chunk.length);
    if (this.consumer === undefined || this.messagesWait || this.blocked) {
      this.account?.touch();
      this.refused();
      return "hold";
    }
    this.inTurn = true;
    this.handsOverLate = !fresh;
    const taken = takeGuarded(this, this.consumer, chunk);
    this.#flush();
    this.inTurn = false;
    this.handsOverLate = false;
    if (this.shutDown && taken !== "hold") this.endIfDone();
    if (taken !== "go") {
      this.account?.touch(); // the reader will hold it
      this.refused();
    } else if (!fresh || this.holders !== undefined) this.account?.moved(); // else nobody has kept anything
    return taken;
  }

  protected override spoke(): void {
    this.host?.spoke?.(this.face);
  }

  tokensWanted(side: "read" | "write"): void {
    if (side === "read") return this.refused();
    flushEnded(this);
    this.paid();
  }

  tokensCame(side: "read" | "write"): void {
    if (side === "write") this.flushing();
    else if (!this.reader.refuses) this.reads();
  }

  endWaits(): void {
    letGo(this);
  }

  /** Nothing is taken from whoever does not read what it is sent. */
  get blocked(): boolean {
    return this.needDrain && !this.settings.readWhileBlocked;
  }

  peerEnded(): void {
    this.came();
    process.nextTick(tellPeerEnd, this);
  }

  override peerHasEnded(): void {
    if (this.keepsEnd()) return;
    this.#step("peerEnd");
  }

  readFailed(error: unknown): void {
    this.#fail(error, "read");
  }

  /** The peer's address. */
  remote(): Endpoint {
    return endpointOf(this.transport?.remoteAddr);
  }

  #fail(error: unknown, syscall: string): void {
    const { address, port } = this.remote();
    const failure = systemError(error, { syscall, address, port });
    this.destroy(failure, reasonOfFailure(failure.code));
  }

  /** Calls listeners; what one throws is dealt with and goes no further. */
  emit(event: string, arg?: unknown): void {
    try {
      this.face.emit(event, arg);
    } catch (thrown) {
      this.handlerThrew(thrown);
    }
  }

  /** A listener or callback of the user threw or rejected. */
  handlerThrew(thrown: unknown): void {
    if (this.host === undefined) return throwLater(thrown);
    const error = asError(thrown);
    if (error === this.#thrown) return; // once more, out of the promise that failed with it
    this.#thrown = error;
    this.destroy(error, "error", "nobody");
    this.host.handlerFailed(error, this.face);
  }
}
