/** The one place that reads the runtime's errors: every failure of the system leaves here with a string code. */

import { TcpError } from "../base/errors.ts";

/** What was being done when the error came. */
export interface Attempt {
  syscall: string;
  address?: string | undefined;
  port?: number | undefined;
}

// Deno tells an unknown host by the resolver's words alone; these are the two groups that getaddrinfo(3) knows.
const TRY_AGAIN = /temporary failure|try again/i;
const LOOKUP = /failed to lookup address|name or service not known|nodename nor servname|no address associated/i;

const PREPOSITIONS: Readonly<Record<string, string>> = { listen: " on", connect: " to", read: " from", write: " to" };

/** The string code of an error of the runtime. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "ERR_UNKNOWN";
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string") return code;
  if (LOOKUP.test(error.message)) return TRY_AGAIN.test(error.message) ? "EAI_AGAIN" : "ENOTFOUND";
  switch (error.name) {
    case "NotCapable":
    case "PermissionDenied":
      return "EACCES";
    case "BadResource":
    case "Interrupted":
      return "ECANCELED";
    case "TimedOut":
    case "TimeoutError":
      return "ETIMEDOUT";
    case "AbortError":
      return "ABORT_ERR";
    case "ConnectionRefused":
      return "ECONNREFUSED";
    case "ConnectionReset":
      return "ECONNRESET";
    case "ConnectionAborted":
      return "ECONNABORTED";
    case "BrokenPipe":
      return "EPIPE";
    case "NotConnected":
      return "ENOTCONN";
    case "AddrInUse":
      return "EADDRINUSE";
    case "AddrNotAvailable":
      return "EADDRNOTAVAIL";
    case "NotFound":
      return "ENOENT";
    case "URIError": // what cannot be a host's name, which Deno.connect says where a resolver would not find it
      return "ENOTFOUND";
    default:
      return "ERR_UNKNOWN";
  }
}

/** Wraps an error of the runtime, which stays its `cause`. An error that is ours already passes through. */
export function systemError(error: unknown, attempt: Attempt): TcpError {
  if (error instanceof TcpError) return error;
  const code = codeOf(error);
  const { address, port } = attempt;
  const host = address?.includes(":") === true ? `[${address}]` : address;
  const place = host === undefined ? "" : `${PREPOSITIONS[attempt.syscall] ?? ""} ${host}`;
  const where = port === undefined ? place : `${place}:${port}`;
  // Without the runtime's "(os error 98)": the code says the same.
  const why = error instanceof Error ? error.message.replace(/ \(os error \d+\)$/, "") : String(error);
  // The trace would show this library's loops only, and the cause has its own; servers that see thousands of resets a
  // second should not pay for it.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const unknown = code === "ENOTFOUND" || code === "EAI_AGAIN"; // as Node has it: nobody was connected to yet
    const facts = unknown ? { syscall: "getaddrinfo", hostname: address } : attempt;
    return new TcpError(`Cannot ${attempt.syscall}${where}: ${why} (${code})`, { ...facts, code, cause: error });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
