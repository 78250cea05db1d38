/** Who is told that a connection is over, and in which order. */

import type { ConnectionFace, ReadConsumer, SocketHost } from "./connection_ports.ts";
import { destroyedError, neverConnectedError } from "./endings.ts";
import type { Companions } from "./companions.ts";
import type { WriteCallback, WriteQueue } from "./write_queue.ts";

/** What is left of a connection when it is over. */
export interface EndedConnection {
  readonly face: ConnectionFace;
  readonly host: SocketHost | undefined;
  readonly queue: WriteQueue;
  readonly awaited: boolean;
  readonly transport: unknown;
  readonly connectFailed: ((error: Error | undefined) => void) | undefined;
  readonly companions: Companions | undefined;
  readonly writerFailed: ((error: Error | undefined) => boolean) | undefined;
  consumer: ReadConsumer | undefined;
  settle(callback: WriteCallback, error: Error | undefined): void;
  handlerThrew(thrown: unknown): void;
}

/** Uncaught, outside of whatever runs now. */
export function throwLater(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}

// The library's own: whom they tell is nobody of the user's.
const ownCallbacks = new WeakSet<WriteCallback>();

/** Marks a callback as the library's own: a failure that it is told has not been told to anybody. */
export function ownCallback(callback: WriteCallback): WriteCallback {
  ownCallbacks.add(callback);
  return callback;
}

function isUsers(callback: WriteCallback): boolean {
  return !ownCallbacks.has(callback);
}

/** Who hears of an error: everybody it concerns, the `error` listeners only, or nobody. */
export type Audience = "all" | "listeners" | "nobody";

/**
 * Everything but `close`. An error goes to the promise, stream or callback that waits for it (for a client `closed`, too,
 * where it was handed out); to the `error` listeners, those of protocols and of the socket, if there are any; else, if
 * nobody was told, to the server, or for a client to nobody: then it is uncaught, as in Node.
 */
export function announceEnd(
  connection: EndedConnection,
  error: Error | undefined,
  audience: Audience,
  writeInFlight: boolean,
  endCallbacks: readonly WriteCallback[],
  refused: WriteCallback | undefined,
  announced: () => void,
): void {
  const { companions, consumer, connectFailed, face, host, queue, writerFailed } = connection;
  const anyCallbacks = queue.hasCallbacks || endCallbacks.length > 0 || refused !== undefined;
  const next = anyCallbacks ? queueMicrotask : (step: () => void) => step();
  if (connection.transport !== undefined) queue.settleAll(); // what was sent at the end
  let told = audience !== "all" || connectFailed !== undefined ||
    (connection.awaited && host === undefined) ||
    (queue.hasCallbacks && queue.waiting.some(isUsers)) || endCallbacks.some(isUsers) ||
    (refused !== undefined && isUsers(refused));
  companions?.writesOver();
  const settleCallbacks = () => {
    // Made for somebody only: it costs more than the rest of an end.
    let made = error;
    const cause = () => made ??= connection.transport === undefined ? neverConnectedError() : destroyedError("write");
    queue.abort(cause);
    for (const callback of endCallbacks) connection.settle(callback, cause());
  };
  connectFailed?.(error);
  // As in Node: with a write in flight its failure, and so that of the rest, is told after the error.
  if (!writeInFlight) settleCallbacks();
  if (refused !== undefined) connection.settle(refused, error);
  // Callbacks of writes run in microtasks of their own.
  next(() => {
    if (consumer?.closed(error) === true) told = true;
    if (writerFailed?.(error) === true) told = true;
    connection.consumer = undefined;
    if (error !== undefined && audience !== "nobody") {
      if (companions?.failed(error) === true) told = true;
      if (face.listenerCount("error") > 0 && tellListeners(connection, error)) told = true;
      if (!told && host !== undefined) host.connectionFailed(error, face);
      else if (!told) throwLater(error);
    }
    if (writeInFlight) settleCallbacks();
    next(announced);
  });
}

/** False if nobody was told after all: the pipes of node:stream listen, and give an error back that only they hear. */
function tellListeners(connection: EndedConnection, error: Error): boolean {
  try {
    connection.face.emit("error", error);
  } catch (thrown) {
    if (thrown === error && connection.face.listenerCount("error") === 0) return false;
    connection.handlerThrew(thrown);
  }
  return true;
}
