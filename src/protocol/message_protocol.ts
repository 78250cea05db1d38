/** Messages over one socket. */

import { typeError } from "../base/argument_errors.ts";
import type { SocketError } from "../base/errors.ts";
import { checkKeys } from "../base/check.ts";
import { checkCodec } from "../framing/check_codec.ts";
import type { Codec } from "../framing/codec.ts";
import { json } from "../framing/json.ts";
import { lengthPrefixed } from "../framing/length_prefixed.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import { FrameExchange } from "./frame_exchange.ts";
import { type MessageRate, readMessageRate } from "./message_pace.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { MessageHeartbeatOptions } from "./message_heartbeat.ts";

/** How messages look and how large they may be. */
export interface MessageProtocolOptions<In, Out = In> extends MessageRate {
  /** The codec; JSON after a length field of 4 bytes, big-endian, where left out. */
  codec?: Codec<In, Out>;
  /**
   * Longest message in bytes, for the default codec. A peer that announces more is cut off.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

// The documentation makes a protocol for every message it sends: the default codec has no state, so one serves all, and so
// does one for each limit; members of a room have to share theirs. Where limits are computed there may be ever more of
// them: those that were asked for last are kept.
const DEFAULT_CODEC = json();
const MOST_LIMITED_CODECS = 1_000;
const limitedCodecs = new Map<number, Codec<unknown>>();

/** The codec of a protocol that was given none; JSON is whatever the caller says it is. */
export function defaultCodec<In, Out>(maxFrameBytes?: number): Codec<In, Out> {
  if (maxFrameBytes === undefined) return DEFAULT_CODEC as Codec<unknown> as Codec<In, Out>;
  let codec = limitedCodecs.get(maxFrameBytes);
  if (codec === undefined) {
    codec = json({ framing: lengthPrefixed({ maxFrameBytes }) }) as Codec<unknown>;
    const [oldest] = limitedCodecs.keys();
    if (oldest !== undefined && limitedCodecs.size >= MOST_LIMITED_CODECS) limitedCodecs.delete(oldest);
  } else limitedCodecs.delete(maxFrameBytes); // it is the youngest now
  limitedCodecs.set(maxFrameBytes, codec);
  return codec as Codec<In, Out>;
}

/** For requests and answers: what carries the messages. */
export let exchangeOfProtocol: <In, Out>(peer: MessageProtocol<In, Out>) => FrameExchange<In, Out>;

/**
 * Messages over a socket: JSON after a length field of 4 bytes, or any other codec. Making one costs nothing and adds
 * no listener, so it may be made anew for every message that is only sent. To receive, feed it by {@link handleData} or
 * call {@link attach}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { connect, createServer, MessageProtocol } from "@verb/tcp";
 *
 * await using app = createServer();
 * app.onConnection((socket) => {
 *   const protocol = new MessageProtocol<{ type: string }>(socket).attach();
 *   protocol.onMessage = (message) => {
 *     if (message.type === "ping") protocol.send({ type: "pong" });
 *   };
 * });
 * app.listen(0, "127.0.0.1");
 *
 * const socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
 * const protocol = new MessageProtocol<{ type: string }>(socket).attach();
 * const answer = new Promise((resolve) => protocol.onMessage = resolve);
 * protocol.send({ type: "ping" });
 * assertEquals(await answer, { type: "pong" });
 * socket.end();
 * ```
 */
export class MessageProtocol<In = unknown, Out = In> {
  /** The socket underneath. */
  readonly socket: TCPSocket;
  /** What messages look like: the codec of the options, or the default one. */
  readonly codec: Codec<In, Out>;
  readonly #exchange: FrameExchange<In, Out>;

  static {
    exchangeOfProtocol = (peer) => peer.#exchange;
  }

  /** Holds the socket; nothing else happens yet. */
  // deno-lint-ignore no-explicit-any -- whatever the user keeps on his sockets
  constructor(socket: TCPSocket<any>, options?: MessageProtocolOptions<In, Out>) {
    this.socket = socket;
    this.codec = options === undefined ? defaultCodec() : codecOf(options) ?? defaultCodec();
    const rate = options === undefined ? undefined : readMessageRate(options);
    this.#exchange = new FrameExchange(socket, this.codec, this, unheard, undefined, rate);
    if (this.onError !== unheard) this.#exchange.hear(); // a subclass has overridden it
  }

  static {
    // An assignment is noticed: who hears of bad messages hears of failures of the connection, too. To register every
    // protocol would keep those that are made for one message as long as the connection.
    Object.defineProperty(MessageProtocol.prototype, "onError", {
      configurable: true,
      get: () => unheard,
      set(this: MessageProtocol, value: unknown) {
        Object.defineProperty(this, "onError", { value, writable: true, enumerable: true, configurable: true });
        this.#exchange.hear();
      },
    });
  }

