/** Opens listeners. */

import { codeOf, systemError } from "./error_codes.ts";
import { LateListener } from "./late_listener.ts";
import { type Listener, SystemListener, whenLeft } from "./listener.ts";
import { openUnix } from "./unix_listener.ts";

/** Where to listen, all of it resolved. */
export type ListenTarget = { hostname: string; port: number; backlog: number; reusePort: boolean } | { path: string };

/** Whether several processes can share a port here. Asking Deno for it without its flag would end the process. */
export function canReusePort(): boolean {
  return typeof (Deno as { listenDatagram?: unknown }).listenDatagram === "function";
}

/** Binds at once; failures of the system are thrown as a `TcpError`. */
export function listen(target: ListenTarget): Listener {
  if ("path" in target) return bind({ transport: "unix", path: target.path }, () => openUnix(target.path));
  const { hostname, port, backlog, reusePort } = target;
  const options = { hostname, port, tcpBacklog: backlog, ...(reusePort ? { reusePort } : {}) };
  return bind(
    { transport: "tcp", hostname, port },
    () => new SystemListener(Deno.listen(options as Deno.TcpListenOptions)),
  );
}

/**
 * Binds by `open`, which throws the runtime's errors. A place that is taken is tried again later if a listener of this
 * process, closed in this turn, may still hold it.
 */
export function bind(addr: Deno.NetAddr | Deno.UnixAddr, open: () => Listener): Listener {
  const bindNow = () => {
    try {
      return open();
    } catch (error) {
      const where = "path" in addr ? { address: addr.path } : { address: addr.hostname, port: addr.port };
      throw systemError(error, { syscall: "listen", ...where });
    }
  };
  try {
    return bindNow();
  } catch (error) {
    const othersLeft = whenLeft();
    if (othersLeft === undefined || codeOf(error) !== "EADDRINUSE") throw error;
    return new LateListener(addr, othersLeft, bindNow);
  }
}
