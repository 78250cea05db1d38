/** The socket that users hold: events, methods and properties over one `Connection`. */

import type { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
// Without this module the rejections of async listeners are swallowed by the runtime's events.
import "node:process";
import { checkFunction, checkKeys, checkMs, invalid } from "../base/check.ts";
import { checkClientTlsOptions, type ClientTlsOptions } from "../tls/tls_options.ts";
import type { Transport } from "../transport/transport.ts";
import type { CloseReceipt } from "../telemetry/close_receipt.ts";
import { tellUnsupported } from "../telemetry/telemetry.ts";
import { ownCallback } from "./announce_end.ts";
import { type ConnectOptions, readConnectArguments } from "./connect_target.ts";
import type { SocketHost } from "./connection_ports.ts";
import { checkCanConnect, startDialing } from "./dialing.ts";
import { drained } from "./drained.ts";
import { unconnectedError } from "./endings.ts";
import { EventReader } from "./event_reader.ts";
import { armIdleTimer } from "./idle_timer.ts";
import { SocketIteration } from "./iteration.ts";
import { checkTarget, Pipe, type PipeTarget } from "./pipe.ts";
import { resolveSocketSettings, SOCKET_OPTION_KEYS, type SocketSettings, type TCPSocketOptions } from "./settings.ts";
import { connectionOf, renewConnection } from "./socket_facts.ts";
import { SocketSwitches } from "./socket_switches.ts";
import { startUpgrade, type UpgradeOptions, type UpgradeState } from "./upgrade.ts";
import { makeReadable, makeWritable } from "./socket_streams.ts";
import type { WriteCallback } from "./write_queue.ts";
import { checkEncoding, toBytes } from "./written_data.ts";

const DEFAULT_SETTINGS = resolveSocketSettings(undefined, undefined, undefined);

// What a server hands to the constructor behind the users' backs.
let seat: { settings: SocketSettings; host: SocketHost } | undefined;

/** For the server: a socket over a transport that is open, not reading yet. */
export function adoptTransport(transport: Transport, settings: SocketSettings, host: SocketHost): TCPSocket {
  seat = { settings, host };
  const socket = new TCPSocket();
  connectionOf(socket).open(transport);
  return socket;
}

/**
 * One TCP connection, with the habits of `net.Socket`: events, `write`, `end`, `destroy`. The same object is an async
 * iterable of `Buffer`s and has `readable` and `writable` web streams. Only one of these may read at a time.
 *
 * `State` is the type of {@link TCPSocket.state}, which is for your own use.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createServer, TCPSocket } from "@verb/tcp";
 *
 * await using app = createServer();
 * app.onConnection((socket) => socket.on("data", (data) => socket.end(`Echo: ${data}`)));
 * app.listen(0, "127.0.0.1");
 *
 * const client = new TCPSocket();
 * client.connect(app.address()!.port, "127.0.0.1", () => client.write("hello"));
 * client.setEncoding("utf8");
 * client.on("data", (text) => assertEquals(String(text), "Echo: hello"));
 * assertEquals((await client.closed).reason, "peer");
 * ```
 */
export class TCPSocket<State = unknown> extends SocketSwitches {
  /** For your own use: whatever you want to remember about this peer. */
  state: State = undefined as State;

  // Whom a client was connected to: the name that a certificate must have.
  #host: string | undefined;
  readonly #tls: ClientTlsOptions | boolean | undefined;
  #reader: EventReader | undefined;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  /** Makes a socket that is not connected yet; see {@link TCPSocket.connect}. Throws a TypeError for an unknown option. */
  constructor(options?: TCPSocketOptions) {
    const given = seat;
    seat = undefined;
    checkKeys("options", options, SOCKET_OPTION_KEYS);
    const settings = given?.settings ??
      (options === undefined
        ? DEFAULT_SETTINGS
        : resolveSocketSettings(options.tcp, options.limits, options.deadlines));
    const tls = options?.tls;
    if (tls !== undefined && typeof tls !== "boolean") checkClientTlsOptions(tls);
    super(settings, given?.host);
    this.#tls = tls;
    if (options?.tcp?.keepAliveInitialDelay) tellUnsupported("tcp.keepAliveInitialDelay");
    if (settings.timeoutMs > 0) armIdleTimer(connectionOf(this), settings.timeoutMs, true);
  }

  // ---- connecting ----

  /**
   * Connects. `connect`, then `ready` are emitted, or `error` (`ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, ...) and
   * `close`. What is written before that is sent then. `host` is `"localhost"` where left out; the listener is called
   * at the `connect` of this attempt. With TLS `secureConnect` follows `ready`, and what is written is sent after it.
   *
   * A socket whose connection is over connects again, as often as you like, with the listeners and settings it has:
   * `socket.on("close", () => setTimeout(() => socket.connect(3000), 100))`. The connection is a fresh one: a new `id`,
   * counters from zero, nothing left in decoders, heartbeats that have to be started. `closed`, `readable`, `writable`
   * and iterators belong to the connection at which they were taken. `reconnect()` does it with back-off.
   *
   * Wrong arguments throw, and so does a socket that is open or connecting (`EISCONN`) or is a server's (`EOPNOTSUPP`).
   */
  connect(port: number, host?: string, listener?: () => void): this;
  /** To that port of localhost. */
  connect(port: number, listener: () => void): this;
  /** To `port` and `host`, or to `path`; with a time limit and a signal. */
  connect(options: ConnectOptions, listener?: () => void): this;
  /** To a unix socket. */
  connect(path: string, listener?: () => void): this;
  connect(...args: unknown[]): this {
    const { request, callback } = readConnectArguments(args, {
      tls: this.#tls,
      deadline: connectionOf(this).settings.handshakeMs < Infinity,
    });
    checkCanConnect(connectionOf(this));
    const { receipt } = connectionOf(this);
    if (receipt !== undefined) this.#renew(receipt);
    if (callback !== undefined) this.once("connect", callback);
    this.#host = "host" in request.target ? request.target.host : undefined;
    startDialing(connectionOf(this), request, callback);
    return this;
  }

  /**
   * Changes the connection to TLS (STARTTLS), on both ends: a server's socket takes a certificate, a client's socket
   * the rules for the server's certificate. Call it when you have read the command, or the answer to it; or at once, in
   * `onConnection` or the `connect` listener. What was written before is sent in the clear; what is written after waits
   * for the handshake. Resolves, and `secureConnect` is emitted, when it is done, within `deadlines.handshakeMs`. On a
   * socket that is encrypted already it is TLS in TLS.
   *
   * Every failure rejects, wrong options included (TypeError), and destroys the socket with the same error, so that
   * nothing is sent in the clear that was meant to be encrypted. A second call while one is under way rejects with
   * `EALREADY` and changes nothing; on a socket that is not open it is `ERR_SOCKET_CLOSED`.
   *
   * Bytes that the peer sent in the clear behind the command (RFC 3207, section 6) are `ERR_TLS_INJECTION`. A
   * `MessageProtocol` or `framed` on the socket is checked for them; a parser of your own has to pass what it holds as
   * `leftover`. Where TLS begins without an answer to wait for, on a port that serves both, pass the bytes that you
   * have read after the command as `head`: they are the start of the handshake. A server should give the same object of
   * options each time: it is read and verified once.
   */
  upgradeTls(options: UpgradeOptions, state: UpgradeState = {}): Promise<void> {
    return startUpgrade(connectionOf(this), options, this.#host ?? this.remoteAddress ?? "localhost", state);
  }

  // ---- writing ----

  /**
   * Queues data (strings as UTF-8 unless `encoding` says otherwise) and gives false once `writableHighWaterMark` bytes
   * are queued: wait for `drain` then. The callback comes when the kernel has the bytes, or with an error. It runs, as `drain` does, in the
   * `AsyncLocalStorage` context of its own write. Up to 4 KiB
   * are copied; larger data must not be changed before the callback. Never throws for the connection's sake: a write
   * that cannot be done fails its callback, and a write to a queue that already holds `limits.maxWriteQueueBytes`
   * destroys the socket with `EOVERFLOW`.
   */
  write(data: string | Uint8Array, encoding?: BufferEncoding | WriteCallback, callback?: WriteCallback): boolean {
    const done = typeof encoding === "function" ? encoding : callback;
    if (done !== undefined) checkFunction("callback", done);
    const connection = connectionOf(this);
    return connection.write(toBytes(data, encoding), done && connection.inOwnContext(done));
  }

  /**
   * Resolves when `write` may continue: at once, or with the next `drain`. Rejects with the error that ended the
   * connection, or with `ERR_STREAM_DESTROYED`.
   *
   * @example
   * ```ts
   * import { connect, createServer } from "@verb/tcp";
   *
   * await using app = createServer().onConnection((socket) => socket.resume()).listen(0, "127.0.0.1");
   * await using socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
   * for (let count = 0; count < 100; count++) {
   *   if (!socket.write(new Uint8Array(16_384))) await socket.drained();
   * }
   * ```
   */
  drained(): Promise<void> {
    return drained(connectionOf(this));
  }

  /**
   * Writes `data` if there is any, then FIN once everything queued is out. The callback is called at `finish`. A peer
   * that then sends nothing for `deadlines.endMs`, and does not end, is disconnected. A server's socket that has no
   * reader by then is closed as soon as its peer has ended.
   */
  end(
    data?: string | Uint8Array | (() => void),
    encoding?: BufferEncoding | (() => void),
    callback?: () => void,
  ): this {
    const done = [data, encoding, callback].find((arg) => typeof arg === "function") as WriteCallback | undefined;
    const connection = connectionOf(this);
    if (data !== undefined && data !== null && typeof data !== "function") {
      connection.write(toBytes(data, encoding), undefined, true);
    }
    connection.end(done && connection.inOwnContext(done));
    return this;
  }

  /**
   * Ends the connection now. With an error: `error`, then `close(true)`; without: `close(false)`. What was written
   * before is offered to the kernel once, unless it is corked: `write(data)` and `destroy()` send `data` where there is
   * room. What there is no room for is lost, and counted in `unsentBytes` of {@link TCPSocket.closed}. It does not wait
   * for the peer.
   */
  destroy(error?: Error): this {
    connectionOf(this).destroy(error);
    return this;
  }

  /** `end()`, then `destroy()` as soon as everything is written. */
  destroySoon(): void {
    const connection = connectionOf(this);
    connection.end(ownCallback(connection.inOwnContext(() => connection.destroy()))); // behind `finish`
  }

  /**
   * Ends the connection now. A `Deno.TcpConn` cannot send a reset (`node:net` in Deno can), so the peer sees the connection
   * close; `app.capabilities.reset` is false. On a socket that is not connected it is an error, `ERR_SOCKET_CLOSED`.
   */
  resetAndDestroy(): this {
    const { stopDialing, transport } = connectionOf(this);
    return this.destroy(transport === undefined && stopDialing === undefined ? unconnectedError("reset") : undefined);
  }

  /** Holds writes back until `uncork()` was called as often as `cork()`. */
  cork(): void {
    if (!this.writableEnded) connectionOf(this).queue.corked++;
  }

  /** Undoes one `cork()`; after the last the writes leave together. */
  uncork(): void {
    const { queue } = connectionOf(this);
    if (queue.corked > 0 && --queue.corked === 0) queue.schedule();
  }

  // ---- reading ----

  /** Stops `data` events. At most one more chunk is read; then the peer has to wait. */
  pause(): this {
    this.#events.pause();
    return this;
  }

  /** Starts or continues `data` events. Without a listener the data is thrown away. */
  resume(): this {
    this.#events.resume();
    return this;
  }

  /** Whether `pause()` was called last, or the target of the last pipe was removed and there is no other reader. */
  isPaused(): boolean {
    return this.#reader?.held ?? false;
  }

  /**
   * `data` comes as strings from now on; characters that are split over chunks come whole. The type of `data` does not
   * change: declare the listener as `(text: string) => ...`. Iteration and streams still give bytes.
   */
  setEncoding(encoding: BufferEncoding = "utf8"): this {
    checkEncoding(encoding);
    this.#events.setEncoding(encoding);
    return this;
  }

  /**
   * Calls back with received bytes, all in one buffer that is used again: the fastest way to read for programs that do
   * not keep the bytes. `bytes` is valid during the call only; copy what you need for longer. You may write it during
   * the call, to any socket of this library, without a copy: the next read waits for those writes. Return `false` to
   * pause; `resume()` continues.
   *
   * It claims the read side, as every other way to read (`ERR_READ_CLAIMED`). An async callback is an error, because
   * its bytes would be overwritten while it waits.
   *
   * @example
   * ```ts
   * import { createServer } from "@verb/tcp";
   *
   * let total = 0;
   * await using app = createServer().onConnection((socket) => {
   *   socket.onRead((bytes) => void (total += bytes.length));
   * });
   * app.listen(0, "127.0.0.1");
   * ```
   */
  onRead(callback: (bytes: Buffer) => void | false): this {
    checkFunction("callback", callback);
    this.#events.lendTo(callback);
    return this;
  }

  /**
   * Writes everything that is received to `target`, another socket or a writable of `node:stream`, at the target's
   * pace. At the peer's end it ends the target, unless `end` is false. Returns the target.
   *
   * A target that is closed, fails or has finished is removed: it emits `unpipe`, `isPaused()` is true, and further
   * bytes wait for the next reader or pipe. A pipe does not handle its errors: give it a listener.
   */
  pipe<Target extends PipeTarget>(target: Target, options?: { end?: boolean }): Target {
    checkTarget(target);
    const ends = options?.end !== false;
    this.#events.claim(); // before the target hears of us, because it may throw
    this.#events.addPipe(new Pipe(connectionOf(this), target, ends, () => this.unpipe(target)));
    return target;
  }

  /** Removes `target`, or every target. Without readers, reading stops. */
  unpipe(target?: PipeTarget): this {
    this.#reader?.removePipes(target);
    return this;
  }

  /**
   * A byte stream of received bytes (with BYOB readers, too). The first `read()` claims the socket's read side. After
   * it was cancelled, for example by a loop that was left or a `pipeTo` that failed, further bytes are thrown away, so
   * that the peer's end is seen. Another reader may take over then.
   */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= makeReadable(connectionOf(this));
  }

  /** A stream into the socket; a write is done when the kernel has the bytes. Closing ends, aborting destroys. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= makeWritable(connectionOf(this));
  }

  /** One chunk per turn; the peer waits while you work. Leaving the loop early destroys the socket. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined> {
    return new SocketIteration(connectionOf(this));
  }

  /** Destroys the socket and waits until it is closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    connectionOf(this).destroy();
    await connectionOf(this).closed;
  }

  // ---- settings ----

  /**
   * Emits `timeout` after that much silence in both directions, and again after the next; `0` switches it off. It stays
   * in force for later connections, too.
   */
  setTimeout(timeoutMs: number, listener?: () => void): this {
    if (timeoutMs === undefined) throw invalid("timeoutMs", "a number of milliseconds", timeoutMs);
    if (listener !== undefined) checkFunction("listener", listener);
    const ms = checkMs("timeoutMs", timeoutMs, 0);
    armIdleTimer(connectionOf(this), ms, false);
    if (listener !== undefined) ms === 0 ? this.off("timeout", listener) : this.once("timeout", listener);
    return this;
  }

  // ---- the end ----

  /**
   * Resolves with the receipt when the connection is over, however it ended. Never rejects. Reading this property
   * counts as handling the error of a client's connection, so that it is not uncaught. On a server's socket an error
   * without a listener still reaches `app.onError`.
   */
  get closed(): Promise<CloseReceipt> {
    const connection = connectionOf(this);
    connection.awaited = true;
    return connection.closed;
  }

  // ---- inside ----

  /** A fresh connection in place of one that is over, for the same listeners and with the same settings. */
  #renew(receipt: CloseReceipt): void {
    const old = connectionOf(this);
    const connection = renewConnection(this);
    this.#readable = this.#writable = undefined;
    if (old.timeoutMs > 0) armIdleTimer(connection, old.timeoutMs, old.timeoutDestroys);
    const lifted = old.companions?.beginAfresh(receipt) ?? false;
    this.#reader = this.#reader?.renew(connection, lifted);
  }

  get #events(): EventReader {
    return this.#reader ??= new EventReader(connectionOf(this));
  }

  /** For {@link SocketEmitter}. */
  protected override dataListenersChange(change: "coming" | "came" | "left"): void {
    if (change === "coming") this.#events.claim();
    else if (change === "came") this.#events.start();
    else this.#reader?.stopIfUnheard();
  }
}

// Where the rejection of an async listener arrives, on a server's sockets.
Object.defineProperty(TCPSocket.prototype, EventEmitter.captureRejectionSymbol, {
  value(this: TCPSocket, thrown: unknown) {
    connectionOf(this).handlerThrew(thrown);
  },
});
