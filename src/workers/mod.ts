/**
 * Workers: one server on all cores.
 *
 * The module of the workers, `server.ts`; run by itself it is a server on one core:
 *
 * ```ts
 * import { createServer } from "@verb/tcp";
 * import { serveInWorker } from "@verb/tcp/workers";
 *
 * const app = createServer().onConnection((socket) => socket.pipe(socket));
 * serveInWorker(app, { port: 0 }); // all workers share the port that the kernel chooses
 * await app.close(); // a real server leaves this out
 * ```
 *
 * The program that runs it on all cores:
 *
 * ```ts ignore
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
