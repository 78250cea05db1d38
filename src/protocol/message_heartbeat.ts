/** A heartbeat that speaks in messages: sends pings, answers those of the peer, ends the socket of a dead one. */

import { typeError } from "../base/argument_errors.ts";
import { checkFunction } from "../base/check.ts";
import { TcpError } from "../base/errors.ts";
import type { Connection } from "../socket/connection.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
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
  /**
   * Whether a message answers our ping. Such a message gives the round-trip time and does not reach `onMessage`. Left
   * out, there is no round-trip time.
   */
  isPong?: (message: Out) => boolean;
  /**
   * Whether a message is the peer's ping. It is answered by `pong`, which is needed with it, and does not reach
   * `onMessage`. Left out, the peer's pings are not answered.
   */
  isPing?: (message: Out) => boolean;
  /** Makes the answer to a ping of the peer. */
  pong?: (ping: Out) => In;
}

const KEYS = [...HEARTBEAT_KEYS, "ping", "isPong", "isPing", "pong"];

/** Listens for the end of its socket while it beats, and only then. */
class SocketHeartbeat extends Heartbeat {
  readonly #socket: TCPSocket;
  readonly #connection: Connection;
  readonly #ended = () => {
    if (this.#connection.receipt !== undefined) this.stop(); // else it is the close of the connection before this one
  };

  constructor(port: HeartbeatPort, rhythm: ResolvedHeartbeat, socket: TCPSocket, connection: Connection) {
    super(port, rhythm);
    this.#socket = socket;
    this.#connection = connection;
  }

  override start(): this {
    if (this.running || this.#connection.receipt !== undefined) return this; // a later connection has its own
    this.#socket.on("close", this.#ended);
    return super.start();
  }

  override stop(): void {
    this.#socket.off("close", this.#ended);
    super.stop();
  }
}

/** The heartbeat of one connection. */
export class MessageHeartbeat<In, Out> implements HeartbeatPort {
  readonly heartbeat: Heartbeat;
  readonly #connection: Connection;
  readonly #rhythm: ResolvedHeartbeat;
  readonly #words: MessageHeartbeatOptions<In, Out>;
  readonly #send: (message: In) => unknown;
  // What had come and gone by the last beat, and whether a write waited for the peer then.
  #bytesRead: number;
  #bytesSent = 0;
  #waited = false;

  /** Not started yet. */
  constructor(
    socket: TCPSocket,
    connection: Connection,
    send: (message: In) => unknown,
    options: MessageHeartbeatOptions<In, Out>,
  ) {
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
    this.heartbeat = new SocketHeartbeat(this, this.#rhythm, socket, connection);
  }

  /** Whether the message was the heartbeat's own. */
  takes(message: Out): boolean {
    const { isPong, isPing, pong } = this.#words;
    if (isPong?.(message) === true) {
      this.heartbeat.pong();
      return true;
    }
    if (pong === undefined || isPing?.(message) !== true) return false;
    if (this.#hasRoom) this.#send(pong(message));
    return true;
  }

  /** A queue that holds all it may has no place for pings and pongs: each would be the one write too many. */
  get #hasRoom(): boolean {
    const { queue, settings, writeEnded } = this.#connection;
    return !writeEnded && queue.length < settings.maxWriteQueueBytes;
  }

  ping(): boolean {
    if (!this.#hasRoom) return false;
    try {
      this.#send(this.#words.ping());
    } catch (thrown) {
      this.#connection.handlerThrew(thrown);
    }
    return true;
  }

  // The connection counts bytes anyway, so that no message pays for its heartbeat.
  heard(): boolean {
    const { bytesRead, reader, writeEnded, queue } = this.#connection;
    // What had to wait leaves only as the peer takes what went before; its pong waits behind all of that.
    const taken = this.#waited && queue.sentBytes !== this.#bytesSent;
    const moved = bytesRead !== this.#bytesRead || taken;
    this.#bytesRead = bytesRead;
    this.#bytesSent = queue.sentBytes;
    this.#waited = queue.inFlight;
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
