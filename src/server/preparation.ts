/**
 * What happens to a connection between its accept and its announcement: a TLS handshake, for example. Many are prepared at
 * a time, each within the same deadline, and none of them holds up the accepts or each other.
 */

import { DeadlineTimer } from "../base/deadline_timer.ts";
import { asError, TcpError } from "../base/errors.ts";
import type { CloseReason } from "../observe/close_receipt.ts";
import type { Listener } from "../transport/listen.ts";
import { closeQuietly, type Transport } from "../transport/transport.ts";
import { Acceptor, type AcceptPort } from "./accept_loop.ts";

/** Where a server's connections come from. */
export interface ConnectionSource {
  /** The next one, ready to be announced; undefined once the source is closed. One call at a time. */
  accept(): Promise<Transport | undefined>;
  /** The one given last was taken: it counts among the connections from now on. */
  taken(): void;
  /** Ends the listening, and whatever is not announced yet. */
  close(): void;
}

/** What has to be done, within which time. */
export interface PreparationSteps {
  /** Does it; rejects if it fails or the connection is closed meanwhile. */
  readonly prepare: (transport: Transport) => Promise<Transport>;
  /** What the deadline is called and how long it is; Infinity for none. */
  readonly deadline: { readonly option: string; readonly reason: CloseReason; readonly ms: number };
  /** The reason of any other failure. */
  readonly reason: CloseReason;
  /** Most at a time; then further peers wait in the kernel. */
  readonly max: () => number;
}

/** What the preparation needs of its server, besides what the accepts need. */
export interface PreparationPort extends AcceptPort {
  /** A connection was accepted. Gives false if it is not wanted; then it has been closed. */
  entered(transport: Transport): boolean;
  /** It is counted otherwise now. */
  left(): void;
  /** It failed, and has been closed. */
  failed(error: Error, reason: CloseReason, transport: Transport): void;
}

interface Entry {
  readonly transport: Transport;
  readonly dueAt: number;
}

/** A source whose connections are prepared. */
export class Preparation implements ConnectionSource {
  readonly #acceptor: Acceptor;
  readonly #steps: PreparationSteps;
  readonly #port: PreparationPort;
  // In the order of their coming, which is that of their deadlines.
  readonly #underWay = new Set<Entry>();
  readonly #ready: Transport[] = [];
  readonly #timer = new DeadlineTimer((now) => this.#expire(now));
  #waiting: PromiseWithResolvers<Transport | undefined> | undefined;
  #room: PromiseWithResolvers<void> | undefined;
  #filling = false;
  #closed = false;

  constructor(listener: Listener, steps: PreparationSteps, port: PreparationPort) {
    this.#steps = steps;
    this.#port = port;
    this.#acceptor = new Acceptor(listener, {
      admit: () => port.admit() ?? this.#whenRoom(),
      acceptFailed: (error, verdict) => port.acceptFailed(error, verdict),
    });
  }

  /** How many are being prepared, or are ready and wait to be taken. */
  get size(): number {
    return this.#underWay.size + this.#ready.length;
  }

  accept(): Promise<Transport | undefined> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#closed) return Promise.resolve(undefined);
    this.#waiting = Promise.withResolvers();
    if (!this.#filling) void this.#fill();
    return this.#waiting.promise;
  }

  taken(): void {
    this.#port.left();
    this.#makeRoom();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#acceptor.close();
    this.#timer.clear();
    const error = new TcpError("The server was closed before the connection was ready", { code: "ECONNABORTED" });
    for (const entry of [...this.#underWay]) this.#fail(entry, error, "shutdown");
    for (const transport of this.#ready.splice(0)) this.#drop(transport, error, "shutdown");
    this.#makeRoom();
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
  }

  /** Accepts as long as somebody waits. Never rejects: accept() does not. */
  async #fill(): Promise<void> {
    this.#filling = true;
    while (this.#waiting !== undefined) {
      const transport = await this.#acceptor.accept();
      if (transport === undefined) break;
      if (this.#port.entered(transport)) void this.#start(transport);
    }
    this.#filling = false;
  }

  // Never rejects: what fails goes to the port.
  async #start(transport: Transport): Promise<void> {
    const { prepare, deadline, reason } = this.#steps;
    const entry = { transport, dueAt: performance.now() + deadline.ms };
    this.#underWay.add(entry);
    if (deadline.ms < Infinity) this.#timer.lookBy(entry.dueAt);
    try {
      const ready = await prepare(transport);
      if (this.#underWay.delete(entry)) this.#handOn(ready);
      else closeQuietly(ready); // too late
    } catch (error) {
      this.#fail(entry, asError(error), reason);
    }
    if (this.#underWay.size === 0) this.#timer.clear();
  }

  #handOn(transport: Transport): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#ready.push(transport);
    else waiting.resolve(transport);
  }

  #fail(entry: Entry, error: Error, reason: CloseReason): void {
    if (this.#underWay.delete(entry)) this.#drop(entry.transport, error, reason);
  }

  #drop(transport: Transport, error: Error, reason: CloseReason): void {
    closeQuietly(transport);
    this.#port.left();
    this.#makeRoom();
    this.#port.failed(error, reason, transport);
  }

  #expire(now: number): number {
    const { option, reason, ms } = this.#steps.deadline;
    for (const entry of this.#underWay) {
      if (entry.dueAt > now) return entry.dueAt;
      const error = new TcpError(`The connection was not ready within ${ms} ms (${option})`, { code: "ETIMEDOUT" });
      this.#fail(entry, error, reason);
    }
    return Infinity;
  }

  #whenRoom(): Promise<void> | undefined {
    if (this.size < this.#steps.max()) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  #makeRoom(): void {
    if (!this.#closed && this.size >= this.#steps.max()) return;
    this.#room?.resolve();
    this.#room = undefined;
  }
}
