/** Wrong arguments, and calls that come at a wrong time: the language's own classes, with a code as all errors have one. */

/** Node's words where Node has one for it. */
export type ArgumentCode =
  | "ERR_INCOMPATIBLE_OPTION_PAIR"
  | "ERR_INVALID_ARG_TYPE"
  | "ERR_INVALID_ARG_VALUE"
  | "ERR_INVALID_RETURN_VALUE"
  | "ERR_INVALID_STATE"
  | "ERR_INVALID_URL"
  | "ERR_METHOD_NOT_IMPLEMENTED"
  | "ERR_MISSING_ARGS"
  | "ERR_MISSING_OPTION"
  | "ERR_MISSING_PASSPHRASE"
  | "ERR_OSSL_BAD_DECRYPT"
  | "ERR_OSSL_PEM_NO_START_LINE"
  | "ERR_OSSL_X509_KEY_VALUES_MISMATCH"
  | "ERR_OUT_OF_RANGE"
  | "ERR_SERVER_NOT_RUNNING"
  | "ERR_SOCKET_BAD_PORT"
  | "ERR_STREAM_NULL_VALUES"
  | "ERR_TLS_INVALID_PROTOCOL_VERSION"
  | "ERR_UNKNOWN_ENCODING"
  | "ERR_UNKNOWN_SIGNAL";

/** An error with a code. */
export type Coded<E extends Error> = E & { readonly code: string };

/** A TypeError with a code. */
export function typeError(code: ArgumentCode, message: string, cause?: unknown): Coded<TypeError> {
  return Object.assign(new TypeError(message, cause === undefined ? undefined : { cause }), { code });
}

/** A RangeError with a code. */
export function rangeError(message: string, code: ArgumentCode = "ERR_OUT_OF_RANGE"): Coded<RangeError> {
  return Object.assign(new RangeError(message), { code });
}

/** The Error that stands for something else that was thrown, with Node's code for that. */
export function unhandledError(message: string, cause: unknown): Coded<Error> {
  return Object.assign(new Error(message, { cause }), { code: "ERR_UNHANDLED_ERROR" });
}

/** Gives a TypeError or RangeError of the runtime a code, unless it has one; anything else that was thrown stays as it is. */
export function withCode(thrown: unknown): unknown {
  if (!(thrown instanceof TypeError || thrown instanceof RangeError)) return thrown;
  if ("code" in thrown || !Object.isExtensible(thrown)) return thrown;
  return Object.assign(thrown, { code: thrown instanceof TypeError ? "ERR_INVALID_ARG_VALUE" : "ERR_OUT_OF_RANGE" });
}
