/** One connection of a pool, and whether it is as good as new. */

import { now } from "../base/clock.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";
import type { PoolDestroyCause } from "./pool_options.ts";
import type { TimeLimit } from "./within.ts";

/** What its setup left on a socket, which is what it must look like when it is handed out. */
interface Looks {
  readonly listeners: ReadonlyMap<string | symbol, number>;
  readonly reader: unknown;
  readonly paused: boolean;
}

/** See the module's comment. */
export class PoolConnection<T> {
  readonly socket: TCPSocket;
  readonly value: T;
  /** When its life is over, by `now()` of the clock. */
  readonly diesAt: number;
  /** Since when it is set up, by `now()` of the clock. */
  readonly since: number = now();
  /** The check that is under way; the end of the connection ends that, too. */
  checking: TimeLimit | undefined;
  /** Since when nobody uses it. */
  idleSince = 0;
  /** Why it goes, once that is decided. */
  cause: PoolDestroyCause | undefined;
  readonly #looks: Looks;

  /** Of a socket whose setup is done. */
  constructor(socket: TCPSocket, value: T, diesAt: number) {
    this.socket = socket;
    this.value = value;
    this.diesAt = diesAt;
    this.#looks = looksOf(socket);
  }

  /** Whether it is open both ways. */
  get open(): boolean {
    return connectionOf(this.socket).state === "open";
  }

  /** Whether nothing is left on it by whoever had it: no bytes, no listeners, nobody who reads. */
  get clean(): boolean {
    const { holders = [], reader } = connectionOf(this.socket);
    if (!this.open || reader.held !== undefined) return false;
    if (holders.some(({ bufferedBytes }) => bufferedBytes > 0)) return false;
    return alike(looksOf(this.socket), this.#looks);
  }

  /** Ends it now. The first cause stays. */
  destroy(cause: PoolDestroyCause, error?: Error): void {
    this.cause ??= cause;
    this.socket.destroy(error);
  }
}

function looksOf(socket: TCPSocket): Looks {
  const names = socket.eventNames();
  const listeners = new Map(names.map((name) => [name as string, socket.listenerCount(name)]));
  return { listeners, reader: connectionOf(socket).consumer, paused: socket.isPaused() };
}

function alike(one: Looks, other: Looks): boolean {
  if (one.reader !== other.reader || one.paused !== other.paused) return false;
  if (one.listeners.size !== other.listeners.size) return false;
  for (const [name, count] of one.listeners) if (other.listeners.get(name) !== count) return false;
  return true;
}
