/** Requests over messages: each gets its own answer, or an error, whatever becomes of the peer. */

import { now } from "../base/clock.ts";
import { checkKeys, invalid } from "../base/check.ts";
import { DeadlineTimer } from "../base/deadline_timer.ts";
import { type MessageError, TcpError } from "../base/errors.ts";
import { Fifo } from "../base/fifo.ts";
import type { Connection } from "../socket/connection.ts";
import { canWrite } from "../socket/lifecycle.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import type { CloseReceipt } from "../telemetry/close_receipt.ts";
import type { FrameExchange } from "./frame_exchange.ts";
import { exchangeOf, type MessagePeer } from "./message_peer.ts";
import { OpenRequest } from "./open_request.ts";
import { full, notRead, stuck, timedOut, unanswered } from "./request_error.ts";
import {
  checkId,
  checkTimeout,
  type RequesterOptions,
  type RequestId,
  type RequestOptions,
  type ResolvedRequester,
  resolveRequester,
} from "./requester_options.ts";

// Ids of requests that were given up are kept for late answers, as many as may be in flight and never more than that.
const MOST_ABANDONED = 65_536;

/**
 * Sends requests over a `framed` socket or a `MessageProtocol`, on either end, and matches each with its answer: by ids
 * (`idOf`, `answerTo`), or in order (`ordered: true`). It reads from now on; messages that answer no request go to
 * `onOther`. One requester per peer; `answerRequests` on the same peer is the other direction.
 *
 * A request that times out or is aborted keeps its id or its place in the order, so that a late answer is not taken for
 * that of another request. The last `maxInFlight` such ids are kept (65,536 at most), so do not use ids again that
 * soon. Where answers come in order, a request without an answer for twice its time ends the connection. When the
 * connection ends, every open request rejects with `ERR_REQUEST_UNANSWERED`; `sent` says whether the peer may have seen
 * it. On a client, an error that ends the connection and has no other listener rejects the next request; it is not an
 * uncaught error.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { answerRequests, connect, createRequester, createServer, MessageProtocol } from "@verb/tcp";
 *
 * type Question = { id: number; numbers: number[] };
 * type Answer = { id: number; sum: number };
 *
 * await using app = createServer();
 * app.onConnection((socket) => {
 *   answerRequests(new MessageProtocol<Answer, Question>(socket), ({ id, numbers }) => {
 *     return { id, sum: numbers.reduce((sum, number) => sum + number, 0) };
 *   });
 * });
 * app.listen(0, "127.0.0.1");
 *
 * await using socket = await connect({ port: app.address()!.port, host: "127.0.0.1" });
 * const requester = createRequester(new MessageProtocol<Question, Answer>(socket), {
 *   idOf: (question) => question.id,
 *   answerTo: (answer) => answer.id,
 * });
 * const answers = await Promise.all([
 *   requester.request({ id: 1, numbers: [1, 2] }),
 *   requester.request({ id: 2, numbers: [3, 4] }, { timeoutMs: 1_000 }),
 * ]);
 * assertEquals(answers.map(({ sum }) => sum), [3, 7]);
 * ```
 */
export function createRequester<In, Out>(
  peer: MessagePeer<In, Out>,
  options: RequesterOptions<In, Out>,
): Requester<In, Out> {
  return new Requester(peer, options);
}

/** Sends requests over a connection and matches their answers. Made by {@link createRequester}. */
export class Requester<In, Out = In> {
  /** The socket underneath. */
  readonly socket: TCPSocket;
  readonly #exchange: FrameExchange<In, Out>;
  readonly #options: ResolvedRequester<In, Out>;
  // Those that were sent, in order; one that was abandoned keeps its place.
  readonly #places = new Fifo<OpenRequest<Out>>();
  // Those with ids, waiting and abandoned ones included.
  readonly #ids = new Map<RequestId, OpenRequest<Out>>();
  // In the order in which they were given up.
  readonly #abandoned = new Set<OpenRequest<Out>>();
  readonly #waiting = new Set<OpenRequest<Out>>();
  #inFlight = 0;
  readonly #timer = new DeadlineTimer((at, sure) => this.#expire(at, sure));

