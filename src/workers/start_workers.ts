/** Several workers that serve one port, kept alive by the main thread. */

import { EventEmitter } from "node:events";
import { typeError } from "../base/argument_errors.ts";
import { checkInteger, checkKeys, invalid, show } from "../base/check.ts";
import { asError, TcpError } from "../base/errors.ts";
import { now, startTimer, stopTimer, type Timer } from "../base/clock.ts";
import { createServer } from "../server/create_server.ts";
import { type CloseOptions, resolveClose } from "../server/drain.ts";
import type { DrainReport } from "../telemetry/drain_report.ts";
import type { LimitsUpdate } from "../server/limit_options.ts";
import type { ServerAddress } from "../server/server_types.ts";
import { type CloseOnSignalsOptions, SignalWatch } from "../server/signals.ts";
import { addMetrics, countsOf, type ServerMetrics } from "../telemetry/metrics.ts";
import type { TlsOptions } from "../tls/tls_options.ts";
import { BusRelay } from "./bus_relay.ts";
import type { SharedBy, ToWorker } from "./messages.ts";
import { findSharing, freePort } from "./port_sharing.ts";
import { WorkerThread } from "./worker_thread.ts";

/** Options of {@link startWorkers}. */
export interface StartWorkersOptions {
  /**
   * How many workers.
   *
   * @default {navigator.hardwareConcurrency}
   */
  count?: number;
  /** What `dataOfWorker()` returns in each worker: anything that can be cloned. */
  data?: unknown;
  /**
   * The largest heap of each worker, in MiB. A worker that needs more ends and is replaced.
   *
   * @default {2_048}
   */
  maxHeapMiB?: number;
}

/** What the listeners of {@link Workers} are called with. */
export interface WorkersEvents {
  /**
   * A worker threw, exited, ran out of memory, or did not answer for 10 seconds. It is replaced, after a pause that grows
   * while workers fail soon after their start; the others go on.
   */
  workerFailed: [error: Error & { code?: string }, worker: number];
}

// The pause before a worker is replaced.
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
// How long a worker may take to say what it has counted.
const ANSWER_MS = 1_000;
// A worker that lived for that long did not fail at its start.
const STABLE_MS = 10_000;

/**
 * Workers that serve one port. Made by {@link startWorkers}. Limits apply to each worker by itself: four workers with
 * `maxConnections: 1_000` accept 4,000 connections.
 */
export class Workers extends EventEmitter<WorkersEvents> {
  readonly #ready: Promise<void>;
  // Whether somebody is told if they do not start.
  #awaited = false;
  #startFailure: Error | undefined;
  readonly #sharing: Promise<SharedBy>;
  readonly #url: URL;
  readonly #options: StartWorkersOptions;
  readonly #count: number;
  readonly #maxHeapMiB: number;
  readonly #threads = new Set<WorkerThread>();
  // Those that listen.
  readonly #serving = new Map<WorkerThread, PromiseWithResolvers<void>>();
  readonly #relay = new BusRelay();
  readonly #pauses = new Set<Timer>();
  // What those have counted that are gone.
  #left: ServerMetrics = createServer().metrics();
  #ids = 0;
  #failures = 0;
  #sharedBy: SharedBy = "loadBalanced";
  #port = 0;
  #address: ServerAddress | undefined;
  #begun = false;
  #closing: Promise<DrainReport> | undefined;
  #signals: SignalWatch | undefined;
  #restarting: Promise<void> = Promise.resolve();
  // What was changed since the start, for workers to come.
  #limits: LimitsUpdate | undefined;
  #tls: Partial<TlsOptions> | undefined;

  /** Use {@link startWorkers}. */
  constructor(url: string | URL, options: StartWorkersOptions = {}) {
    super();
    checkKeys("options", options, ["count", "data", "maxHeapMiB"]);
    if (typeof url !== "string" && !(url instanceof URL)) throw invalid("url", "the URL of a module", url);
    this.#url = moduleAt(url);
    this.#options = options;
    this.#count = checkInteger("count", options.count, navigator.hardwareConcurrency, 1, 1_024);
    this.#maxHeapMiB = checkInteger("maxHeapMiB", options.maxHeapMiB, 2_048, 8, 1_048_576);
    this.#sharing = findSharing();
    this.#ready = this.#start();
    this.#ready.catch(() => {/* see `#start` */});
  }

  /**
   * Resolves when all workers listen. Rejects with the error of the first one that could not; all are ended then. The
   * error is uncaught if the program neither reads this property, nor calls `closeOnSignals`, nor listens for
   * `workerFailed`.
   */
  get ready(): Promise<void> {
    this.#awaited = true;
    return this.#ready;
  }

  /** How many workers listen now. */
  get size(): number {
    return this.#serving.size;
  }

  /** Whether new connections are wanted: a worker listens, and `close` was not called. For readiness probes. */
  get listening(): boolean {
    return this.size > 0 && this.#closing === undefined;
  }

