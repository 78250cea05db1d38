/** The live connections of a server, and who may still come in. */

import { now } from "../base/clock.ts";
import { checkMs, checkString, invalid } from "../base/check.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import { normalizeAddress } from "../transport/transport.ts";

/**
 * The sockets that are open now. A socket is removed right before its `close`, so a socket that is `destroyed` may
 * still be here while its last write is under way.
 *
 * @example
 * ```ts
 * import { createServer } from "@verb/tcp";
 *
 * const app = createServer<{ name: string }>("tcp").onConnection((socket) => socket.state = { name: "" });
 * app.listen(0, "127.0.0.1");
 *
 * for (const { state, lastActivity } of app.connections) console.log(state.name, new Date(lastActivity));
 * for (const socket of app.connections.byAddress("127.0.0.1")) socket.end("You again?");
 * const sweeper = setInterval(() => app.connections.closeIdle(300_000), 60_000);
 *
 * clearInterval(sweeper);
 * await app.close();
 * ```
 */
export interface Connections<State = unknown> extends Iterable<TCPSocket<State>> {
  /** How many there are. */
  readonly size: number;
  /** The one with that `socket.id`. */
  get(id: number): TCPSocket<State> | undefined;
  /**
   * Those whose peers have that address, oldest first, in an array of your own. IPv4 mapped into IPv6 is the same as
   * IPv4; a peer of a unix socket has no address. The first call makes an index, which is kept from then on.
   */
  byAddress(address: string): TCPSocket<State>[];
  /**
   * Ends the sockets on which nothing has come or gone for at least that many milliseconds: what is queued is sent,
   * then FIN. A socket that an earlier call ended, and that has been silent since, is destroyed. Returns how many were
   * ended or destroyed.
   */
  closeIdle(silentMs: number): number;
}

/**
 * Where a socket stands. A map that has been rebuilt keeps its old table, with all that stood in it, until the next full
 * collection of garbage. Where thousands come and go a second that would be nearly all of them, so a seat is left empty.
 */
interface Seat<State> {
  socket: TCPSocket<State> | undefined;
}

/** The live set and its bound. */
export class ConnectionSet<State> implements Connections<State> {
  readonly #seats = new Map<number, Seat<State>>();
  readonly #max: () => number;
  // Made by the first `byAddress`: a server that never asks need not pay for it.
  #byAddress: Map<string, Set<TCPSocket<State>>> | undefined;
  /** Connections that are being prepared: room is kept for them. */
  reserved = 0;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(max: () => number) {
    this.#max = max;
  }

  get size(): number {
    return this.#seats.size;
  }

  get(id: number): TCPSocket<State> | undefined {
    return this.#seats.get(id)?.socket;
  }

  *[Symbol.iterator](): Generator<TCPSocket<State>, undefined> {
    for (const { socket } of this.#seats.values()) if (socket !== undefined) yield socket;
  }

  byAddress(address: string): TCPSocket<State>[] {
    if (checkString("address", address) === undefined) throw invalid("address", "a non-empty string", address);
    if (this.#byAddress === undefined) {
      this.#byAddress = new Map();
      for (const socket of this) this.#index(socket);
    }
    return [...this.#byAddress.get(normalizeAddress(address).toLowerCase()) ?? []];
  }

  closeIdle(silentMs: number): number {
    if (silentMs === undefined) throw invalid("silentMs", "a number of milliseconds", silentMs);
    const silentSince = now() - checkMs("silentMs", silentMs, 0);
    let count = 0;
    for (const socket of this) {
      const connection = connectionOf(socket);
      if (connection.movedAt > silentSince) continue;
      count++;
      if (connection.writeEnded) connection.destroy();
      else connection.end();
    }
    return count;
  }

  /** Whether one more would be too many. */
  get full(): boolean {
    return this.#seats.size + this.reserved >= this.#max();
  }

  add(socket: TCPSocket<State>): void {
    this.#seats.set(socket.id, { socket });
    if (this.#byAddress !== undefined) this.#index(socket);
  }

  remove(socket: TCPSocket<State>): void {
    const seat = this.#seats.get(socket.id);
    if (seat === undefined) return;
    seat.socket = undefined;
    this.#seats.delete(socket.id);
    if (this.#byAddress !== undefined) this.#forget(socket, this.#byAddress);
    this.boundMoved();
  }

  /** Keeps room for one that is being prepared. */
  reserve(): void {
    this.reserved++;
  }

  /** It is added now, or has failed. */
  unreserve(): void {
    this.reserved--;
    this.boundMoved();
  }

  /** There may be room where there was none. */
  boundMoved(): void {
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

  #index(socket: TCPSocket<State>): void {
    const address = socket.remoteAddress;
    if (address === undefined) return;
    const there = this.#byAddress?.get(address);
    if (there !== undefined) there.add(socket);
    else this.#byAddress?.set(address, new Set([socket]));
  }

  #forget(socket: TCPSocket<State>, index: Map<string, Set<TCPSocket<State>>>): void {
    const address = socket.remoteAddress;
    if (address === undefined) return;
    const there = index.get(address);
    there?.delete(socket);
    if (there?.size === 0) index.delete(address);
  }
}