  /** The same as `createRequester`. */
  constructor(peer: MessagePeer<In, Out>, options: RequesterOptions<In, Out>) {
    this.#exchange = exchangeOf(peer);
    this.#options = resolveRequester(options);
    if (this.#exchange.requester !== undefined) throw invalid("peer", "one that has no requester yet", peer);
    this.socket = peer.socket;
    this.#exchange.attach();
    this.#exchange.requester = {
      takes: (message) => this.#takes(message),
      takesError: (error) => this.#takesError(error),
      beginAfresh: (former) => {
        this.#over(former);
        this.#keep();
      },
    };
    this.socket.on("drain", () => this.#pump());
    this.socket.on("close", () => {
      const { receipt } = this.#connection;
      if (receipt !== undefined) this.#over(receipt); // else it is connecting again, and has been told of
    });
    this.#keep();
  }

  /** A client's error is told to the requests. */
  #keep(): void {
    this.#connection.awaited = true;
  }

  /** Requests that are sent and not answered. Where answers come in order, those that were given up count, too. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Requests that wait to be sent. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Sends a request, at once or when there is room, and resolves with its answer. Rejects with a {@link RequestError}
   * (`ERR_REQUEST_UNANSWERED`, `ERR_REQUEST_TIMEOUT`, `ERR_REQUEST_FULL`), the reason of the signal, what the codec throws
   * for a message that cannot be sent, `ERR_REQUEST_DUPLICATE` for an id that is open, a `TypeError` where `idOf` gives no
   * id, or, where answers come in order, the `MessageError` of an answer that could not be understood.
   */
  request(message: In, options?: RequestOptions): Promise<Out> {
    // What the start throws rejects the promise.
    return new Promise((resolve, reject) => this.#start(message, options, resolve, reject));
  }

  #start(
    message: In,
    options: RequestOptions | undefined,
    resolve: (answer: Out) => void,
    reject: (reason: unknown) => void,
  ): void {
    const { idOf, maxInFlight, maxWaiting } = this.#options;
    let { timeoutMs } = this.#options;
    let signal: AbortSignal | undefined;
    if (options !== undefined) {
      checkKeys("options", options, ["timeoutMs", "signal"]);
      ({ signal } = options);
      if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid("signal", "an AbortSignal", signal);
      if (options.timeoutMs !== undefined) timeoutMs = checkTimeout(options.timeoutMs, 0);
      signal?.throwIfAborted();
    }
    const connection = this.#connection;
    if (!canWrite(connection.state)) return reject(unanswered(false, connection.receipt));
    const id = idOf?.(message);
    if (idOf !== undefined) checkId(id);
    if (id !== undefined && this.#ids.has(id)) {
      throw new TcpError(`Cannot request: the id ${String(id)} is still open`, { code: "ERR_REQUEST_DUPLICATE" });
    }
    const request = new OpenRequest<Out>(id, timeoutMs, now() + timeoutMs, resolve, reject);
    if (this.#waiting.size > 0 || this.#inFlight >= maxInFlight || connection.needDrain) {
      if (this.#waiting.size >= maxWaiting) return reject(full(this.#inFlight, this.#waiting.size, this.#options));
      request.frame = this.#exchange.encode(message);
      this.#waiting.add(request);
      if (id !== undefined) this.#ids.set(id, request);
    } else {
      const { queue } = connection;
      const startsAt = queue.sentBytes + queue.length;
      this.#exchange.send(message);
      if (connection.receipt !== undefined) return reject(unanswered(false, connection.receipt));
      this.#wentOut(request, connection, startsAt);
    }
    this.#timer.lookBy(request.dueAt);
    if (signal !== undefined) {
      const abort = () => this.#giveUp(request, signal.reason);
      signal.addEventListener("abort", abort);
      const forget = () => signal.removeEventListener("abort", abort); // a variable, see WriteQueue
      request.forget = forget;
    }
  }

  #wentOut(request: OpenRequest<Out>, { queue }: Connection, startsAt: number): void {
    request.wentOut(queue, startsAt);
    this.#inFlight++;
    if (request.id === undefined) this.#places.push(request);
    else this.#ids.set(request.id, request);
  }

