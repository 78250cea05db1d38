/** The server: options, listening, handing out connections, closing. */

import { EventEmitter } from "node:events";
// Without this module the rejections of async handlers are swallowed by the runtime's events.
import "node:process";
import { typeError } from "../base/argument_errors.ts";
import { checkFunction } from "../base/check.ts";
import { asError, type SocketError, type TcpError } from "../base/errors.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";
import type { DrainReport } from "../telemetry/drain_report.ts";
import type { Observer } from "../telemetry/events.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import { canReusePort } from "../transport/listen.ts";
import type { Listener } from "../transport/listener.ts";
import type { TlsOptions } from "../tls/tls_options.ts";
import { endpointOf } from "../transport/transport.ts";
import { Admission } from "./admission.ts";
import { type Connections, ConnectionSet } from "./connections.ts";
import { type CloseOptions, Drain, type DrainPort, resolveClose } from "./drain.ts";
import { Intake } from "./intake.ts";
import { type LimitsUpdate, mergeLimits } from "./limit_options.ts";
import { type ListenOptions, mergeTarget, readListenArguments } from "./listen_arguments.ts";
import { Reception } from "./reception.ts";
import type { Capabilities, ServerAddress, TcpServerEvents } from "./server_types.ts";
import { listensAlready, listensNot } from "./refusals.ts";
import { Reporter } from "./reporting.ts";
import { type CloseOnSignalsOptions, SignalWatch } from "./signals.ts";
import type { Witness } from "./witness.ts";
import {
  mergeServerOptions,
  mergeTlsOptions,
  type ResolvedServerOptions,
  resolveServerOptions,
  type ServerOptions,
} from "./options.ts";

/** For the layers above: whoever tells the server's observers. */
export let witnessOf: (server: TcpServer) => Witness;

/**
 * A TCP server. Made by `createServer`; set up with `withOptions` and `onConnection`, started with `listen`.
 *
 * It is also the accept loop itself: `for await (const socket of app)` accepts one connection per turn.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { connect, createServer } from "@verb/tcp";
 *
 * await using app = createServer().listen(0, "127.0.0.1");
 * app.observe((event) => console.log(event.type)); // connection.open, connection.close, ...
 * const client = await connect({ port: app.address()!.port });
 * for await (const socket of app) {
 *   socket.end("hello");
 *   break; // closes the listener; the socket goes on
 * }
 * for await (const chunk of client) assertEquals(String(chunk), "hello");
 * ```
 */
export class TcpServer<State = unknown> extends EventEmitter<TcpServerEvents<State>> {
  #given: ServerOptions = {};
  #options: ResolvedServerOptions = resolveServerOptions({});
  #listener: Listener | undefined;
  #reception: Reception<State> | undefined;
  #closing: Drain | undefined;
  #signals: SignalWatch | undefined;
  readonly #sockets = new ConnectionSet<State>(() => this.#options.limits.maxConnections);
  readonly #reporter = new Reporter(this);
  readonly #admission: Admission<State>;
  readonly #drainPort: DrainPort;
  #intake: Intake | undefined;

