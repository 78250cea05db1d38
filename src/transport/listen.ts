/** Opens listeners. */

import { systemError } from "./error_codes.ts";
import type { Transport } from "./transport.ts";

/** Where to listen, all of it resolved. */
export type ListenTarget = { hostname: string; port: number; backlog: number; reusePort: boolean } | { path: string };

/** The shape of `Deno.Listener`: one accept at a time, which rejects for one peer's fault without closing. */
export interface Listener {
  accept(): Promise<Transport>;
  close(): void;
  readonly addr: Deno.Addr;
  ref?(): void;
  unref?(): void;
}

/** Whether several processes can share a port here. Asking Deno for it without its flag would end the process. */
export function canReusePort(): boolean {
  return typeof (Deno as { listenDatagram?: unknown }).listenDatagram === "function";
}

/** Binds at once; failures of the system are thrown as a `TcpError`. */
export function listen(target: ListenTarget): Listener {
  try {
    if ("path" in target) return Deno.listen({ transport: "unix", path: target.path });
    const { hostname, port, backlog, reusePort } = target;
    return Deno.listen(
      { hostname, port, tcpBacklog: backlog, ...(reusePort ? { reusePort } : {}) } as Deno.TcpListenOptions,
    );
  } catch (error) {
    throw systemError(
      error,
      "path" in target
        ? { syscall: "listen", address: target.path }
        : { syscall: "listen", address: target.hostname, port: target.port },
    );
  }
}
