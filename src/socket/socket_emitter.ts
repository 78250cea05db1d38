/** The events of a socket, typed, with a hook for those who start and stop listening for data. */

import type { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { SocketError } from "../base/errors.ts";

/** A listener for events of your own. */
// deno-lint-ignore no-explicit-any -- the user's own events carry what he likes
export type Listener = (...args: any[]) => void;

/** What the listeners of a {@link TCPSocket} are called with. */
export interface TCPSocketEvents {
  /** The connection is established (client only). */
  connect: [];
  /** Follows `connect`. */
  ready: [];
  /** The TLS handshake is done, of a connect or an `upgradeTls`. */
  secureConnect: [];
  /**
   * Bytes were received. They are not overwritten, so you may keep them. With `setEncoding` they come as strings. Other
   * chunks stand in the same `ArrayBuffer`: to transfer one to a worker, transfer a copy of it.
   */
  data: [data: Buffer];
  /** The peer has sent its last byte and all of them have been handed over. */
  end: [];
  /** The write queue is empty again after `write()` gave false. */
  drain: [];
  /** Our FIN is out: everything written has been handed to the kernel. */
  finish: [];
  /** There was silence for as long as `setTimeout` or `tcp.timeout` said. */
  timeout: [];
  /** The server is closing. A listener has to end the socket; sockets without a listener are ended by the server. */
  shutdown: [];
  /** The connection failed; `close` follows. */
  error: [error: SocketError];
  /** The last event, exactly once. */
  close: [hadError: boolean];
  /** A readable was piped into this socket. */
  pipe: [source: unknown];
  /** A readable was removed from this socket. */
  unpipe: [source: unknown];
}

const CAPTURE = { captureRejections: true };

/** The typed events of a `TCPSocket`. */
export abstract class SocketEmitter extends EventEmitter<TCPSocketEvents> {
  /** For `TCPSocket`: `capturesRejections` tells whether the rejections of async listeners come back to it. */
  constructor(capturesRejections: boolean) {
    super(capturesRejections ? CAPTURE : undefined);
  }

  /** Adds a listener. One for `data` claims the read side and starts reading, unless the socket is paused. */
  override on<E extends keyof TCPSocketEvents>(event: E, listener: (...args: TCPSocketEvents[E]) => void): this;
  /** For events of your own. */
  override on(event: string | symbol, listener: Listener): this;
  override on(event: string | symbol, listener: Listener): this {
    if (event === "data") this.dataListenersChange("coming");
    super.on(event as "end", listener);
    if (event === "data") this.dataListenersChange("came");
    else if (event === "drain") this.drainListenerCame();
    return this;
  }

  /** The same as `on`. */
  override addListener<E extends keyof TCPSocketEvents>(
    event: E,
    listener: (...args: TCPSocketEvents[E]) => void,
  ): this;
  /** For events of your own. */
  override addListener(event: string | symbol, listener: Listener): this;
  override addListener(event: string | symbol, listener: Listener): this {
    return this.on(event, listener);
  }

  /** As `on`, in front of the other listeners. */
  override prependListener<E extends keyof TCPSocketEvents>(
    event: E,
    listener: (...args: TCPSocketEvents[E]) => void,
  ): this;
  /** For events of your own. */
  override prependListener(event: string | symbol, listener: Listener): this;
  override prependListener(event: string | symbol, listener: Listener): this {
    if (event === "data") this.dataListenersChange("coming");
    super.prependListener(event as "end", listener);
    if (event === "data") this.dataListenersChange("came");
    else if (event === "drain") this.drainListenerCame();
    return this;
  }

  /** Removes a listener. Without `data` listeners and pipes reading stops. */
  override removeListener<E extends keyof TCPSocketEvents>(
    event: E,
    listener: (...args: TCPSocketEvents[E]) => void,
  ): this;
  /** For events of your own. */
  override removeListener(event: string | symbol, listener: Listener): this;
  override removeListener(event: string | symbol, listener: Listener): this {
    super.removeListener(event as "end", listener);
    if (event === "data") this.dataListenersChange("left");
    return this;
  }

  /** The same as `removeListener`. */
  override off<E extends keyof TCPSocketEvents>(event: E, listener: (...args: TCPSocketEvents[E]) => void): this;
  /** For events of your own. */
  override off(event: string | symbol, listener: Listener): this;
  override off(event: string | symbol, listener: Listener): this {
    return this.removeListener(event, listener);
  }

  /** Removes all listeners, or all of one event. */
  override removeAllListeners(event?: string | symbol): this {
    if (event === undefined) super.removeAllListeners(); // given undefined, it would take that for a name
    else super.removeAllListeners(event as "end");
    if (event === undefined || event === "data") this.dataListenersChange("left");
    return this;
  }

  /** A `data` listener is about to be added, which this may refuse by throwing, was added, or was removed. */
  protected abstract dataListenersChange(change: "coming" | "came" | "left"): void;

  /** A `drain` listener was added. */
  protected abstract drainListenerCame(): void;
}
