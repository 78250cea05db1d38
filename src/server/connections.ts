/** The live connections of a server, and who may still come in. */

import type { TCPSocket } from "../socket/tcp_socket.ts";

/** The sockets that are open now: iterable, with `size` and `get(id)`. A socket leaves when it is destroyed. */
export interface Connections<State = unknown> extends Iterable<TCPSocket<State>> {
  /** How many there are. */
  readonly size: number;
  /** The one with that `socket.id`. */
  get(id: number): TCPSocket<State> | undefined;
}

/** The live set and its bound. */
export class ConnectionSet<State> implements Connections<State> {
  readonly #sockets = new Map<number, TCPSocket<State>>();
  readonly #max: () => number;
  /** Connections that are being prepared: room is kept for them. */
  reserved = 0;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(max: () => number) {
    this.#max = max;
  }

  get size(): number {
    return this.#sockets.size;
  }

  get(id: number): TCPSocket<State> | undefined {
    return this.#sockets.get(id);
  }

  [Symbol.iterator](): MapIterator<TCPSocket<State>> {
    return this.#sockets.values();
  }

  /** Whether one more would be too many. */
  get full(): boolean {
    return this.#sockets.size + this.reserved >= this.#max();
  }

  add(socket: TCPSocket<State>): void {
    this.#sockets.set(socket.id, socket);
  }

  remove(socket: TCPSocket<State>): void {
    if (this.#sockets.delete(socket.id)) this.#left();
  }

  /** Keeps room for one that is being prepared. */
  reserve(): void {
    this.reserved++;
  }

  /** It is added now, or has failed. */
  unreserve(): void {
    this.reserved--;
    this.#left();
  }

  #left(): void {
    if (this.#room !== undefined && !this.full) this.release();
  }

  /** Resolves when there is room; undefined when there is now. */
  whenRoom(): Promise<void> | undefined {
    if (!this.full) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Lets whoever waits for room go on. */
  release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
