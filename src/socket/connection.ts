/**
 * One connection: asks the lifecycle machine what an event means, stores the state, performs the action. It owns the
 * transport, both directions and the way it ends; what users see of it is `TCPSocket`.
 */

import type { Buffer } from "node:buffer";
import { asError, FrameError, TcpError } from "../base/errors.ts";
import { systemError } from "../transport/error_codes.ts";
import { type Endpoint, endpointOf, type Transport } from "../transport/transport.ts";
import type { CloseReason, CloseReceipt } from "../observe/close_receipt.ts";
import { enterFlushWatch, flushEnded, Flushing, flushStarted, leaveFlushWatch } from "./flush_watch.ts";
import type { IdleTimer } from "./idle_timer.ts";
import { canWrite, type LifecycleEvent, type LifecycleState, step } from "./lifecycle.ts";
import { ReadLoop, type ReadPort, type Taken } from "./read_loop.ts";
import type { SocketSettings } from "./settings.ts";
import { type WriteCallback, WriteQueue, type WriteQueuePort } from "./write_queue.ts";

/** The face that users hold, as the connection sees it. */
export interface ConnectionFace {
  /** Calls the listeners; what they throw comes through. */
  emit(event: string, ...args: unknown[]): boolean;
  listenerCount(event: string): number;
}

/** Whoever reads: the event face, iteration, the readable stream or a pipe. */
export interface ReadConsumer {
  /** Its name for messages. */
  readonly kind: string;
  take(chunk: Buffer): Taken;
  /** The peer's FIN; everything before it was taken. */
  end(): void;
  /** The connection is over. Gives true if somebody was told the error through this face. */
  closed(error: Error | undefined): boolean;
}

/** The server that a socket belongs to. */
export interface SocketHost {
  /** A handler or listener threw or rejected. */
  handlerFailed(error: Error, face: ConnectionFace): void;
  /** The connection failed and nobody on the socket was told. */
  connectionFailed(error: Error, face: ConnectionFace): void;
  /** The connection is over: called once, before `close` is emitted. */
  connectionClosed(face: ConnectionFace, receipt: CloseReceipt): void;
}

/** Engine of one socket; see the module's comment. */
export class Connection extends Flushing implements WriteQueuePort, ReadPort {
  state: LifecycleState = "idle";
  transport: Transport | undefined;
  consumer: ReadConsumer | undefined;
  readonly queue: WriteQueue = new WriteQueue(this);
  readonly reader: ReadLoop = new ReadLoop(this);
  readonly settings: SocketSettings;
  readonly face: ConnectionFace;
  readonly host: SocketHost | undefined;
  allowHalfOpen: boolean;
  bytesRead = 0;
  lastActivity: number = Date.now();
  needDrain = false;
  readEnded = false;
  writeFinished = false;
  receipt: CloseReceipt | undefined;
  idle: IdleTimer | undefined;
  writeEnded = false;
  /** Gives up a connect that is under way. */
  stopDialing: (() => void) | undefined;
  /** Whoever awaits the connection gets its error. */
  connectFailed: ((error: Error | undefined) => void) | undefined;
  /** The writable stream hears of the end; true if that told somebody of the error. */
  writerFailed: ((error: Error | undefined) => boolean) | undefined;

  // Whether the peer's FIN came before our end, for the reason and for the code of a late write.
  #peerEndedFirst = false;
  // A data listener is running: its writes leave together right after it.
  #inTurn = false;
  #endWhenRead = false;
  #endCallbacks: WriteCallback[] | undefined;
  #closed: PromiseWithResolvers<CloseReceipt> | undefined;

  constructor(face: ConnectionFace, settings: SocketSettings, host: SocketHost | undefined) {
    super();
    this.face = face;
    this.settings = settings;
    this.host = host;
    this.flushMs = settings.flushMs;
    this.allowHalfOpen = settings.allowHalfOpen;
  }

  // ---- lifecycle ----

  /** A connect is under way. */
  dial(): void {
    this.#step("dial");
  }

  /** The transport is there. Reading starts with `startReading`, after whoever wants it could register. */
  open(transport: Transport): void {
    this.transport = transport;
    enterFlushWatch();
    try {
      if (this.settings.noDelay) transport.setNoDelay?.(true);
      if (this.settings.keepAlive) transport.setKeepAlive?.(true);
    } catch {
      // The peer is gone already; the first read says so properly.
    }
    this.queue.open(transport);
    this.touch();
    this.#step("connected");
  }

  /** Starts the read loop, and sends what was queued before there was a connection. */
  startReading(): void {
    if (this.transport === undefined) return;
    this.reader.open(this.transport);
    this.#flush();
  }

