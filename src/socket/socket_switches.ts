/** What can be switched on a socket at any time, whether it is connected or not. */

import { connectionOf, SocketFacts } from "./socket_facts.ts";
import { retune } from "./tuning.ts";

/** The switches of a `TCPSocket`. */
export abstract class SocketSwitches extends SocketFacts {
  /** Switches TCP_NODELAY, which is on by default. Before there is a connection it applies to the next one. */
  setNoDelay(on = true): this {
    retune(connectionOf(this), "noDelay", on);
    return this;
  }

  /**
   * Switches SO_KEEPALIVE, which is on by default. Before there is a connection it applies to the next one. Deno cannot
   * set the delay: it is accepted and has no effect.
   */
  setKeepAlive(on = false, _initialDelayMs?: number): this {
    retune(connectionOf(this), "keepAlive", on);
    return this;
  }

  /** Keeps the process alive while this socket is open; the default. */
  ref(): this {
    retune(connectionOf(this), "background", false);
    return this;
  }

  /** Lets the process end while this socket is open. Before there is a connection it applies to the next one. */
  unref(): this {
    retune(connectionOf(this), "background", true);
    return this;
  }
}
