/** One port for many threads: how this runtime can do it, found out by trying. */

import { startTimer, stopTimer } from "../base/clock.ts";
import { typeError } from "../base/argument_errors.ts";
import { TcpError } from "../base/errors.ts";
import { bind, canReusePort, type ListenTarget } from "../transport/listen.ts";
import { type Listener, SystemListener } from "../transport/listener.ts";
import { openDoors, type VirtualNetwork } from "../transport/virtual_network.ts";
import type { SharedBy } from "./messages.ts";

const PROBE_CONNECTIONS = 4;
const PROBE_MS = 2_000;

/** A port of the kernel's choice, which is free at this moment. */
export function freePort(hostname: string): number {
  const listener = Deno.listen({ hostname, port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** How ports can be shared here. Throws a `TcpError` (`ERR_FEATURE_UNAVAILABLE`) where they cannot. */
export async function findSharing(): Promise<SharedBy> {
  if (await balances()) return "loadBalanced";
  if (canReusePort()) return "reusePort";
  throw new TcpError(
    "Cannot share a port between workers: this version of Deno does not do it by itself; run it with --unstable-net",
    { code: "ERR_FEATURE_UNAVAILABLE", syscall: "listen" },
  );
}

/** Whether two listeners share a port, and nobody is lost when one of them closes. */
async function balances(): Promise<boolean> {
  const options = { hostname: "127.0.0.1", port: freePort("127.0.0.1"), loadBalanced: true };
  const listeners: Deno.TcpListener[] = [];
  const connections: Deno.TcpConn[] = [];
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = startTimer(resolve, PROBE_MS);
  try {
    const first = Deno.listen(options);
    listeners.push(first);
    const second = Deno.listen(options);
    listeners.push(second);
    for (let n = 0; n < PROBE_CONNECTIONS; n++) connections.push(await Deno.connect(options));
    listeners.shift();
    first.close();
    for (let n = 0; n < PROBE_CONNECTIONS; n++) {
      const accepted = await Promise.race([second.accept(), late]);
      if (accepted === undefined) return false;
      connections.push(accepted);
    }
    return true;
  } catch {
    return false; // not here
  } finally {
    stopTimer(timer);
    for (const closable of [...connections, ...listeners]) closable.close();
  }
}

/** What a server in a worker listens on, in the place of the system's network: the shared port. */
export function sharedNetwork(port: number, sharedBy: SharedBy): VirtualNetwork {
  const network: VirtualNetwork = { kind: "shared" };
  openDoors(network, {
    listen: (target) => listenShared(target, port, sharedBy),
    dial: () => Promise.reject(typeError("ERR_METHOD_NOT_IMPLEMENTED", "Nobody connects through a shared port")),
  });
  return network;
}

function listenShared(target: ListenTarget, port: number, sharedBy: SharedBy): Listener {
  if ("path" in target) {
    throw new TcpError('Option "path" cannot be shared between workers; give a port', {
      code: "ERR_INVALID_ARG_VALUE",
      address: target.path,
    });
  }
  const { hostname, backlog } = target;
  const options = { hostname, port, tcpBacklog: backlog, [sharedBy]: true } as Deno.TcpListenOptions;
  return bind({ transport: "tcp", hostname, port }, () => new SystemListener(Deno.listen(options)));
}
