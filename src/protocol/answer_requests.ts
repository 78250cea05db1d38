/** The other side of requests: a handler that gives each its answer. */

import { checkBoolean, checkBound, checkFunction, checkKeys, invalid } from "../base/check.ts";
import { Fifo } from "../base/fifo.ts";
import { canWrite } from "../socket/lifecycle.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import type { FrameExchange } from "./frame_exchange.ts";
import type { MessageTaker } from "./frame_receiver.ts";
import { exchangeOf, type MessagePeer } from "./message_peer.ts";

/** How requests are answered. */
export interface AnswerOptions {
  /**
   * Whether answers are sent in the order of the requests. With `false` each is sent when it is ready, for protocols
   * whose answers carry the id of their request.
   *
   * @default {true}
   */
  ordered?: boolean;
  /**
   * Most requests in progress at once; then the peer has to wait.
   *
   * @default {1_024}
   */
  maxInFlight?: number;
}

/** Answers one request: returns the answer, a promise of it, or undefined for a message that gets no answer. */
export type RequestHandler<In, Out> = (message: Out) => In | undefined | void | Promise<In | undefined | void>;

/**
 * Answers the requests that come over a `framed` socket or a `MessageProtocol`, on either end: `handler` returns the
 * answer or a promise of it. It reads from now on. With a requester on the same peer it gets the messages that are not
 * answers; one handler per peer.
 *
 * A server's drain waits for the answers under way. An exception or rejection of the handler is treated like one of a
 * `data` listener: on a server it reaches `onError` and ends the connection. An answer that is ready after the
 * connection has ended is dropped.
 *
 * @example
 * ```ts
 * import { answerRequests, connect, createServer, framed } from "@verb/tcp";
 * import { lines } from "@verb/tcp/framing";
 *
 * await using app = createServer();
 * app.onConnection((socket) => {
 *   answerRequests(framed(socket, lines()), async (line) => await Promise.resolve(line.toUpperCase()));
 * });
 * app.listen(0, "127.0.0.1");
 *
 * const client = framed(await connect({ port: app.address()!.port, host: "127.0.0.1" }), lines());
 * client.send("hello");
 * const answer = await new Promise((resolve) => client.once("message", resolve));
 * client.socket.end();
 * if (answer !== "HELLO") throw new Error(`It answered ${answer}`);
 * ```
 */
export function answerRequests<In, Out>(
  peer: MessagePeer<In, Out>,
  handler: RequestHandler<In, Out>,
  options: AnswerOptions = {},
): void {
  const exchange = exchangeOf(peer);
  checkFunction("handler", handler);
  checkKeys("options", options, ["ordered", "maxInFlight"]);
  const ordered = checkBoolean("ordered", options.ordered, true);
  const maxInFlight = checkBound("maxInFlight", options.maxInFlight, 1_024, 1);
  if (exchange.answerer !== undefined) throw invalid("peer", "one that has no handler of requests yet", peer);
  exchange.attach();
  exchange.answerer = new Answerer(exchange, peer.socket, handler, ordered, maxInFlight);
}

/** A request whose answer is not out. */
interface Slot<In> {
  done: boolean;
  answer: In | undefined | void;
}

class Answerer<In, Out> implements MessageTaker<Out> {
  readonly #exchange: FrameExchange<In, Out>;
  readonly #socket: TCPSocket;
  readonly #handler: RequestHandler<In, Out>;
  readonly #ordered: boolean;
  readonly #maxInFlight: number;
  // In the order of the requests. A connection that comes later has its own.
  #slots = new Fifo<Slot<In>>();
  #unordered = 0;

  constructor(
    exchange: FrameExchange<In, Out>,
    socket: TCPSocket,
    handler: RequestHandler<In, Out>,
    ordered: boolean,
    maxInFlight: number,
  ) {
    this.#exchange = exchange;
    this.#socket = socket;
    this.#handler = handler;
    this.#ordered = ordered;
    this.#maxInFlight = maxInFlight;
    socket.on("close", () => {
      if (connectionOf(socket).receipt === undefined) return; // it is connecting again, and has begun afresh
      this.beginAfresh();
      exchange.release();
    });
  }

  beginAfresh(): void {
    this.#slots = new Fifo();
    this.#unordered = 0;
  }

  takes(message: Out): boolean {
    let answer: ReturnType<RequestHandler<In, Out>>;
    try {
      answer = this.#handler(message);
    } catch (error) {
      this.#failed(error);
      return true;
    }
    // Whatever `await` waits for.
    if (typeof (answer as PromiseLike<unknown> | undefined | null)?.then === "function") {
      void this.#follow(answer as Promise<In | undefined | void>);
    } else if (!this.#ordered || this.#slots.length === 0) {
      this.#send(answer as In | undefined | void);
    } else {
      this.#slots.push({ done: true, answer: answer as In | undefined | void });
    }
    if (this.#inFlight >= this.#maxInFlight) this.#exchange.hold();
    return true;
  }

  takesError(): boolean {
    return false;
  }

  get #inFlight(): number {
    return this.#ordered ? this.#slots.length : this.#unordered;
  }

  // Never rejects. The request was accepted: a drain waits until its answer is queued.
  async #follow(work: Promise<In | undefined | void>): Promise<void> {
    const connection = connectionOf(this.#socket);
    const counts = connection.workBegun();
    const slots = this.#slots;
    const slot: Slot<In> = { done: false, answer: undefined };
    if (this.#ordered) slots.push(slot);
    else this.#unordered++;
    try {
      slot.answer = await work;
      slot.done = true;
      if (slots === this.#slots) this.#ready(slot);
    } catch (error) {
      if (slots === this.#slots) this.#failed(error);
      else connection.handlerThrew(error);
    }
    if (counts) connection.workDone();
  }

  /** A request gets no answer: those behind it would take its place, so the connection ends on a client, too. */
  #failed(error: unknown): void {
    const connection = connectionOf(this.#socket);
    connection.handlerThrew(error);
    connection.destroy();
  }

  /** The connection is still that of the request. */
  #ready(slot: Slot<In>): void {
    if (this.#ordered) {
      while (this.#slots.first?.done === true) this.#send(this.#slots.shift()?.answer);
    } else {
      this.#unordered--;
      this.#send(slot.answer);
    }
    if (this.#inFlight < this.#maxInFlight) this.#exchange.release();
  }

  #send(answer: In | undefined | void): void {
    if (answer === undefined || !canWrite(connectionOf(this.#socket).state)) return;
    this.#exchange.send(answer as In); // not undefined
  }
}
