/** The messages of any codec over a socket, as events. */

import { EventEmitter } from "node:events";
// Without this module the rejections of async listeners are swallowed by the runtime's events.
import "node:process";
import type { SocketError } from "../base/errors.ts";
import { checkKeys, invalid } from "../base/check.ts";
import { checkCodec } from "../framing/check_codec.ts";
import type { Codec } from "../framing/codec.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import { FrameExchange } from "./frame_exchange.ts";
import { type MessageRate, readMessageRate } from "./message_pace.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { MessageHeartbeatOptions } from "./message_heartbeat.ts";

/** What the listeners of a {@link FramedSocket} are called with. */
export interface FramedEvents<Out> {
  /** A message came. */
  message: [message: Out];
  /**
   * A `MessageError` for one bad message, after which the stream goes on, or the error that ended the connection: a
   * `FrameError`, a reset (`ECONNRESET`), a deadline. `close` of the socket follows such an error.
   */
  error: [error: SocketError];
}

type Listener = (this: unknown, value: unknown) => unknown;

/** Options of {@link framed}. */
export interface FramedOptions extends MessageRate {
  /** Bytes that were read before, from the `takeRest()` of another protocol. They are decoded first. */
  head?: Uint8Array;
}

/**
 * Messages over a socket: `message` events and `send`. The fast way to use a codec, with no promise or stream in between.
 *
 * It reads while there is a `message` listener. Without one nothing is lost; the peer has to wait. Bad messages go to
 * `error` listeners and the stream goes on. Without a listener they are skipped and, on a server, go to `app.onError`.
 * A stream that can no longer be decoded, or that ends inside a frame, destroys the socket with a `FrameError`. That
 * error, and every other failure of the connection, goes to the `error` listeners, too. If there are any, the error
 * counts as handled. Listeners may be asynchronous: a closing server waits for their answers.
 *
 * @throws {TypeError} For a codec that is not one, and for unknown options.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { connect, createServer, framed } from "@verb/tcp";
 * import { lines } from "@verb/tcp/framing";
 *
 * await using app = createServer();
 * app.onConnection((socket) => {
 *   const peer = framed(socket, lines());
 *   peer.on("message", (line) => peer.send(line.toUpperCase()));
 * });
 * app.listen(0, "127.0.0.1");
 *
 * const server = framed(await connect({ port: app.address()!.port, host: "127.0.0.1" }), lines());
 * server.send("hello");
 * const answer = await new Promise((resolve) => server.once("message", resolve));
 * assertEquals(answer, "HELLO");
 * server.socket.end();
 * ```
 */
export function framed<In, Out>(
  // deno-lint-ignore no-explicit-any -- whatever the user keeps on his sockets
  socket: TCPSocket<any>,
  codec: Codec<In, Out>,
  options: FramedOptions = {},
): FramedSocket<In, Out> {
  return new FramedSocket(socket, codec, options);
}

/** For requests and answers: what carries the messages. */
export let exchangeOfFramed: <In, Out>(peer: FramedSocket<In, Out>) => FrameExchange<In, Out>;

/** A socket that sends and receives messages. Made by {@link framed}. */
export class FramedSocket<In, Out = In> extends EventEmitter<FramedEvents<Out>> {
  /** The socket underneath. */
  readonly socket: TCPSocket;
  /** What messages look like. */
  readonly codec: Codec<In, Out>;
  readonly #exchange: FrameExchange<In, Out>;
  // The listeners of each event, as long as none comes or goes: to ask the emitter for them would cost every message.
  #listeners: { [event in keyof FramedEvents<Out>]?: readonly Listener[] } = {};

  static {
    exchangeOfFramed = (peer) => peer.#exchange;
  }

