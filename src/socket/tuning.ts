/** The options of a TCP connection that the kernel holds. */

import type { Transport } from "../transport/transport.ts";
import type { SocketSettings } from "./settings.ts";

/** Sets them on a connection that is new. */
export function tune(transport: Transport, { noDelay, keepAlive }: SocketSettings): void {
  try {
    if (noDelay) transport.setNoDelay?.(true);
    if (keepAlive) transport.setKeepAlive?.(true);
  } catch {
    // The peer is gone already; the first read says so properly.
  }
}
