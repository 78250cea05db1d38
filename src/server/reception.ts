/** Receives the connections of one listener: all of them for the handlers, or one at a time for an iteration. */

import { connectionOf } from "../socket/socket_facts.ts";
import { typeError } from "../base/argument_errors.ts";
import type { CloseReason } from "../telemetry/close_receipt.ts";
import type { SocketSettings } from "../socket/settings.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import type { Transport } from "../transport/transport.ts";
import { iterateConnections } from "./iterate_connections.ts";
import { closedError, type ConnectionSource } from "./preparation.ts";

/** What it needs of its server. */
export interface ReceptionPort<State> {
  /** Makes a socket of a connection, unless it is not wanted; one that was prepared is. */
  adopt(transport: Transport, settings: SocketSettings, prepared: boolean): TCPSocket<State> | undefined;
  /** A prepared one is gone. */
  left(transport: Transport): void;
  /** It was accepted, and has been closed before there was a socket. */
  failed(error: Error, reason: CloseReason, transport: Transport): void;
}

/** See the module's comment. */
export class Reception<State> {
  /** Whoever takes the connections: there is only one. */
  taker: "handlers" | "iteration" | undefined;
  readonly source: ConnectionSource;
  readonly #port: ReceptionPort<State>;
  readonly #settings: () => SocketSettings;
  #closed = false;

  /** `settings` gives those of the sockets to come. */
  constructor(source: ConnectionSource, port: ReceptionPort<State>, settings: () => SocketSettings) {
    this.source = source;
    this.#port = port;
    this.#settings = settings;
  }

  /** Announces every connection until the source is closed. Never rejects: accept() does not, and handlers are guarded. */
  async announceAll(announce: (socket: TCPSocket<State>) => void): Promise<void> {
    this.taker = "handlers";
    for (let transport; (transport = await this.source.accept()) !== undefined;) {
      const socket = this.#receive(transport);
      if (socket === undefined) continue;
      try {
        announce(socket);
      } catch (thrown) {
        connectionOf(socket).handlerThrew(thrown);
      }
      connectionOf(socket).startReading();
    }
  }

  /** One connection per turn; `left` is called once nobody iterates any more, perhaps twice, and waited for. */
  iterate(left: () => void | Promise<void>): AsyncIterableIterator<TCPSocket<State>, undefined> {
    if (this.taker === "iteration") {
      throw typeError("ERR_INVALID_STATE", "This server is being iterated already; one consumer at a time");
    }
    this.taker = "iteration";
    return iterateConnections(() => this.#next(), () => {
      this.taker = undefined;
      return left();
    });
  }

  async #next(): Promise<TCPSocket<State> | undefined> {
    for (let transport; (transport = await this.source.accept()) !== undefined;) {
      const socket = this.#receive(transport);
      if (socket === undefined) continue;
      connectionOf(socket).startReading();
      return socket;
    }
    return undefined;
  }

  /** Makes a socket of it, unless the source is closed by now, or the server full. */
  #receive(transport: Transport): TCPSocket<State> | undefined {
    const { prepares } = this.source;
    this.source.taken();
    if (!this.#closed) return this.#port.adopt(transport, this.#settings(), prepares);
    transport.close();
    if (prepares) this.#port.left(transport);
    this.#port.failed(closedError(), "shutdown", transport);
    return undefined;
  }

  /** Ends the listening, and whatever is not announced yet; gives what the listener's `close` gives. */
  close(): void | Promise<void> {
    this.#closed = true;
    return this.source.close();
  }
}
