/** How a connection ends: the last offer to the kernel, the descriptor, the receipt, and those who wait for the end. */

import { now } from "../base/clock.ts";
import { type CloseReason, type CloseReceipt, receiptOf } from "../telemetry/close_receipt.ts";
import { closeQuietly, type Transport } from "../transport/transport.ts";
import { AcceptedWork } from "./accepted_work.ts";
import { announceEnd, type Audience, type EndedConnection } from "./announce_end.ts";
import type { Companions } from "./companions.ts";
import type { ConnectionFace, ReadConsumer, SocketHost } from "./connection_ports.ts";
import { destroyedError, finishedError, LAST_WRITE_MS, reasonOf, waitsForLastWrite } from "./endings.ts";
import { flushStarted, leaveFlushWatch } from "./flush_watch.ts";
import type { WriteCallback } from "./write_queue.ts";

/** See the module's comment. */
export abstract class Departure extends AcceptedWork implements EndedConnection {
  abstract readonly face: ConnectionFace;
  abstract readonly host: SocketHost | undefined;
  abstract transport: Transport | undefined;
  abstract consumer: ReadConsumer | undefined;
  /** How it ended; its counts are final when `close` is emitted. */
  receipt: CloseReceipt | undefined;
  writeFinished = false;
  /** Gives up a connect that is under way. */
  stopDialing: (() => void) | undefined;
  /** Somebody has `closed`: he is told how the connection ended, so that of a client nothing is uncaught. */
  awaited = false;
  /** Whoever awaits the connection gets its error. */
  connectFailed: ((error: Error | undefined) => void) | undefined;
  /** Pipes into this socket, and protocols on it. */
  companions: Companions | undefined;
  /** The writable stream hears of the end; true if that told somebody of the error. */
  writerFailed: ((error: Error | undefined) => boolean) | undefined;
  /** The callback of the write that was not taken, and is why it ended. */
  protected lateWrite: WriteCallback | undefined;
  #endCallbacks: WriteCallback[] | undefined;
  // Callbacks of calls that came after the end and before `close`, which is the last.
  #lateCallbacks: (() => void)[] | undefined;
  #announced = false;
  #closed: PromiseWithResolvers<CloseReceipt> | undefined;

  abstract settle(callback: WriteCallback, error: Error | undefined): void;
  abstract emit(event: string, arg?: unknown): void;
  abstract handlerThrew(thrown: unknown): void;

  /** The receipt, once the connection is over. */
  get closed(): Promise<CloseReceipt> {
    this.#closed ??= Promise.withResolvers();
    if (this.receipt !== undefined && this.#announced) this.#closed.resolve(this.receipt);
    return this.#closed.promise;
  }

  /**
   * Ends everything now. With `error`, `error` is emitted before `close`; `audience` says who else is told, because
   * somebody was told already.
   */
  override destroy(error?: Error, reason: CloseReason = reasonOf(error), audience: Audience = "all"): void {
    if (this.receipt !== undefined || (this.state === "closed" && error === undefined)) return;
    this.depart(error, reason, audience);
  }

  /** Ends everything; what is queued is offered to the kernel once more before the descriptor goes. */
  protected depart(error: Error | undefined, reason: CloseReason, audience: Audience): void {
    this.state = "closed";
    const { queue, transport } = this;
    const { inFlight } = queue;
    this.stopClocks();
    this.reader.close();
    this.receipt = receiptOf(reason, this.bytesRead, queue.sentBytes, queue.length, error);
    this.stopDialing?.();
    const idle = queue.length === 0 && !inFlight;
    if (idle || !queue.conclude(() => this.#free(audience, inFlight))) this.#free(audience, inFlight);
    // Where the kernel has answered, or the peer is at fault, nobody waits; a write in flight tells all the same how it fared.
    else if (queue.full || !waitsForLastWrite(reason)) closeQuietly(transport!); // a write needs one
    else flushStarted(this, this.progressAt || Math.floor(now()));
  }

  override get flushMs(): number {
    return this.receipt === undefined ? super.flushMs : LAST_WRITE_MS;
  }

  override stalled(): void {
    if (this.receipt === undefined) super.stalled();
    else closeQuietly(this.transport!); // it was written to
  }

  /** Lets go of the descriptor; what is left to tell is told in a microtask. */
  #free(audience: Audience, inFlight: boolean): void {
    const { queue, transport } = this;
    queue.close();
    if (transport !== undefined) {
      leaveFlushWatch(this);
      closeQuietly(transport);
    }
    const { reason, error, bytesWritten } = this.receipt!; // see `depart`
    if (bytesWritten !== queue.sentBytes) {
      this.receipt = receiptOf(reason, this.bytesRead, queue.sentBytes, queue.length, error);
    }
    this.host?.connectionClosed(this.face, this.receipt!);
    queueMicrotask(() => this.#announce(error, audience, inFlight));
  }

  #announce(error: Error | undefined, audience: Audience, inFlight: boolean): void {
    announceEnd(this, error, audience, inFlight, this.#takeEndCallbacks(), this.lateWrite, () => {
      const late = this.#lateCallbacks;
      this.#lateCallbacks = undefined;
      this.#announced = true;
      late?.forEach((settle) => settle());
      const last = () => this.#close(error !== undefined);
      if (late === undefined) last();
      else queueMicrotask(last);
    });
  }

  #close(hadError: boolean): void {
    this.emit("close", hadError);
    if (this.receipt !== undefined) this.#closed?.resolve(this.receipt);
  }

  /** For a callback of `end()`. */
  protected whenFinished(callback: WriteCallback): void {
    if (this.writeFinished) this.settleSoon(callback, finishedError());
    else if (this.receipt !== undefined) this.settleSoon(callback, this.receipt.error ?? destroyedError("end"));
    else (this.#endCallbacks ??= []).push(callback);
  }

  /** Our FIN is out. */
  protected finished(): void {
    this.writeFinished = true;
    const callbacks = this.#takeEndCallbacks();
    const finish = () => {
      this.emit("finish");
      this.companions?.writesOver();
    };
    if (callbacks.length === 0) return finish();
    for (const callback of callbacks) this.settle(callback, undefined);
    queueMicrotask(finish); // they run in microtasks of their own
  }

  /** Later in this turn, but before `close`. */
  protected settleSoon(callback: WriteCallback | undefined, error: Error): void {
    if (callback === undefined) return;
    const settle = () => this.settle(callback, error);
    if (this.receipt === undefined || this.#announced) queueMicrotask(settle);
    else (this.#lateCallbacks ??= []).push(settle);
  }

  #takeEndCallbacks(): readonly WriteCallback[] {
    const callbacks = this.#endCallbacks ?? [];
    this.#endCallbacks = undefined;
    return callbacks;
  }
}