  /** Where the workers listen; null until the first one does. */
  address(): ServerAddress | null {
    return this.#address ?? null;
  }

  /**
   * The sum of the metrics of all workers, those that have ended included. What a failed worker had counted since the
   * last call is lost. A worker that does not answer within a second counts as it did then.
   */
  async metrics(): Promise<ServerMetrics> {
    const asked = [...this.#threads].filter(({ listens }) => listens);
    await Promise.all(asked.map((thread) => askQuietly(thread)));
    // Who has gone meanwhile counts among those that are gone.
    return asked.flatMap(({ over, lastMetrics }) => over ? [] : lastMetrics ?? []).reduce(addMetrics, this.#left);
  }

  /** Changes limits in every worker, later ones included; see `app.updateLimits`. Rejects if one worker refuses. */
  async updateLimits(limits: LimitsUpdate): Promise<void> {
    await this.#changeAll((id) => ({ type: "updateLimits", id, limits }));
    this.#limits = { ...this.#limits, ...limits };
  }

  /**
   * Changes keys and certificates in every worker, later ones included; see `app.reloadTls`. Rejects if one worker
   * refuses.
   */
  async reloadTls(tls: Partial<TlsOptions>): Promise<void> {
    await this.#changeAll((id) => ({ type: "reloadTls", id, tls }));
    this.#tls = { ...this.#tls, ...tls };
  }

  /**
   * Replaces every worker, one after the other: a new one listens before the old one drains, so no connect is refused
   * and every accepted request is answered within `drainMs`. The new workers run the current version of the module's
   * files.
   */
  restart(options: CloseOptions = {}): Promise<void> {
    resolveClose(options);
    const before = this.#restarting;
    this.#restarting = (async () => {
      await before.catch(() => {}); // it was told to whoever asked for it
      await this.#ready;
      for (const thread of [...this.#serving.keys()]) {
        if (this.#closing !== undefined) return;
        try {
          await this.#run(false);
        } catch (error) {
          if (this.#closing !== undefined) return; // nobody wants it any more
          throw error;
        }
        this.#serving.delete(thread);
        await thread.close(options);
      }
    })();
    return this.#restarting;
  }

  /** Drains all workers, as `app.close` does; resolves with the sum of their reports when they are gone. */
  close(options: CloseOptions = {}): Promise<DrainReport> {
    resolveClose(options);
    return this.#closing ??= this.#closeAll((thread) => thread.close(options));
  }

  /** The same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Ends all workers now; what they had under way is lost. */
  destroy(): void {
    for (const thread of this.#threads) void thread.terminate();
    this.#closing ??= this.#closeAll((thread) => thread.terminate().then(() => undefined));
  }

  /**
   * Closes at the first of these signals, as `app.closeOnSignals` does, and destroys at the second. Signals belong to the main
   * thread: do not call `closeOnSignals` in a worker. Rejects, as `ready` does, if they could not start.
   */
  closeOnSignals(options: CloseOnSignalsOptions = {}): Promise<DrainReport> {
    if (this.#signals !== undefined) throw invalid("closeOnSignals", "called once", "called again");
    this.#signals = new SignalWatch(this, options);
    if (this.#closing !== undefined) void this.#closing.then((report) => this.#signals?.stop(report));
    return this.#reportOf(this.#signals);
  }

  async #reportOf({ report }: SignalWatch): Promise<DrainReport> {
    const closed = await report;
    if (this.#startFailure !== undefined) throw this.#startFailure;
    return closed;
  }

  async #start(): Promise<void> {
    try {
      this.#sharedBy = await this.#sharing;
      await this.#run(); // the first one finds out what is wrong, and which port it is
      this.#begun = true;
      await Promise.all(Array.from({ length: this.#count - 1 }, () => this.#run()));
    } catch (error) {
      if (this.#closing === undefined) this.#failedToStart(asError(error));
      await this.close({ drainMs: 0 });
      throw error;
    }
  }

  /** Somebody has to hear of it: a program that serves nothing must not end as if all were well. */
  #failedToStart(error: Error): void {
    this.#startFailure = error;
    if (this.#awaited || this.#signals !== undefined || this.listenerCount("workerFailed") > 0) return;
    queueMicrotask(() => {
      throw error;
    });
  }

  /**
   * Starts one worker; resolves when it listens, rejects when it fails before. Then it is tried again, unless somebody else
   * still has its place.
   */
  #run(wanted = true): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(endedError());
    const { data } = this.#options;
    const maxHeapMiB = this.#maxHeapMiB;
    const listens = Promise.withResolvers<void>();
    const startedAt = now();
    let serving = false;
    const thread = new WorkerThread({ url: this.#url, id: ++this.#ids, data, maxHeapMiB }, {
      portFor: ({ hostname, port }) => {
        if (this.#port === 0) this.#port = port === 0 ? freePort(hostname) : port;
        return { port: this.#port, sharedBy: this.#sharedBy };
      },
      listening: (thread, address) => {
        this.#address ??= address;
        serving = true;
        this.#serving.set(thread, listens);
        // Nobody waits for these answers, so they are no call's.
        if (this.#limits !== undefined) thread.send({ type: "updateLimits", id: 0, limits: this.#limits });
        if (this.#tls !== undefined) thread.send({ type: "reloadTls", id: 0, tls: this.#tls });
        listens.resolve();
      },
      bus: (thread, message) => this.#relay.receive(thread, message),
      gone: (thread, error) => {
        this.#threads.delete(thread);
        this.#serving.delete(thread);
        this.#relay.forget(thread);
        if (thread.lastMetrics !== undefined) this.#left = addMetrics(this.#left, countsOf(thread.lastMetrics));
        if (!serving) listens.reject(error ?? endedError());
        if (error === undefined) return;
        if (serving || (this.#begun && wanted)) this.#replace(now() - startedAt);
        this.emit("workerFailed", error, thread.id);
      },
    });
    this.#threads.add(thread);
    return listens.promise;
  }

  #replace(livedMs: number): void {
    if (this.#closing !== undefined) return;
    if (livedMs >= STABLE_MS) this.#failures = 0;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS);
    const timer = startTimer(() => {
      this.#pauses.delete(timer);
      this.#run().catch(() => {/* it was told, and is replaced in its turn */});
    }, pauseMs);
    this.#pauses.add(timer);
  }

  async #changeAll(messageOf: (id: number) => ToWorker): Promise<void> {
    await this.#ready;
    const asked = new Set<WorkerThread>();
    // Those that begin to serve meanwhile are asked, too; who goes meanwhile has a successor.
    for (let left = this.#notIn(asked); left.length > 0; left = this.#notIn(asked)) {
      await Promise.all(left.map((thread) => {
        asked.add(thread);
        return thread.ask(messageOf).catch((error) => {
          if (!thread.over) throw error;
        });
      }));
    }
  }

  #notIn(asked: ReadonlySet<WorkerThread>): WorkerThread[] {
    return [...this.#serving.keys()].filter((thread) => !asked.has(thread));
  }

  async #closeAll(end: (thread: WorkerThread) => Promise<DrainReport | undefined>): Promise<DrainReport> {
    for (const timer of this.#pauses) stopTimer(timer);
    this.#pauses.clear();
    await this.#sharing.catch(() => {/* it was told */});
    const reports = await Promise.all([...this.#threads].map(end));
    const sum = { ended: 0, forced: 0, unsentBytes: 0, tookMs: 0 };
    for (const report of reports) {
      sum.ended += report?.ended ?? 0;
      sum.forced += report?.forced ?? 0;
      sum.unsentBytes += report?.unsentBytes ?? 0;
      sum.tookMs = Math.max(sum.tookMs, report?.tookMs ?? 0);
    }
    this.#signals?.stop(sum);
    return sum;
  }
}

function moduleAt(url: string | URL): URL {
  const whole = URL.parse(url);
  if (whole !== null) return whole;
  const example = 'new URL("./server.ts", import.meta.url)';
  throw typeError("ERR_INVALID_URL", `Option "url" must be a whole URL, such as ${example}; it is ${show(url)}`);
}

/** For whoever waits for a worker that is not to come. */
function endedError(): TcpError {
  return new TcpError("The worker was ended before it listened", { code: "ECANCELED" });
}

/** A worker that goes while it is asked has nothing to say any more; for one that is busy its last word stands. */
async function askQuietly(thread: WorkerThread): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = startTimer(resolve, ANSWER_MS);
  try {
    await Promise.race([thread.ask((id) => ({ type: "metrics", id })), late]);
  } catch {
    // as said
  } finally {
    stopTimer(timer);
  }
}

/**
 * Runs a module in several workers that serve one port, one on each core where `count` is left out. In the module call
 * `serveInWorker(app, { port })`; run by itself the same module just listens.
 *
 * Needs `--allow-net`, and `--allow-read` for the module. A short test at the start shows whether this version of Deno
 * can share a port by itself. If it cannot, Deno has to run with `--unstable-net`; without that flag `ready` rejects
 * with `ERR_FEATURE_UNAVAILABLE`.
 *
 * @throws {TypeError | RangeError} For invalid options.
 *
 * @example
 * ```ts ignore
 * import { startWorkers } from "@verb/tcp/workers";
 *
 * const workers = startWorkers(new URL("./server.ts", import.meta.url), { count: 4 });
 * workers.on("workerFailed", (error, worker) => console.error(worker, error));
 * await workers.ready;
 * await workers.closeOnSignals({ drainMs: 20_000 });
 * ```
 */
export function startWorkers(url: string | URL, options?: StartWorkersOptions): Workers {
  return new Workers(url, options);
}
