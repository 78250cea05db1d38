/**
 * Workers: one server on all cores.
 *
 * ```ts ignore
 * // server.ts
 * import { createServer } from "@verb/tcp";
 * import { serveInWorker } from "@verb/tcp/workers";
 *
 * const app = createServer().onConnection((socket) => socket.pipe(socket));
 * serveInWorker(app, { port: 3000 });
 *
 * // main.ts
 * import { startWorkers } from "@verb/tcp/workers";
 *
 * const workers = startWorkers(new URL("./server.ts", import.meta.url));
 * workers.on("workerFailed", (error, worker) => console.error(worker, error));
 * await workers.closeOnSignals();
 * ```
 *
 * @module
 */

export { dataOfWorker, serveInWorker } from "./serve_in_worker.ts";
export { startWorkers, type StartWorkersOptions, Workers, type WorkersEvents } from "./start_workers.ts";
export { type WorkerBus, workerBus } from "./worker_bus.ts";
