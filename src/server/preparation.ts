/**
 * What happens to a connection between its accept and its announcement: a PROXY header, a TLS handshake. Many are prepared
 * at a time, each within the same deadlines, and none of them holds up the accepts or each other.
 */

import { now } from "../base/clock.ts";
import { DeadlineTimer, HANDSHAKE_STEPS } from "../base/deadline_timer.ts";
import { asError, TcpError } from "../base/errors.ts";
import type { Sheddable } from "../limits/guest.ts";
import type { CloseReason } from "../telemetry/close_receipt.ts";
import type { Listener } from "../transport/listener.ts";
import { closeQuietly, type Transport } from "../transport/transport.ts";
import { Acceptor, type AcceptPort } from "./accept_loop.ts";

/** Where a server's connections come from. */
export interface ConnectionSource {
  /** The next one, ready to be announced; undefined once the source is closed. One call at a time. */
  accept(): Promise<Transport | undefined>;
  /** Whether what it gives was prepared, and so has come in already. */
  readonly prepares: boolean;
  /** Those that are being prepared, or wait to be taken. */
  preparing(): Iterable<Prepared>;
  /** The one given last is about to be taken: it counts among the connections from now on. */
  taken(): void;
  /** There may be room where there was none. */
  boundMoved(): void;
  /** Ends the listening, and whatever is not announced yet; gives what the listener's `close` gives. */
  close(): void | Promise<void>;
}

/** Who is told of what fails. */
export type PreparationEvent = "proxyError" | "tlsClientError";

/** A connection that is being prepared. It is shed with the reason `shed`, unless it is about to be taken. */
export interface Prepared extends Sheddable {
  readonly transport: Transport;
}

/** What has to be done, within which time. */
export interface PreparationStep {
  /** Does it; rejects if it fails or the connection is closed meanwhile. */
  readonly prepare: (transport: Transport) => Promise<Transport>;
  /** Whether it has to be done with this one; always where left out. */
  readonly wants?: (transport: Transport) => boolean;
  /** What the deadline is called and how long it is; Infinity for none. */
  readonly deadline: { readonly option: string; readonly reason: CloseReason; readonly ms: number };
  /** The reason of any other failure. */
  readonly reasonOf: (error: Error) => CloseReason;
  readonly event: PreparationEvent;
  /** Told how long it took, and why it failed if it did. */
  readonly ended?: (ms: number, transport: Transport, error?: Error) => void;
}

/** What the preparation needs of its server, besides what the accepts need. */
export interface PreparationPort extends AcceptPort {
  /** How many may be prepared at a time. */
  readonly maxHandshakes: number;
  /** Whether one of those makes room for a newcomer; else newcomers wait. */
  readonly sheds: boolean;
  /** Lets one of them make room. */
  shedPreparing(): void;
  /** A connection was accepted. Gives false if it is not wanted; then it has been closed. */
  entered(connection: Prepared): boolean;
  /** A step has made another of it. Gives false if it is not wanted any more: then it is to be closed. */
  prepared(from: Transport, connection: Prepared): boolean;
  /** It is gone. */
  left(transport: Transport): void;
  /** It failed, and has been closed. Without an `event` it is only counted. */
  failed(error: Error, reason: CloseReason, transport: Transport, event?: PreparationEvent): void;
}

interface Entry extends Prepared {
  transport: Transport;
  /** When its stage began. */
  since: number;
  dueAt: number;
  /** Undefined once it is ready. */
  stage: Stage | undefined;
}

interface Stage {
  readonly step: PreparationStep;
  // In the order of their coming, which is that of their deadlines.
  readonly entries: Set<Entry>;
}

/** A source whose connections are prepared. */
export class Preparation implements ConnectionSource {
  readonly #acceptor: Acceptor;
  readonly #stages: readonly Stage[];
  readonly #port: PreparationPort;
  readonly #ready: Entry[] = [];
  readonly prepares = true;
  readonly #timer = new DeadlineTimer((now, sure) => this.#expire(now, sure), { steps: HANDSHAKE_STEPS });
  #waiting: PromiseWithResolvers<Transport | undefined> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #filling = false;
  #closed = false;