  /** Use `createServer`. */
  constructor(options: ServerOptions = {}) {
    super({ captureRejections: true });
    this.#admission = new Admission(this.#sockets, this.#reporter, this.#options.limits);
    this.#drainPort = {
      listening: () => this.listening,
      stopAccepting: () => ({ left: this.#stopListening(), sockets: [...this.#sockets] }),
      drained: (report) => this.#drained(report),
    };
    // A handler that comes after listen() starts the accepts then.
    EventEmitter.prototype.on.call(this, "newListener", (event: string | symbol) => {
      if (event === "connection") queueMicrotask(() => this.#startAccepting());
    });
    this.withOptions(options);
  }

  /**
   * Merges options, group by group, and checks them at once. Unknown names, wrong types and values out of range throw
   * and change nothing; so does a server that listens already.
   */
  withOptions(options: ServerOptions): this {
    if (this.listening) {
      throw listensAlready(
        "Cannot change options while the server listens: close it first (for limits there is updateLimits, for keys and certificates reloadTls)",
      );
    }
    const merged = mergeServerOptions(this.#given, options);
    this.#options = resolveServerOptions(merged);
    this.#given = merged;
    if (options.tcp?.keepAliveInitialDelay) this.#admission.witness.unsupported("tcp.keepAliveInitialDelay");
    return this;
  }

  /** Calls `handler` for every connection, in the order of registration. What it throws reaches `onError`. */
  onConnection(handler: (socket: TCPSocket<State>) => void): this {
    checkFunction("handler", handler);
    if (this.#reception?.taker === "iteration") {
      throw typeError("ERR_INVALID_STATE", "Connections are taken by iteration already; onConnection would get none");
    }
    return this.on("connection", handler);
  }

  /**
   * Calls `handler` when the server cannot listen, when a handler throws or rejects, and for failures of a connection
   * that no listener, callback or promise of its socket was told of. `socket` is its socket, if there is one.
   */
  onError(handler: (error: SocketError, socket?: TCPSocket<State>) => void): this {
    checkFunction("handler", handler);
    return this.on("error", handler);
  }

  /** Calls `handler` when the server listens. */
  onListening(handler: () => void): this {
    checkFunction("handler", handler);
    return this.on("listening", handler);
  }

  /**
   * Binds at once, so that `address()` is right on return, and starts to accept. Wrong arguments throw; failures of the
   * system (`EADDRINUSE`, `EACCES`, ...) go to `onError` in a microtask, uncaught if there is none, and `listen` may be
   * called again.
   */
  listen(port?: number, hostname?: string, backlog?: number, listener?: () => void): this;
  /** With the backlog left out. */
  listen(port: number, hostname: string, listener: () => void): this;
  /** With the hostname left out. */
  listen(port: number, backlog: number, listener?: () => void): this;
  /** On that port. */
  listen(port: number, listener: () => void): this;
  /** On the port of the options. */
  listen(listener: () => void): this;
  /** On a unix socket. */
  listen(path: string, listener?: () => void): this;
  /** By an object. */
  listen(options: ListenOptions, listener?: () => void): this;
  listen(...args: unknown[]): this {
    if (this.listening) throw listensAlready("Cannot listen: the server listens already");
    const { options: where, callback } = readListenArguments(args);
    const options = resolveServerOptions(mergeTarget(this.#given, where));
    const intake = new Intake(options);
    this.#options = options;
    try {
      this.#listener = intake.listen(this.#admission.background);
    } catch (error) {
      queueMicrotask(() => this.emit("error", error as TcpError)); // `listen` throws TcpErrors only
      return this;
    }
    this.#closing = undefined;
    this.#intake = intake;
    const admission = this.#admission;
    admission.setRules(options.limits, options.proxyProtocol);
    this.#reception = new Reception(intake.open(this.#listener, admission), admission, () => this.#options.socket);
    void this.#begin(this.#reception, this.#listener.bound, callback);
    return this;
  }

  // Never rejects. Where the listener is bound already, this goes on in a microtask.
  async #begin(reception: Reception<State>, bound: Promise<void> | undefined, callback?: () => void): Promise<void> {
    try {
      await bound;
    } catch (error) {
      if (this.#reception !== reception) return;
      void this.#stopListening();
      queueMicrotask(() => this.emit("error", error as TcpError)); // as above
    }
    if (this.#reception !== reception) return; // closed in between
    if (callback !== undefined) this.once("listening", callback);
    this.#reporter.tell("listening");
    this.#startAccepting();
  }

  /**
   * Accepts one connection per `next()`; further peers wait in the kernel's backlog. Leaving the loop closes the
   * listener, open sockets stay open. Not together with `onConnection`, and one consumer at a time (TypeError).
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<TCPSocket<State>, undefined> {
    if (this.listenerCount("connection") > 0) {
      throw typeError("ERR_INVALID_STATE", "Connections go to onConnection already; iterate or handle, not both");
    }
    const reception = this.#reception;
    if (reception === undefined) throw typeError("ERR_SERVER_NOT_RUNNING", "Cannot iterate: call listen() first");
    // A loop that ends late is not to close the listener of a later one.
    return reception.iterate(() => this.#reception === reception ? this.#stopListening() : undefined);
  }

  /** The open connections. */
  get connections(): Connections<State> {
    return this.#sockets;
  }

  /** What was counted so far. */
  metrics(): ServerMetrics {
    return this.#admission.metrics();
  }

  /**
   * Calls `observer` with every event: connections that open and close, handshakes, full queues, bad frames. Returns a
   * function that ends this. An observer that throws or rejects is removed, and its error goes to `onError`.
   */
  observe(observer: Observer): () => void {
    checkFunction("observer", observer);
    return this.#admission.witness.telemetry.observe(observer);
  }

  /**
   * Where the server listens, null while it does not. On a unix socket that is its path: `app.address<string>()`.
   */
  address<T extends ServerAddress | string = ServerAddress>(): T | null {
    const addr = this.#listener?.addr;
    return (addr === undefined ? null : "path" in addr ? addr.path : endpointOf(addr)) as T | null;
  }

  /** Whether the server takes connections. */
  get listening(): boolean {
    return this.#listener !== undefined;
  }

  /** What this runtime can do. */
  get capabilities(): Capabilities {
    return { keepAliveInitialDelay: false, reusePort: canReusePort(), reset: false };
  }

  /** Keeps the process alive while the server listens; the default. */
  ref(): this {
    this.#admission.background = false;
    this.#listener?.ref?.();
    return this;
  }

  /** Lets the process end while the server listens; also before `listen`. */
  unref(): this {
    this.#admission.background = true;
    this.#listener?.unref?.();
    return this;
  }

  /** Whether new connections are wanted: listening, and `close` was not called. For readiness probes. */
  get ready(): boolean {
    return this.listening && this.#closing === undefined;
  }

  /**
   * Ends in order. `ready` is false at once; after `settleMs` the server stops accepting, emits `shutdown` on every
   * socket and ends those without a `shutdown` listener, waits for the peers to end too, and destroys what is left
   * `drainMs` later. Resolves with a report of how they ended; a second call gives the same promise.
   *
   * A socket is ended once everything written is out, what was read has been handed over, and the work on it is done:
   * promises that `onMessage` or a `message` listener of `framed` returned, and loops over a socket or its `readable`
   * that got bytes and have not asked for more. For other asynchronous work listen to `shutdown` and call `end()`
   * yourself.
   *
   * @example
   * ```ts
   * import { createServer } from "@verb/tcp";
   *
   * const app = createServer().listen(0, "127.0.0.1");
   * const { ended, forced, unsentBytes, tookMs } = await app.close({ settleMs: 50, drainMs: 5_000 });
   * console.log(`${ended} ended, ${forced} cut off, ${unsentBytes} bytes lost in ${tookMs} ms`);
   * ```
   */
  close(options: CloseOptions = {}): Promise<DrainReport> {
    const resolved = resolveClose(options);
    if (this.#closing === undefined) {
      this.#beginDrain().start(resolved);
    }
    return this.#closing!.report; // as it has begun
  }

  /** The same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Closes the server, as `close` does, at the first of these signals; at the second one everything is destroyed at
   * once. Resolves when the server has closed, in whatever way. The signals are then no longer handled, and a program
   * that has nothing else to do ends with exit code 0. Throws a TypeError for a signal that cannot be handled, and when
   * it is called a second time.
   *
   * @example
   * ```ts
   * import { createServer } from "@verb/tcp";
   *
   * const app = createServer().listen(0, "127.0.0.1");
   * const closed = app.closeOnSignals({ settleMs: 5_000, drainMs: 20_000 });
   * void app.close(); // here no signal will come
   * console.log(await closed);
   * ```
   */
  closeOnSignals(options: CloseOnSignalsOptions = {}): Promise<DrainReport> {
    if (this.#signals !== undefined) {
      throw typeError("ERR_INVALID_STATE", "closeOnSignals was called already; call it once");
    }
    if (this.#closing?.over === true) return this.#closing.report; // closed already: there is nothing to hear
    this.#signals = new SignalWatch(this, options);
    return this.#signals.report;
  }

  /**
   * Takes other keys, certificates and TLS rules for the connections that come from now on; those that are open stay.
   * What `options` leaves out stays as it was. Throws a TypeError for bad key material, and goes on with the old one.
   * TLS sessions from before are no longer resumed as those of an authorized client.
   */
  reloadTls(options: Partial<TlsOptions>): this {
    if (!this.listening || this.#intake?.encrypted !== true || this.#given.tls === undefined) {
      throw listensNot("Cannot reload: the server does not listen with TLS");
    }
    const tls = mergeTlsOptions(this.#given.tls, options);
    this.#intake.reloadTls(tls);
    this.#given = { ...this.#given, tls };
    return this;
  }

  /**
   * Changes limits while the server listens; `null` removes one, what is left out stays. Wrong values throw as in
   * `withOptions` and change nothing. Limits of the server apply at once: open connections stay, and waiting peers are
   * accepted when there is room. Limits of each socket apply to later connections.
   *
   * @example
   * ```ts
   * import { createServer } from "@verb/tcp";
   *
   * await using app = createServer().listen(0, "127.0.0.1");
   * app.updateLimits({ maxConnections: 500, acceptsPerSecondPerAddress: 5, deny: ["192.0.2.0/24"] });
   * app.updateLimits({ acceptsPerSecondPerAddress: null, deny: null });
   * ```
   */
  updateLimits(limits: LimitsUpdate): this {
    if (!this.listening) throw listensNot("Cannot update limits: the server does not listen (withOptions sets them)");
    const given = { ...this.#given, limits: mergeLimits(this.#given.limits, limits) };
    const { limits: resolved, socket } = resolveServerOptions(given);
    this.#given = given;
    this.#options = { ...this.#options, limits: resolved, socket };
    this.#admission.setRules(resolved, this.#options.proxyProtocol, this.#reception?.source);
    return this;
  }

  /** Stops accepting and destroys every connection now. */
  destroy(): this {
    (this.#closing ?? this.#beginDrain()).force();
    return this;
  }

  #beginDrain(): Drain {
    const drain = this.#closing = new Drain(this.#drainPort);
    this.#admission.witness.drainBegun(this.#sockets.size);
    return drain;
  }

  #drained(report: DrainReport): void {
    this.#signals?.stop(report);
    this.#signals = undefined;
    this.#admission.witness.drained(report);
    this.#reporter.tell("close");
  }

  /** Resolves when the place is free for another listener. */
  #stopListening(): void | Promise<void> {
    this.#listener = undefined;
    const left = this.#reception?.close();
    this.#reception = undefined;
    this.#sockets.release();
    return left;
  }

  /** Accepts for the handlers; while there are none, and nobody iterates, peers wait in the backlog. */
  #startAccepting(): void {
    if (this.#reception === undefined || this.#reception.taker !== undefined) return;
    if (this.listenerCount("connection") > 0) {
      void this.#reception.announceAll((socket) => this.emit("connection", socket));
    }
  }

  static {
    witnessOf = (server) => server.#admission.witness;
    // Where the rejection of an async handler arrives.
    Object.defineProperty(TcpServer.prototype, EventEmitter.captureRejectionSymbol, {
      value(this: TcpServer, thrown: unknown, event: string, socket?: TCPSocket) {
        if (event === "connection" && socket !== undefined) connectionOf(socket).handlerThrew(thrown);
        // An onError that fails itself has nobody left to tell.
        else this.#reporter.report(asError(thrown), undefined, event !== "error");
      },
    });
  }
}
