/** A heartbeat that speaks in messages: sends pings, answers those of the peer, ends the socket of a dead one. */

import { typeError } from "../base/argument_errors.ts";
import { checkFunction } from "../base/check.ts";
import { TcpError } from "../base/errors.ts";
import type { Connection } from "../socket/connection.ts";
import {
  Heartbeat,
  HEARTBEAT_KEYS,
  type HeartbeatOptions,
  type HeartbeatPort,
  type ResolvedHeartbeat,
  resolveHeartbeat,
} from "./heartbeat.ts";

/** How pings and pongs look. `In` is what one sends, `Out` what one receives. */
export interface MessageHeartbeatOptions<In, Out = In> extends HeartbeatOptions {
  /** Makes a ping. */
  ping: () => In;
  /** Whether a message answers our ping: it gives the round-trip time and does not reach `onMessage`. */
  isPong?: (message: Out) => boolean;
  /** Whether a message is the peer's ping: it is answered and does not reach `onMessage`. Needs `pong`. */
  isPing?: (message: Out) => boolean;
  /** Makes the answer to a ping of the peer. */
  pong?: (ping: Out) => In;
}

const KEYS = [...HEARTBEAT_KEYS, "ping", "isPong", "isPing", "pong"];

/** The heartbeat of one connection. */
export class MessageHeartbeat<In, Out> implements HeartbeatPort {
  readonly heartbeat: Heartbeat;
  readonly #connection: Connection;
  readonly #rhythm: ResolvedHeartbeat;
  readonly #words: MessageHeartbeatOptions<In, Out>;
  readonly #send: (message: In) => unknown;
  #bytesRead: number;

  /** Not started yet. */
  constructor(connection: Connection, send: (message: In) => unknown, options: MessageHeartbeatOptions<In, Out>) {
    this.#rhythm = resolveHeartbeat(options, KEYS);
    const { ping, isPong, isPing, pong } = this.#words = { ...options };
    checkFunction("ping", ping);
    for (const [name, value] of Object.entries({ isPong, isPing, pong })) {
      if (value !== undefined) checkFunction(name, value);
    }
    if ((isPing === undefined) !== (pong === undefined)) {
      throw typeError("ERR_MISSING_OPTION", 'Options "isPing" and "pong" belong together: give both or none');
    }
    this.#connection = connection;
    this.#send = send;
    this.#bytesRead = connection.bytesRead;
    this.heartbeat = new Heartbeat(this, this.#rhythm);
  }

  /** Whether the message was the heartbeat's own. */
  takes(message: Out): boolean {
    const { isPong, isPing, pong } = this.#words;
    if (isPong?.(message) === true) {
      this.heartbeat.pong();
      return true;
    }
    if (pong === undefined || isPing?.(message) !== true) return false;
    if (!this.#connection.writeEnded) this.#send(pong(message));
    return true;
  }

  ping(): void {
    if (this.#connection.writeEnded) return;
    try {
      this.#send(this.#words.ping());
    } catch (thrown) {
      this.#connection.handlerThrew(thrown);
    }
  }

  // The connection counts bytes anyway, so that no message pays for its heartbeat.
  heard(): boolean {
    const { bytesRead, reader, writeEnded } = this.#connection;
    const moved = bytesRead !== this.#bytesRead;
    this.#bytesRead = bytesRead;
    // Whom we do not listen to, or cannot ask any more, cannot be blamed.
    return moved || reader.refuses || writeEnded;
  }

  lost(): void {
    const { intervalMs, misses } = this.#rhythm;
    const error = new TcpError(`Nothing came from the peer in ${misses} intervals of ${intervalMs} ms (heartbeat)`, {
      code: "ETIMEDOUT",
    });
    this.#connection.destroy(error, "heartbeat");
  }
}