  /** `steps` are done one after the other. Peers beyond the port's `maxHandshakes` wait in the kernel, or others make room. */
  constructor(listener: Listener, steps: readonly PreparationStep[], port: PreparationPort) {
    this.#stages = steps.map((step) => ({ step, entries: new Set() }));
    this.#port = port;
    this.#acceptor = new Acceptor(listener, {
      admit: () => port.admit() ?? this.#whenRoom(),
      acceptFailed: (error, verdict) => port.acceptFailed(error, verdict),
      get background() {
        return port.background;
      },
    });
  }

  /** How many are being prepared, or are ready and wait to be taken. */
  get size(): number {
    return this.#stages.reduce((sum, { entries }) => sum + entries.size, this.#ready.length);
  }

  accept(): Promise<Transport | undefined> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return Promise.resolve(ready.transport);
    if (this.#closed) return Promise.resolve(undefined);
    this.#waiting = Promise.withResolvers();
    if (!this.#filling) void this.#fill();
    return this.#waiting.promise;
  }

  *preparing(): Generator<Prepared> {
    for (const { entries } of this.#stages) yield* entries;
    yield* this.#ready;
  }

  taken(): void {
    this.#makeRoom();
  }

  boundMoved(): void {
    this.#makeRoom();
  }

  close(): void | Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const left = this.#acceptor.close();
    this.#timer.clear();
    const error = closedError();
    for (const stage of this.#stages) {
      for (const entry of [...stage.entries]) this.#fail(entry, error, "shutdown");
    }
    for (const { transport } of this.#ready.splice(0)) this.#drop(transport, error, "shutdown");
    this.#makeRoom();
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
    return left;
  }

  /** Accepts as long as somebody waits. Never rejects: accept() does not. */
  async #fill(): Promise<void> {
    this.#filling = true;
    while (this.#waiting !== undefined) {
      const transport = await this.#acceptor.accept();
      if (transport === undefined) break;
      if (this.#closed) { // it was accepted in the turn of the close
        closeQuietly(transport);
        this.#port.failed(closedError(), "shutdown", transport);
        break;
      }
      const entry: Entry = { transport, since: 0, dueAt: 0, stage: undefined, shed: () => this.#shed(entry) };
      if (!this.#port.entered(entry)) continue;
      const full = this.#isFull;
      void this.#start(entry);
      // Whoever is told of that may close the server or change its rules: it has to be found then.
      if (full) this.#port.shedPreparing();
    }
    this.#filling = false;
  }

  // Never rejects: what fails goes to the port. Between two stages there is no turn in which it belongs to none.
  async #start(entry: Entry): Promise<void> {
    for (const stage of this.#stages) {
      const { step, entries } = stage;
      if (step.wants?.(entry.transport) === false) continue;
      entry.stage = stage;
      entry.since = now();
      entry.dueAt = entry.since + step.deadline.ms;
      entries.add(entry);
      if (step.deadline.ms < Infinity) this.#timer.lookBy(entry.dueAt);
      try {
        const before = entry.transport;
        const ready = await step.prepare(before);
        if (!entries.delete(entry)) return closeQuietly(ready); // too late
        entry.transport = ready;
        step.ended?.(now() - entry.since, ready);
        if (!this.#port.prepared(before, entry)) return this.#refuse(ready);
      } catch (thrown) {
        const error = asError(thrown);
        this.#fail(entry, error, step.reasonOf(error), step.event);
        return;
      }
    }
    entry.stage = undefined;
    this.#handOn(entry);
    this.#stopTimerIfIdle();
  }

  #handOn(entry: Entry): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#ready.push(entry);
    else waiting.resolve(entry.transport);
  }

  #shed(entry: Entry): boolean {
    const error = new TcpError("The connection was closed to make room for another (limits.shedSilent)", {
      code: "ECONNABORTED",
    });
    if (entry.stage !== undefined) return this.#fail(entry, error, "shed");
    const at = this.#ready.indexOf(entry);
    if (at < 0) return false;
    this.#ready.splice(at, 1);
    this.#drop(entry.transport, error, "shed");
    return true;
  }

  /** Says whether it was still being prepared. */
  #fail(entry: Entry, error: Error, reason: CloseReason, event?: PreparationEvent): boolean {
    if (entry.stage?.entries.delete(entry) !== true) return false;
    entry.stage.step.ended?.(now() - entry.since, entry.transport, error);
    this.#drop(entry.transport, error, reason, event);
    this.#stopTimerIfIdle();
    return true;
  }

  /** The port has told why. */
  #refuse(transport: Transport): void {
    closeQuietly(transport);
    this.#port.left(transport);
    this.#makeRoom();
    this.#stopTimerIfIdle();
  }

  #drop(transport: Transport, error: Error, reason: CloseReason, event?: PreparationEvent): void {
    closeQuietly(transport);
    this.#port.left(transport);
    this.#makeRoom();
    this.#port.failed(error, reason, transport, event);
  }

  #expire(now: number, sure: boolean): number {
    return Math.min(...this.#stages.map((stage) => this.#expireIn(stage, now, sure)));
  }

  #expireIn(stage: Stage, now: number, sure: boolean): number {
    const { deadline: { option, reason, ms }, event } = stage.step;
    for (const entry of stage.entries) {
      if (!sure || entry.dueAt > now) return entry.dueAt;
      const error = new TcpError(`The connection was not ready within ${ms} ms (${option})`, { code: "ETIMEDOUT" });
      this.#fail(entry, error, reason, event);
    }
    return Infinity;
  }

  /** Without a connection under way there is nothing to look at. */
  #stopTimerIfIdle(): void {
    if (this.size === this.#ready.length) this.#timer.clear();
  }

  get #isFull(): boolean {
    return this.size >= this.#port.maxHandshakes;
  }

  #whenRoom(): Promise<void> | undefined {
    if (this.#port.sheds || !this.#isFull) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  #makeRoom(): void {
    if (!this.#closed && !this.#port.sheds && this.#isFull) return;
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** What a connection fails with that was accepted and is not announced. */
export function closedError(): TcpError {
  return new TcpError("The server was closed before the connection was ready", { code: "ECONNABORTED" });
}
