/** The socket that users hold: events, methods and properties over one `Connection`. */

import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
// Without this module the rejections of async listeners are swallowed by the runtime's events.
import "node:process";
import { checkFunction, checkKeys, checkMs, invalid } from "../base/check.ts";
import { TcpError } from "../base/errors.ts";
import { type Endpoint, endpointOf, type Transport } from "../transport/transport.ts";
import type { CloseReceipt } from "../observe/close_receipt.ts";
import { type ConnectOptions, readConnectArguments } from "./connect_target.ts";
import { Connection, type SocketHost } from "./connection.ts";
import { startDialing } from "./dialing.ts";
import { EventReader } from "./event_reader.ts";
import { IdleTimer } from "./idle_timer.ts";
import { SocketIteration } from "./iteration.ts";
import { readyStateOf } from "./lifecycle.ts";
import { Pipe, type PipeTarget } from "./pipe.ts";
import {
  resolveSocketSettings,
  type SocketDeadlines,
  type SocketLimits,
  type SocketSettings,
  type TcpOptions,
} from "./settings.ts";
import { SocketEmitter } from "./socket_emitter.ts";
import { makeReadable, makeWritable } from "./socket_streams.ts";
import type { WriteCallback } from "./write_queue.ts";

/** How a client socket behaves; a server's sockets take the same from `withOptions`. */
export interface TCPSocketOptions {
  /** The connection itself. */
  tcp?: TcpOptions;
  /** How much the socket may hold. */
  limits?: SocketLimits;
  /** The waits that have an end. */
  deadlines?: SocketDeadlines;
}

/** The names that {@link TCPSocketOptions} knows. */
export const SOCKET_OPTION_KEYS: readonly string[] = ["tcp", "limits", "deadlines"];

const DEFAULT_SETTINGS = resolveSocketSettings(undefined, undefined, undefined);
const CAPTURE = { captureRejections: true };

// What a server hands to the constructor behind the users' backs.
let seat: { settings: SocketSettings; host: SocketHost } | undefined;
let ids = 0;

/** For the layers above: the engine behind a socket. */
// deno-lint-ignore no-explicit-any -- whatever the user keeps on his sockets
export let connectionOf: (socket: TCPSocket<any>) => Connection;

/** For the server: a socket over a transport that is open, not reading yet. */
export function adoptTransport(transport: Transport, settings: SocketSettings, host: SocketHost): TCPSocket {
  seat = { settings, host };
  const socket = new TCPSocket();
  connectionOf(socket).open(transport);
  return socket;
}