  /** Sends those that wait, as long as there is room. */
  #pump(): void {
    while (this.#waiting.size > 0 && this.#inFlight < this.#options.maxInFlight) {
      const connection = this.#connection;
      if (connection.needDrain || !canWrite(connection.state)) return;
      const [request] = this.#waiting as Iterable<OpenRequest<Out>>; // not empty
      this.#waiting.delete(request!);
      const startsAt = connection.queue.sentBytes + connection.queue.length;
      const frame = request!.frame!; // it has one while it waits
      this.#wentOut(request!, connection, startsAt);
      this.#exchange.sendEncoded(frame);
    }
  }

  #takes(message: Out): boolean {
    const { answerTo, onOther } = this.#options;
    let request: OpenRequest<Out> | undefined;
    let isAnswer = false;
    if (answerTo === undefined) {
      request = this.#places.shift();
    } else {
      let id: RequestId | undefined;
      try {
        id = answerTo(message);
      } catch (cause) {
        this.#exchange.tell(notRead(cause));
        return true;
      }
      isAnswer = id !== undefined;
      if (id !== undefined) request = this.#ids.get(id);
      if (request?.queued === true) this.#ids.delete(id!); // it was found by it
      else request = undefined; // what was not asked is not answered
    }
    if (request !== undefined) {
      if (this.#leaves(request)) request.resolve(message);
      if (this.#waiting.size > 0) this.#pump();
      return true;
    }
    if (onOther === undefined) return isAnswer;
    this.#exchange.watch(onOther(message));
    return true;
  }

  /** In order, what cannot be understood is still the answer to the oldest; else all later ones would go wrong. */
  #takesError(error: MessageError): boolean {
    const request = this.#places.shift();
    if (request === undefined) return false;
    if (this.#leaves(request)) request.reject(error);
    if (this.#waiting.size > 0) this.#pump();
    return true;
  }

  /** Counts one off that was sent. True if somebody waits for it. */
  #leaves(request: OpenRequest<Out>): boolean {
    if (request.id === undefined || !request.abandoned) this.#inFlight--;
    if (request.abandoned) {
      this.#abandoned.delete(request);
      return false;
    }
    request.forget?.();
    return true;
  }

  /** Settles it. If it was sent, it keeps its place or its id. */
  #giveUp(request: OpenRequest<Out>, reason: unknown): void {
    const { id, timeoutMs } = request;
    request.forget?.();
    if (this.#waiting.delete(request)) {
      if (id !== undefined) this.#ids.delete(id);
    } else {
      request.abandoned = true;
      if (id === undefined) {
        request.dueAt += timeoutMs;
        this.#timer.lookBy(request.dueAt);
      } else {
        this.#inFlight--;
        this.#abandoned.add(request);
        const [oldest] = this.#abandoned as Iterable<OpenRequest<Out>>;
        const most = Math.min(this.#options.maxInFlight, MOST_ABANDONED);
        if (this.#abandoned.size > most && this.#abandoned.delete(oldest!)) this.#ids.delete(oldest!.id!);
      }
    }
    request.reject(reason);
    this.#pump();
  }

  /** Acts on what is due. Gives the time of the next look. */
  #expire(at: number, sure: boolean): number {
    let next = Infinity;
    const all: Iterable<OpenRequest<Out>>[] = [this.#places, this.#ids.values(), this.#waiting];
    for (const open of all) {
      for (const request of open) {
        if (request.abandoned && request.id !== undefined) continue;
        if (request.dueAt > at) {
          next = Math.min(next, request.dueAt);
        } else if (!sure) {
          return at;
        } else if (request.abandoned) {
          this.#connection.destroy(stuck(request.timeoutMs), "error");
          return Infinity;
        } else {
          this.#giveUp(request, timedOut(request, this.#inFlight));
          if (request.abandoned && request.id === undefined) next = Math.min(next, request.dueAt);
        }
      }
    }
    return next;
  }

  /** The connection is over: everybody is told. A later connection of the same socket begins with nothing. */
  #over(receipt: CloseReceipt): void {
    const byOrder = this.#options.idOf === undefined;
    const open = byOrder ? [...this.#places, ...this.#waiting] : [...this.#ids.values()];
    this.#timer.clear();
    this.#places.clear();
    this.#ids.clear();
    this.#waiting.clear();
    this.#abandoned.clear();
    this.#inFlight = 0;
    for (const request of open) {
      if (request.abandoned) continue;
      request.forget?.();
      request.reject(unanswered(request.sent, receipt));
    }
  }

  get #connection(): Connection {
    return connectionOf(this.socket);
  }
}