  /** The user has no more to write: what is queued goes out, then FIN. */
  end(callback?: WriteCallback): void {
    if (callback !== undefined) {
      if (this.writeFinished || this.state === "closed") {
        const error = this.writeFinished ? undefined : this.#destroyedError("end");
        queueMicrotask(() => this.settle(callback, error));
      } else (this.#endCallbacks ??= []).push(callback);
    }
    this.#step("localEnd");
  }

  /** As `end()`, but only once a chunk that was read has been handed over. */
  endWhenRead(): void {
    if (this.reader.held === undefined) this.end();
    else this.#endWhenRead = true;
  }

  /**
   * Ends everything now. With `error`, `error` is emitted before `close`, unless `silent` because it was told
   * elsewhere.
   */
  destroy(error?: Error, reason: CloseReason = reasonOf(error), silent = false): void {
    if (this.state === "closed") return;
    this.#finish(error, reason, silent);
  }

  /** The receipt, once the connection is over. */
  get closed(): Promise<CloseReceipt> {
    this.#closed ??= Promise.withResolvers();
    if (this.receipt !== undefined) this.#closed.resolve(this.receipt);
    return this.#closed.promise;
  }

  #step(event: LifecycleEvent): void {
    const next = step(this.state, event, this.allowHalfOpen);
    if (next.action === "refuse") return;
    const before = this.state;
    this.state = next.state;
    if (event === "localEnd" || next.action === "emitEnd+flushThenFin") this.writeEnded = true;
    switch (next.action) {
      case "open+flushThenFin":
      case "flushThenFin":
        if (this.queue.idle) this.#sendFin();
        else this.queue.schedule();
        break;
      case "emitEnd":
      case "emitEnd+flushThenFin":
      case "emitEnd+close":
        this.readEnded = true;
        this.#peerEndedFirst = before === "open";
        this.consumer?.end();
        this.emit("end");
        // A listener may have destroyed the socket.
        if (this.state !== next.state) break;
        if (next.action === "emitEnd+flushThenFin" && this.queue.idle) this.#sendFin();
        break;
      case "emitFinish":
      case "emitFinish+close":
        this.#emitFinish();
        break;
    }
    // Here `state` is closed already, which is what `destroy` looks at: the machine's own ends come this way.
    if (next.action === "emitEnd+close" || next.action === "emitFinish+close") {
      if (this.receipt === undefined) this.#finish(undefined, this.#peerEndedFirst ? "peer" : "local", false);
    }
  }