/**
 * One TCP connection, with the habits of `net.Socket`: events, `write`, `end`, `destroy`. The same object is an async
 * iterable of `Buffer`s and has `readable` and `writable` web streams; one of these faces may read.
 *
 * `State` types {@link TCPSocket.state}, where you may keep what you know of the peer.
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
export class TCPSocket<State = unknown> extends SocketEmitter {
  /** Number of this socket, unique in the process. */
  readonly id: number = ++ids;
  /** When the object was made (a server's socket: when it was accepted), by `Date.now()`. */
  readonly connectedAt: number = Date.now();
  /** Yours: whatever you want to remember of this peer. */
  state: State = undefined as State;

  readonly #connection: Connection;
  #reader: EventReader | undefined;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  #writable: WritableStream<Uint8Array> | undefined;

  static {
    connectionOf = (socket) => socket.#connection;
  }

  /** Makes a socket that is not connected yet; see {@link TCPSocket.connect}. Throws a TypeError for an unknown option. */
  constructor(options?: TCPSocketOptions) {
    const given = seat;
    seat = undefined;
    super(given === undefined ? undefined : CAPTURE);
    let settings = given?.settings ?? DEFAULT_SETTINGS;
    if (options !== undefined) {
      checkKeys("options", options, SOCKET_OPTION_KEYS);
      settings = resolveSocketSettings(options.tcp, options.limits, options.deadlines);
    }
    this.#connection = new Connection(this, settings, given?.host);
    if (settings.timeoutMs > 0) this.#armTimeout(settings.timeoutMs, true);
  }

  // ---- connecting ----

  /**
   * Connects. `connect`, then `ready` are emitted, or `error` (`ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, ...) and
   * `close`. What is written meanwhile goes out then. `host` is `"localhost"` where left out; the listener is added
   * for `connect`. Wrong arguments throw, and so does a socket that was connected before.
   */
  connect(port: number, host?: string, listener?: () => void): this;
  /** To that port of localhost. */
  connect(port: number, listener: () => void): this;
  /** To `port` and `host`, or to `path`; with a time limit and a signal. */
  connect(options: ConnectOptions, listener?: () => void): this;
  /** To a unix socket. */
  connect(path: string, listener?: () => void): this;
  connect(...args: unknown[]): this {
    const { request, callback } = readConnectArguments(args);
    const { state, stopDialing } = this.#connection;
    if (stopDialing !== undefined || (state !== "idle" && state !== "connectingEnding")) {
      throw new TcpError("Cannot connect: a socket connects once; make a new one", {
        code: "EISCONN",
        syscall: "connect",
      });
    }
    if (callback !== undefined) this.once("connect", callback);
    startDialing(this.#connection, request);
    return this;
  }

  // ---- writing ----

  /**
   * Queues data (strings as UTF-8 unless `encoding` says otherwise) and gives false once `writableHighWaterMark` bytes
   * are queued: wait for `drain` then. The callback comes when the kernel has the bytes, or with an error. Up to 4 KiB
   * are copied; larger data must not be changed before the callback. Never throws for the connection's sake: a write
   * that cannot be done fails its callback, and a write to a queue that already holds `limits.maxWriteQueueBytes`
   * destroys the socket with `EOVERFLOW`.
   */
  write(data: string | Uint8Array, encoding?: BufferEncoding | WriteCallback, callback?: WriteCallback): boolean {
    const done = typeof encoding === "function" ? encoding : callback;
    if (done !== undefined) checkFunction("callback", done);
    return this.#connection.write(toBytes(data, encoding), done);
  }

  /** Writes `data` if there is any, then FIN once everything queued is out. The callback is called at `finish`. */
  end(
    data?: string | Uint8Array | (() => void),
    encoding?: BufferEncoding | (() => void),
    callback?: () => void,
  ): this {
    const done = [data, encoding, callback].find((arg) => typeof arg === "function") as WriteCallback | undefined;
    if (data !== undefined && data !== null && typeof data !== "function") {
      this.#connection.write(toBytes(data, encoding));
    }
    this.#connection.end(done);
    return this;
  }

  /** Ends the connection now, unsent data is lost. With an error: `error`, then `close(true)`; without: `close(false)`. */
  destroy(error?: Error): this {
    this.#connection.destroy(error);
    return this;
  }

  /** `end()`, then `destroy()` as soon as everything is written. */
  destroySoon(): void {
    this.#connection.end(() => this.#connection.destroy());
  }

  /**
   * Ends the connection now. Deno cannot send a reset, so the peer sees the connection close (`app.capabilities.reset` is
   * false).
   */
  resetAndDestroy(): this {
    return this.destroy();
  }

  /** Holds writes back until as many `uncork()`s. */
  cork(): void {
    this.#connection.queue.corked++;
  }

  /** Undoes one `cork()`; after the last the writes leave together. */
  uncork(): void {
    const { queue } = this.#connection;
    if (queue.corked > 0 && --queue.corked === 0) queue.schedule();
  }

  // ---- reading ----

  /** Stops `data` events; the kernel holds back the peer after at most one more chunk. */
  pause(): this {
    this.#events.pause();
    return this;
  }

  /** Starts or continues `data` events. Data that nobody listens for is thrown away. */
  resume(): this {
    this.#events.resume();
    return this;
  }

  /** Whether `pause()` was called last. */
  isPaused(): boolean {
    return this.#reader?.paused ?? false;
  }

  /** `data` comes as strings from now on; characters that are split over chunks come whole. */
  setEncoding(encoding: BufferEncoding = "utf8"): this {
    checkEncoding(encoding);
    this.#events.setEncoding(encoding);
    return this;
  }

  /**
   * Hands everything that comes to `target`, another socket or a writable of `node:stream`, at the target's pace, and
   * ends it at our peer's end unless `end` is false. Gives the target.
   */
  pipe<Target extends PipeTarget>(target: Target, options: { end?: boolean } = {}): Target {
    const to = target instanceof TCPSocket ? connectionOf(target) : undefined;
    const ends = options.end ?? true;
    this.#events.addPipe(new Pipe(this.#connection, target, to, ends, () => this.unpipe(target)));
    return target;
  }

  /** Takes `target` off, or every target. Without readers, reading stops. */
  unpipe(target?: PipeTarget): this {
    this.#reader?.removePipes(target);
    return this;
  }

  /** A byte stream of what comes (BYOB readers too). The first `read()` claims the socket's read side. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#readable ??= makeReadable(this.#connection);
  }

  /** A stream into the socket; a write is done when the kernel has the bytes. Closing ends, aborting destroys. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= makeWritable(this.#connection);
  }

  /** One chunk per turn; the peer waits while you work. Leaving the loop early destroys the socket. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined> {
    return new SocketIteration(this.#connection);
  }

  // ---- settings ----

  /** Emits `timeout` after that much silence in both directions, and again after the next; `0` switches it off. */
  setTimeout(timeoutMs: number, listener?: () => void): this {
    const ms = checkMs("timeoutMs", timeoutMs, 0);
    this.#armTimeout(ms, false);
    if (listener !== undefined) ms === 0 ? this.off("timeout", listener) : this.once("timeout", listener);
    return this;
  }

  /** Switches TCP_NODELAY, which is on by default. */
  setNoDelay(on = true): this {
    this.#tune((transport) => transport.setNoDelay?.(on));
    return this;
  }

  /** Switches SO_KEEPALIVE, which is on by default. Deno cannot set the delay; it is accepted and has no effect. */
  setKeepAlive(on = false, _initialDelayMs?: number): this {
    this.#tune((transport) => transport.setKeepAlive?.(on));
    return this;
  }

  /** Lets the process live while this socket does; the default. */
  ref(): this {
    this.#connection.transport?.ref?.();
    return this;
  }

  /** Lets the process end although this socket lives. */
  unref(): this {
    this.#connection.transport?.unref?.();
    return this;
  }

  // ---- facts ----

  /** Our end of the connection; empty while there is none. */
  address(): { address?: string; port?: number; family?: string } {
    const { address, port, family } = this.#local;
    return address === undefined ? {} : { address, port: port!, family: family! }; // they come together
  }

  /** The peer's address, IPv4 where it is IPv4 mapped into IPv6; kept after the close. Undefined on unix sockets. */
  get remoteAddress(): string | undefined {
    return this.#connection.remote().address;
  }

  /** The peer's port. */
  get remotePort(): number | undefined {
    return this.#connection.remote().port;
  }

  /** `"IPv4"` or `"IPv6"`. */
  get remoteFamily(): "IPv4" | "IPv6" | undefined {
    return this.#connection.remote().family;
  }

  /** Our address. */
  get localAddress(): string | undefined {
    return this.#local.address;
  }

  /** Our port. */
  get localPort(): number | undefined {
    return this.#local.port;
  }

  /** `"IPv4"` or `"IPv6"`. */
  get localFamily(): "IPv4" | "IPv6" | undefined {
    return this.#local.family;
  }

  /** When bytes last came or were sent, by `Date.now()`. */
  get lastActivity(): number {
    return this.#connection.lastActivity;
  }

  /** Bytes that came. */
  get bytesRead(): number {
    return this.#connection.bytesRead;
  }

  /** Bytes written, those still queued included. */
  get bytesWritten(): number {
    const { queue, receipt } = this.#connection;
    return queue.sentBytes + (receipt?.unsentBytes ?? queue.length);
  }

  /** Whether a connect is under way. */
  get connecting(): boolean {
    return this.#connection.stopDialing !== undefined;
  }

  /** Whether there is no connection yet. */
  get pending(): boolean {
    return this.#connection.transport === undefined;
  }

  /** Whether the connection is over. */
  get destroyed(): boolean {
    return this.#connection.state === "closed";
  }

  /** `"opening"`, `"open"`, `"readOnly"` after `end()`, `"writeOnly"` after the peer's end, `"closed"`. */
  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    return readyStateOf(this.#connection.state);
  }

  /** Milliseconds of `setTimeout` or `tcp.timeout`; 0 is off. */
  get timeout(): number {
    return this.#connection.idle?.timeoutMs ?? 0;
  }

  /** Bytes written that the kernel has not taken yet. */
  get writableLength(): number {
    return this.#connection.queue.length;
  }

  /** Queued bytes from which on `write()` gives false. */
  get writableHighWaterMark(): number {
    return this.#connection.settings.highWaterMarkBytes;
  }

  /** Whether `write()` gave false and `drain` has not come yet. */
  get writableNeedDrain(): boolean {
    return this.#connection.needDrain;
  }

  /** Whether our side has been ended, by `end()` or after the peer's end. */
  get writableEnded(): boolean {
    return this.#connection.writeEnded;
  }

  /** Whether `finish` was emitted. */
  get writableFinished(): boolean {
    return this.#connection.writeFinished;
  }

  /** Whether `end` was emitted. */
  get readableEnded(): boolean {
    return this.#connection.readEnded;
  }

  /** Whether our side stays open after the peer's end. */
  get allowHalfOpen(): boolean {
    return this.#connection.allowHalfOpen;
  }

  set allowHalfOpen(on: boolean) {
    if (typeof on !== "boolean") throw invalid("allowHalfOpen", "true or false", on);
    this.#connection.allowHalfOpen = on;
  }

  /** Whether the bytes travel encrypted. */
  get encrypted(): boolean {
    return this.#connection.transport?.security?.encrypted ?? false;
  }

  /** Resolves with the receipt when the connection is over, however that came about. Never rejects. */
  get closed(): Promise<CloseReceipt> {
    return this.#connection.closed;
  }

  // ---- inside ----

  get #local(): Endpoint {
    return endpointOf(this.#connection.transport?.localAddr);
  }

  get #events(): EventReader {
    return this.#reader ??= new EventReader(this.#connection);
  }

  /** For {@link SocketEmitter}. */
  protected override dataListenersChanged(added: boolean): void {
    if (added) this.#events.start();
    else this.#reader?.stopIfUnheard();
  }

  #tune(set: (transport: Transport) => void): void {
    const { transport } = this.#connection;
    try {
      if (transport !== undefined && !this.destroyed) set(transport);
    } catch {
      // The peer is gone; the read side says so.
    }
  }

  #armTimeout(timeoutMs: number, destroys: boolean): void {
    const connection = this.#connection;
    connection.idle?.clear();
    connection.idle = undefined;
    if (timeoutMs === 0 || connection.state === "closed") return;
    connection.idle = new IdleTimer(connection, timeoutMs, () => {
      if (destroys && this.listenerCount("timeout") === 0) {
        const error = new TcpError(`No byte came or went for ${timeoutMs} ms (tcp.timeout)`, { code: "ETIMEDOUT" });
        connection.destroy(error, "deadline:idle");
      } else connection.emit("timeout");
    });
  }
}

// Where the rejection of an async listener arrives, on a server's sockets.
Object.defineProperty(TCPSocket.prototype, EventEmitter.captureRejectionSymbol, {
  value(this: TCPSocket, thrown: unknown) {
    connectionOf(this).handlerThrew(thrown);
  },
});

function checkEncoding(encoding: unknown): asserts encoding is BufferEncoding {
  if (!Buffer.isEncoding(encoding as string)) throw invalid("encoding", "an encoding that Buffer knows", encoding);
}

function toBytes(data: string | Uint8Array, encoding: unknown): Uint8Array {
  if (typeof data === "string") {
    if (encoding === undefined || encoding === null || typeof encoding === "function") return Buffer.from(data);
    checkEncoding(encoding);
    return Buffer.from(data, encoding);
  }
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) {
    const view: ArrayBufferView = data;
    return new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
  }
  throw invalid("data", "a string or a Uint8Array", data);
}
