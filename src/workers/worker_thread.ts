/** One worker, as the main thread sees it: started, asked, watched and ended. */

import { Worker } from "node:worker_threads";
import { MAX_TIMER_MS } from "../base/check.ts";
import { now, startBackgroundTimer, startTimer, stopTimer, type Timer } from "../base/clock.ts";
import { TcpError } from "../base/errors.ts";
import { type CloseOptions, resolveClose } from "../server/drain.ts";
import type { DrainReport } from "../telemetry/drain_report.ts";
import type { ServerAddress } from "../server/server_types.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";
import type { SharedBy, ToldError, ToMain, ToWorker, WorkerSeat } from "./messages.ts";

const PING_MS = 2_000;
/** A worker that says nothing for that long hangs. */
const HANG_MS = 10_000;
/** Loading its module may take longer: it is fetched, and checked. */
const START_MS = 60_000;
/** What a worker gets on top of its drain to say how it went. */
const CLOSE_GRACE_MS = 2_000;

/** Whom a worker tells. */
export interface WorkerOwner {
  /** It says where it wants to listen; gives the port that it gets. */
  portFor(wanted: { hostname: string; port: number }): { port: number; sharedBy: SharedBy };
  listening(worker: WorkerThread, address: ServerAddress): void;
  bus(worker: WorkerThread, message: ToMain & { readonly type: "busPublish" | "busSubscribe" }): void;
  /** It has ended; with what was wrong, unless it was asked to. */
  gone(worker: WorkerThread, error: Error | undefined): void;
}

/** What a worker is made of. */
export interface WorkerMaking {
  readonly url: URL;
  readonly id: number;
  readonly data: unknown;
  readonly maxHeapMiB: number;
}

/** See the module's comment. */
export class WorkerThread {
  readonly id: number;
  /** It has listened: it can be asked for its metrics. */
  listens = false;
  /** What it has counted, by its last word on that. */
  lastMetrics: ServerMetrics | undefined;
  readonly #worker: Worker;
  readonly #owner: WorkerOwner;
  readonly #calls = new Map<number, PromiseWithResolvers<ServerMetrics | undefined>>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<DrainReport | undefined>();
  #ids = 0;
  #heardAt = now();
  #patienceMs = START_MS;
  #watch: Timer;
  // It was asked to end: its exit is no failure.
  #ending = false;
  #failure: Error | undefined;
  #over = false;
  #heapLimitBytes = Infinity;

  constructor({ url, id, data, maxHeapMiB }: WorkerMaking, owner: WorkerOwner) {
    this.id = id;
    this.#owner = owner;
    const workerData: WorkerSeat = { verbTcp: { id, data } };
    this.#worker = new Worker(url, {
      workerData,
      // Without a bound a worker that runs out of memory takes the whole process with it.
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMiB },
    });
    this.#worker.on("message", (message: ToMain) => this.#hear(message));
    this.#worker.on("error", (error: Error & { code?: string }) => this.#failure ??= error);
    this.#worker.on("exit", (code: number) => this.#exited(code));
    this.#ping();
  }

  /** Whether it has ended, in whatever way. */
  get over(): boolean {
    return this.#over;
  }

  send(message: ToWorker): void {
    if (!this.#over) this.#worker.postMessage(message);
  }

  /** Sends what `messageOf` makes of a number and waits for the answer; rejects with what went wrong in the worker. */
  ask(messageOf: (id: number) => ToWorker): Promise<ServerMetrics | undefined> {
    if (this.#over) return Promise.reject(goneError(this.id));
    const id = ++this.#ids;
    const call = Promise.withResolvers<ServerMetrics | undefined>();
    this.#calls.set(id, call);
    this.send(messageOf(id));
    return call.promise;
  }

  /** Lets it drain; resolves with its report when it is gone, undefined if it went without one. */
  async close(options: CloseOptions): Promise<DrainReport | undefined> {
    this.#ending = true;
    const { settleMs, drainMs } = resolveClose(options);
    this.send({ type: "close", options });
    // One that does not even serve, or hangs, has no report to give.
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = startTimer(resolve, Math.min(settleMs + drainMs + CLOSE_GRACE_MS, MAX_TIMER_MS));
    const report = await Promise.race([this.#closed.promise, this.#gone.promise, late]);
    stopTimer(timer);
    await this.terminate();
    return report ?? undefined;
  }

  /** Ends it now. */
  async terminate(): Promise<void> {
    this.#ending = true;
    if (!this.#over) await this.#worker.terminate();
    await this.#gone.promise;
  }

  #hear(message: ToMain): void {
    this.#heardAt = now();
    switch (message.type) {
      case "serves":
        this.#patienceMs = HANG_MS;
        this.#heapLimitBytes = message.heapLimitBytes;
        return this.send({ type: "listen", ...this.#owner.portFor(message) });
      case "listening":
        this.listens = true;
        return this.#owner.listening(this, message.address);
      case "failed":
        return this.#fail(toError(message.error));
      case "closed":
        this.lastMetrics = message.metrics;
        return this.#closed.resolve(message.report);
      case "metrics":
        this.lastMetrics = message.metrics;
        return this.#settle(message.id, message.metrics, undefined);
      case "done":
        return this.#settle(message.id, undefined, message.error);
      case "busPublish":
      case "busSubscribe":
        return this.#owner.bus(this, message);
      case "pong":
        // Where memory runs out behind an await, the runtime ends that function only, raises the limit and says nothing.
        if (message.heapLimitBytes > this.#heapLimitBytes) this.#fail(outOfMemoryError(this.id));
    }
  }

  #settle(id: number, metrics: ServerMetrics | undefined, error: ToldError | undefined): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error !== undefined) call?.reject(toError(error));
    else call?.resolve(metrics);
  }

  #ping(): void {
    this.#watch = startBackgroundTimer(() => {
      if (now() - this.#heardAt < this.#patienceMs) {
        this.send({ type: "ping" });
        return this.#ping();
      }
      this.#fail(hangsError(this.id, this.#patienceMs));
    }, PING_MS);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    void this.#worker.terminate();
  }

  #exited(code: number): void {
    if (this.#over) return;
    this.#over = true;
    stopTimer(this.#watch);
    for (const call of this.#calls.values()) call.reject(goneError(this.id));
    this.#calls.clear();
    this.#gone.resolve();
    const exited = () => new TcpError(`Worker ${this.id} exited with ${code}`, { code: "ERR_WORKER_EXITED" });
    this.#owner.gone(this, this.#failure ?? (this.#ending ? undefined : exited()));
  }
}

function goneError(id: number): TcpError {
  return new TcpError(`Worker ${id} is gone`, { code: "ERR_WORKER_EXITED" });
}

function hangsError(id: number, ms: number): TcpError {
  return new TcpError(`Worker ${id} did not answer for ${ms} ms`, { code: "ERR_WORKER_HANGS" });
}

function outOfMemoryError(id: number): TcpError {
  return new TcpError(`Worker ${id} ran out of memory`, { code: "ERR_WORKER_OUT_OF_MEMORY" });
}

function toError({ message, code }: ToldError): TcpError {
  return new TcpError(message, { code: code ?? "ERR_WORKER_FAILED" });
}
