/**
 * One connection that carries many transfers. It shows how to share a connection fairly: whoever has a piece of a file to
 * send waits his turn, first come first served, and all wait while the connection is full; what comes goes to a window of
 * its own transfer, so that a slow disk holds back one file and not the others.
 *
 * @module
 */

import { MessageProtocol, type TCPSocket } from "@verb/tcp";
import { Channel, ConnectionLost } from "./channel.ts";
import { readIncoming } from "./incoming.ts";
import { codec, type Content, MAX_TRANSFERS, type Message } from "./messages.ts";
import { TransferError } from "./transfer_error.ts";

/** What a client begins a transfer with. */
export type Request = Extract<Content, { type: "put" | "get" | "list" }>;
/** What a server does about it; what that rejects with is sent to the peer. */
export type Serve = (request: Request, channel: Channel) => Promise<void>;

const PING_MS = 10_000;

/** For sockets that a `Link` takes over: enough in the queue to keep the network busy, and an end to peers that are gone. */
export const LINK_OPTIONS = {
  limits: { highWaterMarkBytes: 262_144 },
  deadlines: { idleReadMs: 3 * PING_MS },
};

/** The transfers of one connection; `serve` is there on a server. */
export class Link {
  readonly #socket: TCPSocket;
  readonly #serve: Serve | undefined;
  readonly #protocol: MessageProtocol<Message>;
  readonly #channels = new Map<number, Channel>();
  #lastNumber = 0;
  #lastTurn: Promise<void> = Promise.resolve();
  #closing = false;

  /** Takes a connected socket over. */
  constructor(socket: TCPSocket, serve?: Serve) {
    this.#socket = socket;
    this.#serve = serve;
    this.#protocol = new MessageProtocol(socket, { codec }); // to send; what comes is read below
    readIncoming(socket, {
      onMessage: (message) => this.#receive(message),
      onBytes: (transfer, bytes) => this.#channels.get(transfer)?.takeBytes(bytes), // else it has failed here
    }).catch((error) => socket.destroy(error)); // it broke, or who does not speak this protocol has no other chance
    const ping = setInterval(() => this.post({ type: "ping", transfer: 0 }), PING_MS);
    socket.on("close", () => {
      clearInterval(ping);
      for (const channel of this.#channels.values()) channel.fail(new ConnectionLost("The connection is lost"));
    });
  }

  /** Begins a transfer. */
  open(request: Request): Channel {
    const channel = this.#add(++this.#lastNumber);
    channel.post(request);
    return channel;
  }

  /** Begins nothing new, and ends the connection when the last transfer is over. */
  close(): void {
    this.#closing = true;
    if (this.#channels.size === 0) this.#socket.end();
  }

  /** For channels: sends at once; for messages that are few and small. */
  post(message: Message): void {
    this.#protocol.send(message);
  }

  /** For channels: waits until there is room. */
  async drained(): Promise<void> {
    try {
      await this.#socket.drained();
    } catch (cause) {
      throw new ConnectionLost("The connection is lost", { cause });
    }
  }

  /** For channels: sends a piece of a file in its turn. Resolves when the bytes are free again. */
  async sendBytes(transfer: number, bytes: Uint8Array): Promise<void> {
    const before = this.#lastTurn;
    const { promise, resolve: endTurn } = Promise.withResolvers<void>();
    this.#lastTurn = promise;
    await before;
    try {
      this.post({ transfer, type: "data", bytes: bytes.length });
      const sent = Promise.withResolvers<void>();
      // Bytes like these are not copied: hence the callback, by which they are on their way.
      const hasRoom = this.#socket.write(bytes, (error) => error ? sent.reject(error) : sent.resolve());
      // The next turn begins as soon as there is room.
      if (hasRoom) endTurn();
      else this.#socket.drained().then(endTurn, endTurn);
      await sent.promise;
    } catch (cause) {
      endTurn();
      throw new ConnectionLost("The connection is lost", { cause });
    }
  }

  /** For channels: the transfer is over. */
  remove(number: number): void {
    this.#channels.delete(number);
    if (this.#closing && this.#channels.size === 0) this.#socket.end();
  }

  #add(number: number): Channel {
    const channel = new Channel(this, number);
    this.#channels.set(number, channel);
    return channel;
  }

  #receive(message: Message): void {
    const channel = this.#channels.get(message.transfer);
    if (channel !== undefined) channel.takeMessage(message);
    else if (this.#serve !== undefined && isRequest(message)) void this.#begin(this.#serve, message);
    // Else it is a ping, or belongs to a transfer that has failed here.
  }

  async #begin(serve: Serve, request: Request & { transfer: number }): Promise<void> {
    const channel = this.#add(request.transfer);
    try {
      if (this.#closing) throw new TransferError("closing", "The server is closing");
      if (this.#channels.size > MAX_TRANSFERS) {
        throw new TransferError("too_many", `At most ${MAX_TRANSFERS} transfers at a time`);
      }
      await serve(request, channel);
    } catch (error) {
      channel.abandon(error);
    } finally {
      channel.close();
    }
  }
}

function isRequest(message: Message): message is Request & { transfer: number } {
  return message.type === "put" || message.type === "get" || message.type === "list";
}