  /** The same as `framed`. */
  // deno-lint-ignore no-explicit-any -- whatever the user keeps on his sockets
  constructor(socket: TCPSocket<any>, codec: Codec<In, Out>, options: FramedOptions = {}) {
    super({ captureRejections: true });
    checkCodec("codec", codec);
    checkKeys("options", options, ["head", "messagesPerSecond", "burst"]);
    const { head } = options;
    if (head !== undefined && !(head instanceof Uint8Array)) throw invalid("head", "a Uint8Array", head);
    this.socket = socket;
    this.codec = codec;
    const heard = (error: SocketError) => {
      if (this.listenerCount(EventEmitter.errorMonitor) > 0) {
        Reflect.apply(this.emit, this, [EventEmitter.errorMonitor, error]);
      }
      this.#call("error", error);
    };
    const isHeard = () => this.listenerCount("error") > 0;
    const receiver = {
      onMessage: (message: Out) => this.#call("message", message),
      get onError() {
        return isHeard() ? heard : unheard;
      },
    };
    this.#exchange = new FrameExchange(socket, codec, receiver, unheard, head, readMessageRate(options));
    this.#exchange.hear();
    this.#watchListeners();
  }

  /** Calls listeners as `emit` does, and follows the promises that they give: a drain waits for those. */
  #call(event: keyof FramedEvents<Out>, value: unknown): void {
    for (const listener of this.#listeners[event] ??= this.rawListeners(event) as Listener[]) {
      const result = listener.call(this, value);
      if (result !== undefined) this.#exchange.watch(result);
    }
  }

  /** Receives while there is somebody to hear it. */
  #watchListeners(): void {
    const { on } = EventEmitter.prototype;
    on.call(this, "newListener", (event: string | symbol) => {
      this.#listeners = {};
      if (event === "message") this.#exchange.attach();
    });
    on.call(this, "removeListener", (event: string | symbol) => {
      this.#listeners = {};
      if (event === "message" && this.listenerCount("message") === 0) this.#exchange.unheard();
    });
  }

  /** Removes all listeners, or all of one event. */
  override removeAllListeners(event?: string | symbol): this {
    if (event !== undefined) return super.removeAllListeners(event as "message"); // undefined would be a name, too
    super.removeAllListeners();
    this.#listeners = {};
    this.#watchListeners();
    return this;
  }

  /** Bytes that were received and not consumed: a part of a message, or further messages while paused. */
  get bufferedBytes(): number {
    return this.#exchange.bufferedBytes;
  }

  /**
   * Sends a message. Returns what `socket.write` returns: false means wait for the socket's `drain`; on a closed socket
   * it is false, too. A message that the codec cannot encode, or that is too large for it, throws before a byte of it
   * is queued.
   */
  send(message: In): boolean {
    return this.#exchange.send(message);
  }

  /** The frame of a message, to be sent to many by {@link sendEncoded}. */
  encode(message: In): Uint8Array<ArrayBuffer> {
    return this.#exchange.encode(message);
  }

  /** Sends what {@link encode} returned. Returns the same as {@link send}. */
  sendEncoded(frame: Uint8Array): boolean {
    return this.#exchange.sendEncoded(frame);
  }

  /**
   * Pings the peer from now on, answers its pings, and destroys the connection when the peer is gone; the same as
   * `MessageProtocol.startHeartbeat`.
   */
  startHeartbeat(options: MessageHeartbeatOptions<In, Out>): Heartbeat {
    return this.#exchange.startHeartbeat(options);
  }

  /**
   * Emits no more messages, those that have arrived included, and pauses the socket, so that the peer has to wait. The
   * peer's end is not held back with them: to answer them after it, set `tcp.allowHalfOpen`.
   */
  pause(): this {
    this.#exchange.pause();
    return this;
  }

  /** Continues after {@link pause}, in a microtask. */
  resume(): this {
    this.#exchange.resume();
    return this;
  }

  /**
   * Stops receiving and hands back the bytes that were not consumed, for a change of protocol in mid-stream: give them
   * to the next `framed` as `head`. Called inside a `message` listener, the rest begins right after that message. A
   * heartbeat stops.
   */
  takeRest(): Uint8Array {
    return this.#exchange.takeRest();
  }
}

// Where the rejection of an async listener arrives: it counts as one of the socket's own listeners.
Object.defineProperty(FramedSocket.prototype, EventEmitter.captureRejectionSymbol, {
  value(this: FramedSocket<never>, thrown: unknown) {
    connectionOf(this.socket).handlerThrew(thrown);
  },
});

function unheard(): void {}
