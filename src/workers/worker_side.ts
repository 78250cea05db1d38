/** A worker's end of the talk with the main thread. */

import { isMainThread, parentPort, workerData } from "node:worker_threads";
import type { ToMain, ToWorker, WorkerSeat } from "./messages.ts";

/** The port to the main thread. */
export interface ParentPort {
  send(message: ToMain): void;
  /** Gives what ends it. */
  hear(listener: (message: ToWorker) => void): () => void;
}

/** The port to the main thread, if this is a worker that `startWorkers` runs. */
export function parentOf(): ParentPort | undefined {
  const port = parentPort;
  if (seatOf() === undefined || port === null) return undefined;
  return {
    send: (message: ToMain) => port.postMessage(message),
    hear(listener) {
      port.on("message", listener);
      return () => port.off("message", listener);
    },
  };
}

/** What the main thread has given this worker; undefined where there is none. */
export function seatOf(): WorkerSeat["verbTcp"] | undefined {
  if (isMainThread || typeof workerData !== "object" || workerData === null) return undefined;
  return (workerData as Partial<WorkerSeat>).verbTcp;
}
