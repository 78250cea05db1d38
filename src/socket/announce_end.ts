/** Who is told that a connection is over, and in which order. */

import type { ConnectionFace, ReadConsumer, SocketHost } from "./connection_ports.ts";
import { destroyedError } from "./endings.ts";
import type { WriteCallback, WriteQueue } from "./write_queue.ts";

/** What is left of a connection when it is over. */
export interface EndedConnection {
  readonly face: ConnectionFace;
  readonly host: SocketHost | undefined;
  readonly queue: WriteQueue;
  readonly connectFailed: ((error: Error | undefined) => void) | undefined;
  readonly writerFailed: ((error: Error | undefined) => boolean) | undefined;
  consumer: ReadConsumer | undefined;
  settle(callback: WriteCallback, error: Error | undefined): void;
  emit(event: string, arg?: unknown): void;
}

/** Uncaught, outside of whatever runs now. */
export function throwLater(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}

/** Who hears of an error: everybody it concerns, the `error` listeners only, or nobody. */
export type Audience = "all" | "listeners" | "nobody";

/**
 * Everything but `close`. An error goes to the promise, stream or callback that waits for it; to the `error` listeners, if
 * there are any; else, if nobody was told, to the server, or for a client to nobody: then it is uncaught, as in Node.
 */
export function announceEnd(
  connection: EndedConnection,
  error: Error | undefined,
  audience: Audience,
  writeInFlight: boolean,
  endCallbacks: readonly WriteCallback[],
): void {
  const { consumer, connectFailed, face, host, queue, writerFailed } = connection;
  let told = audience !== "all" || connectFailed !== undefined || queue.hasCallbacks || endCallbacks.length > 0;
  const settleCallbacks = () => {
    const cause = error ?? destroyedError("write");
    queue.abort(cause);
    for (const callback of endCallbacks) connection.settle(callback, cause);
  };
  connectFailed?.(error);
  // As in Node: with a write in flight its failure, and so that of the rest, is told after the error.
  if (!writeInFlight) settleCallbacks();
  if (consumer?.closed(error) === true) told = true;
  if (writerFailed?.(error) === true) told = true;
  connection.consumer = undefined;
  if (error !== undefined && audience !== "nobody") {
    if (face.listenerCount("error") > 0) connection.emit("error", error);
    else if (!told && host !== undefined) host.connectionFailed(error, face);
    else if (!told) throwLater(error);
  }
  if (writeInFlight) settleCallbacks();
}
