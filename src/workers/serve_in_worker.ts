/** The worker's part: a server that shares its port and obeys the main thread. */

import { getHeapStatistics } from "node:v8";
import { typeError } from "../base/argument_errors.ts";
import { invalid } from "../base/check.ts";
import { startTimer } from "../base/clock.ts";
import type { ListenOptions } from "../server/listen_arguments.ts";
import { TcpServer } from "../server/server.ts";
import { tellError, type ToMain, type ToWorker } from "./messages.ts";
import { sharedNetwork } from "./port_sharing.ts";
import { parentOf, seatOf } from "./worker_side.ts";

/**
 * Lets a server listen in a worker of `startWorkers`, on the port that all workers share. The main thread controls it
 * from then on (`close`, `updateLimits`, `reloadTls`, `metrics`). On the main thread it is the same as
 * `app.listen(options)`. Returns the server. Call it once in a module.
 *
 * @throws {TypeError} For a `path`, which workers cannot share, and when it is called twice in a worker.
 *
 * @example
 * ```ts
 * import { createServer } from "@verb/tcp";
 * import { serveInWorker } from "@verb/tcp/workers";
 *
 * const app = createServer().onConnection((socket) => socket.end("hello"));
 * serveInWorker(app, { port: 0, hostname: "127.0.0.1" });
 * await app.close();
 * ```
 */
// deno-lint-ignore no-explicit-any -- whatever the user keeps on its sockets
export function serveInWorker<Server extends TcpServer<any>>(app: Server, options: ListenOptions = {}): Server {
  if (!(app instanceof TcpServer)) throw invalid("app", "a server such as createServer() gives", app);
  const parent = parentOf();
  if (parent === undefined) return app.listen(options) as Server;
  if (serving) {
    throw typeError("ERR_INVALID_STATE", "serveInWorker() was called already in this worker; call it once");
  }
  if (options.path !== undefined) {
    throw typeError("ERR_INVALID_ARG_VALUE", 'Option "path" cannot be shared between workers; give a port');
  }
  serving = true;
  const { hostname, host, port = 0 } = options;
  const stop = parent.hear((message) =>
    void obey(app, options, message, (answer) => parent.send(answer), () => stop())
  );
  const { heap_size_limit: heapLimitBytes } = getHeapStatistics();
  parent.send({ type: "serves", hostname: hostname ?? host ?? "0.0.0.0", port, heapLimitBytes });
  return app;
}

/** Returns the `data` of `startWorkers`; undefined on the main thread. */
export function dataOfWorker<Data = unknown>(): Data | undefined {
  return seatOf()?.data as Data | undefined; // it is what the user gave
}

let serving = false;

// Never rejects: what fails is told.
async function obey(
  app: TcpServer,
  options: ListenOptions,
  message: ToWorker,
  answer: (message: ToMain) => void,
  stopHearing: () => void,
): Promise<void> {
  switch (message.type) {
    case "listen": {
      const { backlog } = options;
      const network = sharedNetwork(message.port, message.sharedBy);
      const hostname = options.hostname ?? options.host;
      const where = { port: message.port, network, ...(backlog === undefined ? {} : { backlog }) };
      // No longer than that: with a listener for errors the server prints none that its handlers throw.
      const failed = (error: unknown) => {
        app.off("listening", listening);
        app.off("error", failed);
        answer({ type: "failed", error: tellError(error) });
      };
      const listening = () => {
        app.off("error", failed);
        answer({ type: "listening", address: app.address()! }); // it listens
      };
      app.once("error", failed).once("listening", listening);
      try {
        app.listen(hostname === undefined ? where : { ...where, hostname });
      } catch (error) {
        failed(error);
      }
      return;
    }
    case "ping":
      return answer({ type: "pong", heapLimitBytes: getHeapStatistics().heap_size_limit });
    case "metrics":
      return answer({ type: "metrics", id: message.id, metrics: app.metrics() });
    case "updateLimits":
      return answer(done(message.id, () => app.updateLimits(message.limits)));
    case "reloadTls":
      return answer(done(message.id, () => app.reloadTls(message.tls)));
    case "close": {
      const report = await app.close(message.options);
      answer({ type: "closed", report, metrics: app.metrics() });
      // The message has to leave before the thread may end.
      startTimer(stopHearing, 0);
    }
  }
}

function done(id: number, change: () => unknown): ToMain {
  try {
    change();
    return { type: "done", id };
  } catch (error) {
    return { type: "done", id, error: tellError(error) };
  }
}
