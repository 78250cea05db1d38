/** What can be switched on a socket at any time, whether it is connected or not. */

import { connectionOf, SocketFacts } from "./socket_facts.ts";
import { retune } from "./tuning.ts";

/** The switches of a `TCPSocket`. */
export abstract class SocketSwitches extends SocketFacts {
  /** Switches TCP_NODELAY, which is on by default. Holds for the connection to come where there is none yet. */
  setNoDelay(on = true): this {
    retune(connectionOf(this), "noDelay", on);
    return this;
  }

  /**
   * Switches SO_KEEPALIVE, which is on by default; for the connection to come, too. Deno cannot set the delay: it is
   * accepted and has no effect.
   */
  setKeepAlive(on = false, _initialDelayMs?: number): this {
    retune(connectionOf(this), "keepAlive", on);
    return this;
  }

  /** Lets the process live while this socket does; the default. */
  ref(): this {
    retune(connectionOf(this), "background", false);
    return this;
  }

  /** Lets the process end although this socket lives. Without a connection it holds for the one to come. */
  unref(): this {
    retune(connectionOf(this), "background", true);
    return this;
  }
}
