/** Which connections of a server are the busiest, and which owe the most: one walk over all of them a second. */

import { now } from "../base/clock.ts";
import { printable } from "../base/check.ts";
import { unreadBytes } from "../socket/account.ts";
import type { Connection } from "../socket/connection.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import { Top } from "./top.ts";

/** How many of each kind are shown. */
export const MAX_ROWS = 32;

/** One connection as the page shows it. */
export interface ConnectionRow {
  readonly id: number;
  /** Address and port; empty on a unix socket. */
  readonly peer: string;
  readonly ageMs: number;
  readonly silentMs: number;
  /** Bytes in a second; left out for one that is looked at for the first time. */
  readonly readRate?: number;
  readonly writeRate?: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** What waits to be sent, and from where on `write` asks its caller to stop. */
  readonly queuedBytes: number;
  readonly highWaterMarkBytes: number;
  /** What has come and nobody has taken. */
  readonly unreadBytes: number;
  readonly state: string;
  readonly tls: boolean;
  /** A write was told to wait, and has not been told to go on. */
  readonly blocked: boolean;
}

/** What was seen of all connections. */
export interface ConnectionRanks {
  readonly total: number;
  readonly busiest: readonly ConnectionRow[];
  /** Those with the most that waits to be sent; none where nothing waits. */
  readonly fullest: readonly ConnectionRow[];
}

/** How much of the rank comes from the last second: enough to follow, too little to make rows dance. */
const NEWS = 0.3;
/** Whoever was silent for that long at the first look needs no note of what it had read by then. */
const RECENT_MS = 10_000;
/** Of those that are gone so many may be remembered. */
const MAX_GONE = 64;

// One for each connection on which something moved, changed in place: a walk over 10,000 makes next to no garbage.
interface Seen {
  read: number;
  sent: number;
  /** NaN where it was not known what had gone through before. */
  readRate: number;
  writeRate: number;
  /** Bytes a second, smoothed. */
  rank: number;
}

/** Remembers what went through each connection when it last looked. */
export class ConnectionRanking {
  readonly #seen = new Map<TCPSocket, Seen>();
  #lookedAt = NaN;

  /** Looks at them all. */
  look(sockets: Iterable<TCPSocket>): ConnectionRanks {
    const at = now();
    const busiest = new Top<TCPSocket>(MAX_ROWS);
    const fullest = new Top<TCPSocket>(MAX_ROWS);
    let total = 0;
    let known = 0;
    for (const socket of sockets) {
      total++;
      const connection = connectionOf(socket);
      const { movedAt, queue } = connection;
      const seen = this.#seen.get(socket) ?? this.#begin(socket, connection, at, movedAt);
      if (seen !== undefined) {
        known++;
        this.#update(seen, connection, at);
      }
      // Less than a byte a second is nothing: then who moved last comes first.
      busiest.offer(socket, Math.floor(seen?.rank ?? 0), movedAt);
      if (queue.length > 0) fullest.offer(socket, queue.length, movedAt);
    }
    this.#lookedAt = at;
    if (this.#seen.size > known + MAX_GONE) this.#sweep();
    const row = (socket: TCPSocket) => rowOf(socket, this.#seen.get(socket), at);
    return { total, busiest: busiest.take().map(row), fullest: fullest.take().map(row) };
  }

  /** Nobody looks any more: it keeps nothing alive. */
  forget(): void {
    this.#seen.clear();
    this.#lookedAt = NaN;
  }

  /** A note of a connection that there was none of; none is needed while nothing moves. */
  #begin(socket: TCPSocket, connection: Connection, at: number, movedAt: number): Seen | undefined {
    const since = this.#lookedAt;
    const first = Number.isNaN(since);
    if (movedAt < Math.floor(first ? at - RECENT_MS : since)) return undefined; // in whole milliseconds, as these are
    // All that went through one that came since the last look did so since then.
    const fresh = !first && connection.openedAt >= Math.floor(since);
    const seen = { read: fresh ? 0 : NaN, sent: fresh ? 0 : NaN, readRate: NaN, writeRate: NaN, rank: 0 };
    this.#seen.set(socket, seen);
    return seen;
  }

  #update(seen: Seen, connection: Connection, at: number): void {
    const read = connection.bytesRead;
    const sent = connection.queue.sentBytes;
    if (read === seen.read && sent === seen.sent && seen.rank === 0 && seen.readRate === 0) return;
    const ms = at - this.#lookedAt;
    seen.readRate = perSecond(read - seen.read, ms);
    seen.writeRate = perSecond(sent - seen.sent, ms);
    seen.read = read;
    seen.sent = sent;
    const rate = seen.readRate + seen.writeRate;
    if (!Number.isNaN(rate)) seen.rank += (rate - seen.rank) * NEWS;
    if (seen.rank < 1) seen.rank = 0;
  }

  #sweep(): void {
    for (const socket of this.#seen.keys()) if (socket.destroyed) this.#seen.delete(socket);
  }
}

function perSecond(bytes: number, ms: number): number {
  return bytes === 0 ? 0 : bytes * 1_000 / Math.max(1, ms);
}

function rowOf(socket: TCPSocket, seen: Seen | undefined, at: number): ConnectionRow {
  const { remoteAddress, remotePort } = socket;
  const connection = connectionOf(socket);
  const { readRate, writeRate } = seen ?? { readRate: 0, writeRate: 0 };
  return {
    id: socket.id,
    peer: remoteAddress === undefined ? "" : printable(peerOf(remoteAddress, remotePort)),
    ageMs: Math.max(0, Math.round(at - connection.openedAt)),
    silentMs: Math.max(0, Math.round(at - connection.movedAt)),
    ...(Number.isNaN(readRate) ? {} : { readRate: Math.round(readRate), writeRate: Math.round(writeRate) }),
    bytesRead: connection.bytesRead,
    bytesWritten: connection.queue.sentBytes,
    queuedBytes: connection.queue.length,
    highWaterMarkBytes: connection.settings.highWaterMarkBytes,
    unreadBytes: unreadBytes(connection),
    state: socket.readyState,
    tls: socket.encrypted,
    blocked: connection.needDrain,
  };
}

function peerOf(address: string, port: number | undefined): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}
