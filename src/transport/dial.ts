/** Opens outgoing connections. */

import { TcpError } from "../base/errors.ts";
import { systemError } from "./error_codes.ts";
import type { Transport } from "./transport.ts";

/** Where to. */
export type Target = { host: string; port: number } | { path: string };

/**
 * Connects, or rejects with a {@link TcpError}. `signal` gives up waiting; its own reason is not passed on, since the
 * caller who aborts knows it.
 */
export async function dial(target: Target, signal: AbortSignal): Promise<Transport> {
  if ("port" in target && target.port === 0) throw portZero(target.host); // Deno.connect takes it for a wrong argument
  try {
    if ("path" in target) return await untilAborted(Deno.connect({ transport: "unix", path: target.path }), signal);
    return await Deno.connect({ hostname: target.host, port: target.port, signal });
  } catch (error) {
    if (signal.aborted) {
      throw new TcpError("Connecting was given up", { code: "ECANCELED", syscall: "connect", cause: error });
    }
    throw systemError(
      error,
      "path" in target
        ? { syscall: "connect", address: target.path }
        : { syscall: "connect", address: target.host, port: target.port },
    );
  }
}

// As the kernel says it.
function portZero(host: string): TcpError {
  return new TcpError(`Cannot connect to ${host}:0: nobody listens on port 0 (ECONNREFUSED)`, {
    code: "ECONNREFUSED",
    syscall: "connect",
    address: host,
  });
}

// Deno.connect takes no signal for unix sockets: what arrives too late is closed.
function untilAborted(connecting: Promise<Transport>, signal: AbortSignal): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      connecting.then((transport) => transport.close(), () => {/* it failed, so there is nothing to close */});
      reject(signal.reason);
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    connecting.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
