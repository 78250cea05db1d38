/** Sees to it that what the library holds for a server's connections stays within its budget. */

import { startBackgroundTimer, stopTimer, type Timer } from "../base/clock.ts";
import { TcpError } from "../base/errors.ts";
import { addressKey } from "../limits/address_key.ts";
import { Heaviest, type Holder } from "../limits/heaviest.ts";
import { MemoryBudget, type MemoryBudgetPort } from "../limits/memory_budget.ts";
import { Account, unreadBytes } from "../socket/account.ts";
import { connectionOf } from "../socket/socket_facts.ts";
import type { TCPSocket } from "../socket/tcp_socket.ts";

/**
 * For as long newcomers wait while much is held. Then they come in all the same: peers that hold much, and stay below the
 * budget, would keep everybody else out.
 */
const NEWCOMERS_WAIT_MS = 1_000;

/** See the module's comment. */
export class MemoryGuard implements MemoryBudgetPort {
  readonly #sockets: Iterable<TCPSocket>;
  #budget: MemoryBudget | undefined;
  #limitBytes = Infinity;
  #room: PromiseWithResolvers<void> | undefined;
  #timer: Timer;
  // Newcomers have waited for long enough.
  #waited = false;

  constructor(sockets: Iterable<TCPSocket>) {
    this.#sockets = sockets;
  }

  /** Another budget from now on; Infinity for none. */
  setLimit(bytes: number): void {
    this.#limitBytes = bytes;
    if (bytes === Infinity) {
      if (this.#budget === undefined) return;
      this.#budget = undefined;
      for (const socket of this.#sockets) {
        const connection = connectionOf(socket);
        connection.account?.close();
        connection.account = undefined;
      }
      this.relieved();
    } else if (this.#budget !== undefined) {
      this.#budget.limitBytes = bytes;
    } else {
      this.#budget = new MemoryBudget(bytes, this);
      for (const socket of this.#sockets) {
        this.adopt(socket);
        const { account, queue } = connectionOf(socket);
        // What it holds already, and what was written by reference before there was a budget.
        for (const bytes of queue.kept) account?.keeps(bytes);
        account?.touch();
      }
    }
  }

  /** One more that holds something. */
  adopt(socket: TCPSocket): void {
    if (this.#budget === undefined) return;
    const connection = connectionOf(socket);
    connection.account = new Account(connection, this.#budget);
  }

  /** Resolves when something new may be let in; undefined when it may now. */
  whenRoom(): Promise<void> | undefined {
    if (this.#budget?.crowded !== true || this.#waited) return undefined;
    if (this.#room === undefined) {
      this.#room = Promise.withResolvers();
      this.#timer = startBackgroundTimer(() => this.#letIn(), NEWCOMERS_WAIT_MS);
    }
    return this.#room.promise;
  }

  /** What is held now, and the part of it that waits to be sent. */
  get metrics(): { heldBytes: number; queuedBytes: number } {
    if (this.#budget !== undefined) return this.#budget;
    let [unread, queued] = [0, 0];
    const kept = new Set<Uint8Array>();
    for (const socket of this.#sockets) {
      const connection = connectionOf(socket);
      unread += unreadBytes(connection);
      queued += connection.queue.length;
      for (const bytes of connection.queue.kept) {
        queued -= bytes.length;
        kept.add(bytes);
      }
    }
    for (const bytes of kept) queued += bytes.length;
    return { heldBytes: unread + queued, queuedBytes: queued };
  }

  over(targetBytes: number): void {
    const heaviest = new Heaviest<TCPSocket>(this.#holders());
    while (this.#budget !== undefined && this.#budget.heldBytes > targetBytes) {
      const socket = heaviest.take();
      if (socket === undefined) return;
      const { heldBytes } = this.#budget;
      connectionOf(socket).destroy(
        new TcpError(
          `The connection held the most: all together held ${heldBytes} bytes, at most ${this.#limitBytes} are allowed ` +
            "(limits.memoryBudgetBytes)",
          { code: "EOVERFLOW" },
        ),
        "overflow",
      );
    }
  }

  *#holders(): Generator<[key: string, holder: Holder<TCPSocket>]> {
    for (const socket of this.#sockets) {
      const bytes = connectionOf(socket).account?.bytes ?? 0;
      const { remoteAddress } = socket;
      // Peers of a unix socket have no address: each stands for itself.
      if (bytes > 0) {
        yield [remoteAddress === undefined ? `${socket.id}` : addressKey(remoteAddress), { member: socket, bytes }];
      }
    }
  }

  relieved(): void {
    stopTimer(this.#timer);
    this.#openDoor();
    this.#waited = false;
  }

  #letIn(): void {
    this.#waited = true;
    this.#openDoor();
  }

  #openDoor(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
