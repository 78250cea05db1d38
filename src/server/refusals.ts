/** What a server answers that is asked for something out of season. */

import { TcpError } from "../base/errors.ts";

/** It listens; `what` says what cannot be done, and perhaps what can. */
export function listensAlready(what: string): TcpError {
  return new TcpError(what, { code: "ERR_SERVER_ALREADY_LISTEN" });
}

/** It does not listen. */
export function listensNot(what: string): TcpError {
  return new TcpError(what, { code: "ERR_SERVER_NOT_RUNNING" });
}
