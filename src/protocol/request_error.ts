/** How a request fails. */

import { MessageError, TcpError, type TcpErrorInit } from "../base/errors.ts";
import type { CloseReceipt } from "../telemetry/close_receipt.ts";

/** What a {@link RequestError} carries. */
export interface RequestErrorInit extends TcpErrorInit {
  /** Whether the peer may have seen a part of the request. */
  sent: boolean;
}

/**
 * A request got no answer: `ERR_REQUEST_UNANSWERED` when the connection ended (`cause` is its receipt),
 * `ERR_REQUEST_TIMEOUT`, or `ERR_REQUEST_FULL`.
 */
export class RequestError extends TcpError {
  /**
   * False if no byte of the request has reached the kernel: it is safe to send it again on another connection. True if
   * the peer may have acted on it.
   */
  readonly sent: boolean;

  /** The library makes them; this is for tests. */
  constructor(message: string, init: RequestErrorInit) {
    super(message, init);
    this.sent = init.sent;
  }
}

/** The connection ended, or cannot be written to. */
export function unanswered(sent: boolean, receipt: CloseReceipt | undefined): RequestError {
  const why = receipt === undefined
    ? "the socket is not open for writing"
    : `the connection ended ("${receipt.reason}")`;
  return new RequestError(`The request got no answer: ${why}`, {
    code: "ERR_REQUEST_UNANSWERED",
    sent,
    cause: receipt,
  });
}

/** The peer sent what is no message of the protocol, and that must not end the process. */
export function notRead(cause: unknown): MessageError {
  return new MessageError("Cannot tell what a message answers: answerTo threw", { code: "ERR_MESSAGE_INVALID", cause });
}

/** Answers in order cannot come any more. */
export function stuck(timeoutMs: number): TcpError {
  return new TcpError(
    `A request got no answer for ${
      2 * timeoutMs
    } ms, twice its time limit, and the answers after it cannot arrive before it`,
    { code: "ETIMEDOUT" },
  );
}

/** Its time is over. */
export function timedOut(
  { timeoutMs, queued, sent }: { timeoutMs: number; queued: boolean; sent: boolean },
  inFlight: number,
): RequestError {
  const where = queued ? `${inFlight} are in flight` : `it was not sent, because ${inFlight} are in flight`;
  return new RequestError(`No answer within ${timeoutMs} ms (timeoutMs); ${where}`, {
    code: "ERR_REQUEST_TIMEOUT",
    sent,
  });
}

/** There is no room for it. */
export function full(
  inFlight: number,
  waiting: number,
  { maxInFlight, maxWaiting }: { maxInFlight: number; maxWaiting: number },
): RequestError {
  return new RequestError(
    `Cannot request: ${inFlight} requests are in flight (maxInFlight ${maxInFlight}) and ${waiting} wait, at most ` +
      `${maxWaiting} are allowed (maxWaiting)`,
    { code: "ERR_REQUEST_FULL", sent: false },
  );
}
