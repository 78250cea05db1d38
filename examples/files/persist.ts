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
 * Calls `work` with a connection, and with another one as often as it rejects because the connection is lost; `say` is told
 * about it. Whatever else `work` rejects with is thrown, and so is the failure of the very first attempt to connect: who
 * mistypes a port should know.
 */
export async function persist(
  options: ReconnectOptions,
  say: (line: string) => void,
  work: (link: Link) => Promise<void>,
): Promise<void> {
  let connected = false;
  const connections = reconnect({
    ...LINK_OPTIONS,
    stableMs: 1_000,
    retry: () => connected,
    onRetry: ({ cause, delayMs }) => {
      const why = cause.message.startsWith("The connection lived") ? "" : `${cause.message}; `;
      say(`${why}connecting again in ${(delayMs / 1_000).toFixed(1)} s`);
    },
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
      say("The connection is lost");
      link.close(); // if it is only the server that begins nothing new
    }
  }
}