  #sendFin(): void {
    const sent = () => this.#step("finSent");
    // A shutdown that fails means that the peer reset the connection, which the read side reports.
    this.transport?.closeWrite().then(sent, sent);
  }

  #emitFinish(): void {
    this.writeFinished = true;
    const callbacks = this.#endCallbacks;
    this.#endCallbacks = undefined;
    callbacks?.forEach((callback) => this.settle(callback, undefined));
    this.emit("finish");
  }

  /** Frees everything at once; what is left to tell is told in a microtask. */
  #finish(error: Error | undefined, reason: CloseReason, silent: boolean): void {
    this.state = "closed";
    const { queue, transport } = this;
    const unsentBytes = queue.length;
    this.idle?.clear();
    this.reader.close();
    queue.close();
    if (transport !== undefined) {
      leaveFlushWatch(this);
      try {
        transport.close();
      } catch {
        // Closed below us already.
      }
    }
    this.receipt = Object.freeze({
      reason,
      bytesRead: this.bytesRead,
      bytesWritten: queue.sentBytes,
      unsentBytes,
      ...(error === undefined ? {} : { error }),
    });
    this.stopDialing?.();
    this.host?.connectionClosed(this.face, this.receipt);
    queueMicrotask(() => this.#announce(error, silent));
  }

  /** Tells everybody who waits for something, then the listeners. */
  #announce(error: Error | undefined, silent: boolean): void {
    const cause = error ?? this.#destroyedError("write");
    let told = this.connectFailed !== undefined;
    this.connectFailed?.(error);
    const callbacks = this.#endCallbacks;
    this.#endCallbacks = undefined;
    if (this.queue.hasCallbacks || callbacks !== undefined) told = true;
    this.queue.abort(cause);
    callbacks?.forEach((callback) => this.settle(callback, cause));
    if (this.consumer?.closed(error) === true) told = true;
    if (this.writerFailed?.(error) === true) told = true;
    this.consumer = undefined;
    if (error !== undefined && !silent) {
      if (this.face.listenerCount("error") > 0) this.emit("error", error);
      else if (this.host !== undefined) {
        if (!told) this.host.connectionFailed(error, this.face);
      } else if (!told) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    this.emit("close", error !== undefined);
    if (this.receipt !== undefined) this.#closed?.resolve(this.receipt);
  }

  // ---- writing ----

  /** Queues bytes; false means: wait for `drain`. */
  write(bytes: Uint8Array, callback?: WriteCallback): boolean {
    if (!this.beginWrite(callback)) return false;
    this.queue.append(bytes);
    if (callback !== undefined) this.queue.whenSent(callback);
    return this.endWrite();
  }

  /** Whether bytes may be queued now; if not, the refusal has been told. */
  beginWrite(callback?: WriteCallback): boolean {
    if (!canWrite(this.state)) {
      this.#refuseWrite(callback);
      return false;
    }
    const { maxWriteQueueBytes } = this.settings;
    if (this.queue.length < maxWriteQueueBytes) return true;
    const error = new TcpError(
      `Cannot write: ${this.queue.length} bytes are queued already, at most ${maxWriteQueueBytes} are allowed ` +
        `(limits.maxWriteQueueBytes)`,
      { code: "EOVERFLOW", syscall: "write" },
    );
    if (callback !== undefined) this.queue.whenSent(callback);
    this.destroy(error, "overflow");
    return false;
  }

  /** Sees to it that what was queued leaves; gives what `write()` gives. */
  endWrite(): boolean {
    if (!this.#inTurn) this.queue.schedule();
    if (this.queue.length < this.settings.highWaterMarkBytes) return true;
    this.needDrain = true;
    return false;
  }

  #refuseWrite(callback: WriteCallback | undefined): void {
    let error: TcpError;
    if (this.state === "closed") error = this.#destroyedError("write");
    else if (this.state === "idle") {
      error = new TcpError("Cannot write: the socket is not connected", {
        code: "ERR_SOCKET_CLOSED",
        syscall: "write",
      });
    } else if (this.#peerEndedFirst) {
      error = new TcpError("Cannot write: the peer has ended the connection", { code: "EPIPE", syscall: "write" });
    } else {
      error = new TcpError("Cannot write after end()", { code: "ERR_STREAM_WRITE_AFTER_END", syscall: "write" });
    }
    if (callback !== undefined) queueMicrotask(() => this.settle(callback, error));
    if (this.state !== "closed") this.destroy(error, "error");
  }

  #destroyedError(syscall: string): TcpError {
    return new TcpError(`Cannot ${syscall}: the socket is closed`, { code: "ERR_STREAM_DESTROYED", syscall });
  }

  #flush(): void {
    if (this.queue.length > 0 || this.queue.hasCallbacks) this.queue.flush();
  }

  flushing(): void {
    if (!this.#inTurn) this.touch(); // in a turn the read has just done it
    flushStarted(this, this.lastActivity);
  }

  wrote(): void {
    // A write that went through at once needs no second look at the clock.
    if (this.queue.length === 0 && this.idle === undefined) return;
    this.touch();
    flushStarted(this, this.lastActivity);
  }

  flushed(): void {
    flushEnded(this);
    if (this.queue.length > 0) return; // corked
    if (this.needDrain) {
      this.needDrain = false;
      if (canWrite(this.state)) this.emit("drain");
    }
    this.queue.settleAll();
    if ((this.state === "ending" || this.state === "endingLast") && this.queue.idle) this.#sendFin();
  }

  writeFailed(error: unknown): void {
    this.#fail(error, "write");
  }

  settle(callback: WriteCallback, error: Error | undefined): void {
    try {
      callback(error ?? null);
    } catch (thrown) {
      this.handlerThrew(thrown);
    }
  }

  stalled(): void {
    this.destroy(
      new TcpError(
        `The peer took no byte of ${this.queue.length} queued for ${this.flushMs} ms (deadlines.flushMs)`,
        { code: "ETIMEDOUT", syscall: "write" },
      ),
      "deadline:flush",
    );
  }

  // ---- reading ----

  /** Takes the read side for one face; the same face may claim it again. */
  claim(consumer: ReadConsumer): void {
    if (this.consumer !== undefined && this.consumer !== consumer) {
      throw new TcpError(`Cannot read by ${consumer.kind}: ${this.consumer.kind} already reads this socket`, {
        code: "ERR_READ_CLAIMED",
      });
    }
    this.consumer = consumer;
  }

  /** The consumer can take more; in a microtask, so that the caller's own code comes first. */
  wantMore(): void {
    queueMicrotask(() => this.reader.resume());
  }

  deliver(chunk: Buffer, fresh: boolean): Taken {
    if (fresh) {
      this.bytesRead += chunk.length;
      this.touch();
    }
    if (this.consumer === undefined) return "hold";
    this.#inTurn = true;
    const taken = this.consumer.take(chunk);
    this.#flush();
    this.#inTurn = false;
    if (this.#endWhenRead && taken !== "hold") this.end();
    return taken;
  }

  peerEnded(): void {
    this.touch();
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
    const gone = failure.code === "ECONNRESET" || failure.code === "EPIPE" || failure.code === "ECONNABORTED" ||
      failure.code === "ETIMEDOUT";
    this.destroy(failure, gone ? "reset" : "error");
  }

  // ---- the user's code ----

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
    if (this.host === undefined) {
      queueMicrotask(() => {
        throw thrown;
      });
      return;
    }
    const error = asError(thrown);
    this.destroy(error, "error", true);
    this.host.handlerFailed(error, this.face);
  }

  /** Something moved. */
  touch(): void {
    this.lastActivity = Date.now();
    if (this.idle?.fired === true) this.idle.rearm();
  }
}

function reasonOf(error: Error | undefined): CloseReason {
  if (error === undefined) return "destroyed";
  return error instanceof FrameError ? "protocol" : "error";
}