  /**
   * Called with every message. Assign it, before the turn ends in which you attach, or override it; by default it does
   * nothing. An exception or rejection is treated like one of a `data` listener.
   */
  onMessage(_message: Out): void {}

  /**
   * Called with errors: a `MessageError` for one bad message, after which the stream goes on, or the error that ended
   * the connection: a `FrameError`, a reset (`ECONNRESET`), a deadline. Assign it or override it; then such an error
   * counts as handled. Without it bad messages are skipped and, on a server, go to `app.onError`; the error that ended
   * the connection goes where other errors of the socket go.
   */
  onError(_error: SocketError): void {}

  /** Bytes that were received and not consumed: a part of a message, or further messages while paused. */
  get bufferedBytes(): number {
    return this.#exchange.bufferedBytes;
  }

  /**
   * Sends a message. Returns what `socket.write` returns: false means wait for `drain`; on a closed socket it is false,
   * too. A message that is too large (`ERR_FRAME_TOO_LARGE`) or that the codec cannot encode (TypeError) throws before
   * a byte of it is queued.
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
   * Receives from now on, by one `data` listener, however often it is called. Returns the protocol. If the peer ends
   * inside a message, {@link onError} gets a `FrameError` (`ERR_FRAME_TRUNCATED`).
   */
  attach(): this {
    this.#exchange.attach();
    return this;
  }

  /**
   * Pings the peer from now on, answers its pings, and destroys the connection when the peer is gone: `ETIMEDOUT`,
   * reason `heartbeat`, within `intervalMs * (misses + 1)`. Every byte that comes is a sign of life. So is the progress
   * of a write that had to wait, because the peer reads our ping only after the bytes in front of it. (The system takes
   * bytes for a slow peer in portions of a megabyte or two: `intervalMs * misses` should be longer than the slowest
   * peer needs for one.) It ends with the connection; a second call replaces the options. Use it only for peers that
   * answer pings: those that say so, or that ping first. After our own `end()` no more pings are sent.
   *
   * @example
   * ```ts
   * import { createServer, MessageProtocol } from "@verb/tcp";
   *
   * type Message = { type: "ping" } | { type: "pong" } | { type: "chat"; text: string };
   *
   * await using app = createServer();
   * app.onConnection((socket) => {
   *   const protocol = new MessageProtocol<Message>(socket).attach();
   *   const heartbeat = protocol.startHeartbeat({
   *     ping: () => ({ type: "ping" }),
   *     isPong: ({ type }) => type === "pong",
   *     isPing: ({ type }) => type === "ping",
   *     pong: () => ({ type: "pong" }),
   *     intervalMs: 15_000,
   *   });
   *   socket.on("close", () => console.log("the last round trip took", heartbeat.roundTripMs, "ms"));
   * });
   * app.listen(0, "127.0.0.1");
   * ```
   */
  startHeartbeat(options: MessageHeartbeatOptions<In, Out>): Heartbeat {
    return this.#exchange.startHeartbeat(options);
  }

  /**
   * Takes received bytes, which belong to the protocol from now on, and calls {@link onMessage} for every message that
   * they complete. Called inside `onMessage` it only appends. An exception of `onMessage` is passed on; its message is
   * consumed. After the socket is destroyed nothing is delivered any more.
   */
  handleData(data: Uint8Array): void {
    this.#exchange.handleData(data);
  }

  /**
   * Delivers no more messages, those that have arrived included, and pauses the socket, so that the peer has to wait.
   * The peer's end is not held back with them: to answer them after it, set `tcp.allowHalfOpen`.
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
   * Stops receiving and hands back the bytes that were not consumed: for a change of protocol in mid-stream. Called
   * inside `onMessage`, the rest begins right after that message. A heartbeat stops.
   */
  takeRest(): Uint8Array {
    return this.#exchange.takeRest();
  }
}

/** What `onError` is as long as nobody hears errors. */
function unheard(): void {}

/** The codec that the options ask for, undefined for the default one. */
function codecOf<In, Out>(options: MessageProtocolOptions<In, Out>): Codec<In, Out> | undefined {
  checkKeys("options", options, ["codec", "maxFrameBytes", "messagesPerSecond", "burst"]);
  const { codec, maxFrameBytes } = options;
  if (codec !== undefined) checkCodec("codec", codec);
  if (maxFrameBytes === undefined) return codec;
  if (codec !== undefined) {
    throw typeError(
      "ERR_INCOMPATIBLE_OPTION_PAIR",
      'Option "maxFrameBytes" belongs to the default codec; give it to your "codec" instead',
    );
  }
  return defaultCodec(maxFrameBytes);
}
