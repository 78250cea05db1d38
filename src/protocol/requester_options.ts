/** How requests find their answers: the options, checked once. */

import { checkBoolean, checkBound, checkFunction, checkKeys, checkMs, invalid, show } from "../base/check.ts";
import { typeError } from "../base/argument_errors.ts";

/** The id of a request, unique among the open requests of its connection. */
export type RequestId = string | number | bigint;

/** Limits of a requester. */
export interface RequesterLimits<Out> {
  /**
   * Longest wait for an answer in milliseconds, from the call on, then `ERR_REQUEST_TIMEOUT`. `0` waits as long as the
   * connection lives.
   *
   * @default {10_000}
   */
  timeoutMs?: number;
  /**
   * Most requests that are sent and not answered; further ones wait until there is room.
   *
   * @default {1_024}
   */
  maxInFlight?: number;
  /**
   * Most requests that wait to be sent; further ones are refused with `ERR_REQUEST_FULL`.
   *
   * @default {1_024}
   */
  maxWaiting?: number;
  /**
   * Called with every message that answers no open request: messages without an id, second answers, and answers that
   * come too late to be recognized. Where left out, a message without an id goes to `answerRequests`, the peer's
   * `message` listeners or `onMessage`, and an answer to an unknown request is dropped.
   */
  onOther?: (message: Out) => void;
}

/** Options of a requester for protocols whose answers come in the order of the requests: Redis, SMTP, HTTP/1.1. */
export interface OrderedRequests<Out> extends RequesterLimits<Out> {
  /** Each message that comes answers the oldest request. */
  ordered: true;
  /** Not for these. */
  idOf?: never;
  /** Not for these. */
  answerTo?: never;
}

/** Options of a requester for protocols whose answers carry the id of their request. */
export interface IdentifiedRequests<In, Out> extends RequesterLimits<Out> {
  /** Not for these. */
  ordered?: false;
  /** Returns the id of a request. An id that is still open is refused with `ERR_REQUEST_DUPLICATE`. */
  idOf: (request: In) => RequestId;
  /** Returns the id of the request that a message answers; undefined for a message that is not an answer. */
  answerTo: (message: Out) => RequestId | undefined;
}

/** How a requester tells answers apart, and how long and for how many it waits. */
export type RequesterOptions<In, Out = In> = OrderedRequests<Out> | IdentifiedRequests<In, Out>;

/** How long one request waits. */
export interface RequestOptions {
  /** Replaces the requester's own `timeoutMs`, in milliseconds; `0` is no limit. */
  timeoutMs?: number;
  /** Ends the wait; the error is the signal's own reason. */
  signal?: AbortSignal;
}

/** {@link RequesterOptions}, checked. Without `idOf` and `answerTo` answers come in order; no limit is Infinity. */
export interface ResolvedRequester<In, Out> {
  readonly idOf: ((request: In) => RequestId) | undefined;
  readonly answerTo: ((message: Out) => RequestId | undefined) | undefined;
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  readonly onOther: ((message: Out) => unknown) | undefined;
}

const KEYS = ["ordered", "idOf", "answerTo", "timeoutMs", "maxInFlight", "maxWaiting", "onOther"];

/** Checks everything. */
export function resolveRequester<In, Out>(options: RequesterOptions<In, Out>): ResolvedRequester<In, Out> {
  if (options === undefined) throw invalid("options", "an object such as { ordered: true }", options);
  checkKeys("options", options, KEYS);
  const { idOf, answerTo, onOther } = options;
  if (checkBoolean("ordered", options.ordered, false)) {
    if (idOf !== undefined || answerTo !== undefined) {
      throw typeError("ERR_INCOMPATIBLE_OPTION_PAIR", 'Option "ordered" excludes "idOf" and "answerTo"');
    }
  } else if (idOf === undefined || answerTo === undefined) {
    throw typeError(
      "ERR_MISSING_OPTION",
      'Options "idOf" and "answerTo" are needed, or "ordered: true"',
    );
  } else {
    checkFunction("idOf", idOf);
    checkFunction("answerTo", answerTo);
  }
  if (onOther !== undefined) checkFunction("onOther", onOther);
  return {
    idOf,
    answerTo,
    timeoutMs: checkTimeout(options.timeoutMs, 10_000),
    maxInFlight: checkBound("maxInFlight", options.maxInFlight, 1_024, 1),
    maxWaiting: checkBound("maxWaiting", options.maxWaiting, 1_024, 0),
    onOther,
  };
}

/** A request without an id could never find its answer. */
export function checkId(id: unknown): void {
  if (typeof id === "string" || typeof id === "bigint" || (typeof id === "number" && !Number.isNaN(id))) return;
  throw typeError("ERR_INVALID_ARG_TYPE", `idOf must give a string, a number or a bigint; it gave ${show(id)}`);
}

/** Milliseconds; 0 is no limit, which is Infinity. */
export function checkTimeout(value: unknown, fallback: number): number {
  return checkMs("timeoutMs", value, fallback) || Infinity;
}
