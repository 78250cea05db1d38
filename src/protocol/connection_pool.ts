/** A bound on how many sockets are kept. */

import { checkBound, invalid } from "../base/check.ts";
import { TCPSocket } from "../socket/tcp_socket.ts";

/**
 * Counts sockets and refuses those over its bound. A socket counts until its `close`. One that is added twice counts
 * once, and a closed one is not added.
 *
 * @example
 * ```ts
 * import { ConnectionPool, createServer } from "@verb/tcp";
 *
 * const pool = new ConnectionPool(1000);
 * await using app = createServer();
 * app.onConnection((socket) => {
 *   if (!pool.addConnection(socket)) return; // destroyed: the pool is full
 *   socket.write(`You are number ${pool.getConnectionCount()}\n`);
 * });
 * ```
 */
// deno-lint-ignore no-explicit-any -- whatever the user keeps on his sockets
export class ConnectionPool<Socket extends TCPSocket<any> = TCPSocket<any>> {
  /** The sockets in the pool. */
  readonly connections: Set<Socket> = new Set();
  /** The bound. */
  readonly maxConnections: number;

  /**
   * A pool for at most that many sockets.
   *
   * @throws {TypeError | RangeError} If the bound is no integer from 0 on (or `Infinity`).
   */
  constructor(maxConnections = 100) {
    this.maxConnections = checkBound("maxConnections", maxConnections, 100, 0);
  }

  /**
   * Adds a socket and returns true. At the bound it destroys the socket and returns false, as it does for a closed one.
   */
  addConnection(socket: Socket): boolean {
    if (!(socket instanceof TCPSocket)) throw invalid("socket", "a TCPSocket of this package", socket);
    if (this.connections.has(socket)) return true;
    if (socket.destroyed) return false;
    if (this.connections.size >= this.maxConnections) {
      socket.destroy();
      return false;
    }
    this.connections.add(socket);
    socket.once("close", () => this.connections.delete(socket));
    return true;
  }

  /** How many sockets are in the pool. */
  getConnectionCount(): number {
    return this.connections.size;
  }
}
