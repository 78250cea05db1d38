/** Messages over one socket. */

import { asError, MessageError } from "../base/errors.ts";
import { checkKeys, invalid } from "../base/check.ts";
import type { Codec, FrameDecoder } from "../framing/codec.ts";
import { json } from "../framing/json.ts";
import { lengthPrefixed } from "../framing/length_prefixed.ts";
import type { Connection } from "../socket/connection.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";

/** How messages look and how large they may be. */
export interface MessageProtocolOptions<In, Out = In> {
  /** The codec; JSON behind a length of 4 bytes, big-endian, where left out. */
  codec?: Codec<In, Out>;
  /**
   * Longest message in bytes, for the default codec. A peer that announces more is cut off.
   *
   * @default {1_048_576}
   */
  maxFrameBytes?: number;
}

// The documentation makes a protocol for every message it sends: the default codec has no state, so one serves all.
const DEFAULT_CODEC = json();

/**
 * Messages over a socket: JSON behind its length in 4 bytes, or any other codec. Making one costs nothing and adds no
 * listener, so it may be made anew for every message that is only sent. To receive, feed it by {@link handleData} or call
 * {@link attach}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createServer, MessageProtocol } from "@verb/tcp";
 * import { connect } from "@verb/tcp/tcp";
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
  readonly #connection: Connection;
  readonly #codec: Codec<In, Out>;
  // Made when the first bytes come: a protocol that only sends needs none.
  #decoder: FrameDecoder<Out> | undefined;
  #decoding = false;
  #attached = false;

  /** Holds the socket; nothing else happens yet. */
  // deno-lint-ignore no-explicit-any -- whatever the user keeps on his sockets
  constructor(socket: TCPSocket<any>, options?: MessageProtocolOptions<In, Out>) {
    this.socket = socket;
    this.#connection = connectionOf(socket);
    this.#codec = DEFAULT_CODEC as Codec<unknown> as Codec<In, Out>;
    if (options === undefined) return;
    checkKeys("options", options, ["codec", "maxFrameBytes"]);
    const { codec, maxFrameBytes } = options;
    if (codec !== undefined && maxFrameBytes !== undefined) {
      throw new TypeError('Option "maxFrameBytes" belongs to the default codec; give it to your "codec" instead');
    }
    if (codec !== undefined) this.#codec = codec;
    if (maxFrameBytes !== undefined) {
      this.#codec = json({ framing: lengthPrefixed({ maxFrameBytes }) }) as Codec<unknown> as Codec<In, Out>;
    }
  }

  /**
   * Called with every message. Assign it, before the turn ends in which you attach, or override it; does nothing as it
   * is. What it throws or rejects with is treated as of a `data` listener.
   */
  onMessage(_message: Out): void {}

  /**
   * Called with what was wrong: a `MessageError` for one bad message, behind which the stream goes on, or the
   * `FrameError` that destroys the socket. Assign it or override it. Without it bad messages are skipped and, on a
   * server, told to `app.onError`; a `FrameError` goes where the socket's own errors go.
   */
  onError(_error: Error): void {}

  /** Bytes of a message that is not whole yet. */
  get bufferedBytes(): number {
    return this.#decoder?.bufferedBytes ?? 0;
  }

  /**
   * Sends a message. Gives what `socket.write` gives: false means wait for `drain`; on a closed socket it is false, too.
   * A message that is too large (`ERR_FRAME_TOO_LARGE`) or that the codec cannot say (TypeError) throws before a byte of it is queued.
   */
  send(message: In): boolean {
    const connection = this.#connection;
    if (this.#codec.encodeInto === undefined) return this.sendEncoded(this.#codec.encode(message));
    if (connection.state !== "open" && !connection.beginWrite()) return false;
    if (connection.queue.length >= connection.settings.maxWriteQueueBytes && !connection.beginWrite()) return false;
    this.#codec.encodeInto(message, connection.queue);
    // The user's code ran in between (a toJSON, say) and may have ended the socket.
    return connection.receipt === undefined ? connection.endWrite() : false;
  }

  /** The frame of a message, to be sent to many by {@link sendEncoded}. */
  encode(message: In): Uint8Array<ArrayBuffer> {
    return this.#codec.encode(message);
  }

  /** Sends what {@link encode} gave. Gives what {@link send} gives. */
  sendEncoded(frame: Uint8Array): boolean {
    return this.#connection.write(frame);
  }

  /**
   * Receives from now on, by one `data` listener, however often it is called. Gives the protocol. A peer that ends inside
   * a message is told to {@link onError} as a `FrameError` (`ERR_FRAME_TRUNCATED`).
   */
  attach(): this {
    if (this.#attached) return this;
    this.#attached = true;
    this.socket.on("data", (data) => this.handleData(data));
    this.socket.on("end", () => this.#handleEnd());
    return this;
  }

  /**
   * Takes bytes that came, the protocol's from now on, and calls {@link onMessage} for every message they complete.
   * Called from within `onMessage` it only appends. What `onMessage` throws comes through, its message consumed. After
   * the socket is destroyed nothing is delivered any more.
   */
  handleData(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) {
      throw invalid("data", "a Uint8Array (a socket with setEncoding gives text)", data);
    }
    const decoder = this.#decoder ??= this.#makeDecoder();
    decoder.push(data);
    if (this.#decoding) return;
    this.#decoding = true;
    try {
      while (this.#connection.state !== "closed") {
        let message: Out | undefined;
        try {
          message = decoder.next();
        } catch (error) {
          if (!(error instanceof MessageError)) return this.#fail(asError(error));
          if (this.#hearsErrors) this.#watch(this.onError(error));
          else this.#connection.host?.connectionFailed(error, this.socket);
          continue;
        }
        if (message === undefined) return;
        this.#watch(this.onMessage(message));
      }
    } finally {
      this.#decoding = false;
    }
  }

  #makeDecoder(): FrameDecoder<Out> {
    (this.#connection.holders ??= []).push(this);
    return this.#codec.decoder();
  }

  #handleEnd(): void {
    try {
      this.#decoder?.end();
    } catch (error) {
      this.#fail(asError(error));
    }
  }

  /** The stream cannot be understood any more. */
  #fail(failure: Error): void {
    this.#connection.destroy(failure, undefined, this.#hearsErrors ? "listeners" : "all");
    if (this.#hearsErrors) this.#watch(this.onError(failure));
  }

  get #hearsErrors(): boolean {
    return this.onError !== MessageProtocol.prototype.onError;
  }

  /** The user's code may be async, whatever its type says. */
  #watch(result: unknown): void {
    if (result instanceof Promise) result.catch((error) => this.#connection.handlerThrew(error));
  }
}
