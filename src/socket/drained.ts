/** Waiting for the write queue with a promise. */

import type { Connection } from "./connection.ts";
import { destroyedError } from "./endings.ts";

/** Resolves when there is no `drain` to wait for any more; rejects if the connection is over first. */
export function drained(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (error?: Error | null) => {
      if (error != null) return reject(error);
      if (connection.receipt !== undefined) return reject(connection.receipt.error ?? destroyedError("write"));
      if (!connection.needDrain) return resolve();
      connection.queue.whenSent(look); // more may be queued by then
    };
    look();
  });
}
