/**
 * Work that takes as many connections as it takes. It shows `reconnect`: a turn of its loop is a connection, and what one
 * has not finished the next goes on with.
 *
 * @module
 */

import { reconnect, type ReconnectOptions } from "@verb/tcp/tcp";
import { ConnectionLost } from "./channel.ts";
import { Link, LINK_OPTIONS } from "./link.ts";

/**
 * Calls `work` with a connection, and with another one as often as it rejects because the connection is lost. Whatever else
 * it rejects with is thrown, and so is the failure of the very first attempt to connect: who mistypes a port should know.
 */
export async function persist(options: ReconnectOptions, work: (link: Link) => Promise<void>): Promise<void> {
  let connected = false;
  const connections = reconnect({
    ...LINK_OPTIONS,
    stableMs: 1_000,
    maxAttempts: 10,
    retry: () => connected,
    ...options,
  });
  for await (const socket of connections) {
    connected = true;
    const link = new Link(socket);
    try {
      await work(link);
      await connections.close();
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error; // which leaves the loop and destroys the socket
    }
  }
}
