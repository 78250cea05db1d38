/** What a write queue tells its connection, written down, with the connection's part in it done. */

import { type WriteCallback, WriteQueue, type WriteQueuePort } from "../../src/socket/write_queue.ts";
import type { Transport } from "../../src/transport/transport.ts";

/** See the module's comment. */
export class RecordingPort implements WriteQueuePort {
  /** Everything that was told, in order. */
  readonly told: string[] = [];
  /** What `writeFailed` was called with. */
  failure: unknown;
  queue!: WriteQueue; // set below, before anything can be told

  flushing(): void {
    this.told.push("flushing");
  }

  wrote(): void {
    this.told.push(`wrote ${this.queue.sentBytes}`);
  }

  flushed(): void {
    this.told.push("flushed");
    this.queue.settleAll();
  }

  writeFailed(error: unknown): void {
    this.told.push("writeFailed");
    this.failure = error;
  }

  settle(callback: WriteCallback, error: Error | undefined): void {
    callback(error ?? null);
  }
}

/** A queue and its port, open to a transport if one is given. */
export function makeQueue(transport?: Transport): { queue: WriteQueue; port: RecordingPort } {
  const port = new RecordingPort();
  const queue = new WriteQueue(port);
  port.queue = queue;
  if (transport !== undefined) queue.open(transport);
  return { queue, port };
}
