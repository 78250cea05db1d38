/**
 * The `frames` server of `server.ts` on several cores: `deno run -A tests/bench/workers.ts PORT WORKERS`. One worker beside
 * none (`server.ts frames PORT`) is what the worker itself costs, two beside one what a core brings.
 */

import { createServer, MessageProtocol } from "../../mod.ts";
import { dataOfWorker, serveInWorker, startWorkers } from "../../src/workers/mod.ts";

const port = dataOfWorker<number>();
if (port === undefined) {
  await startWorkers(import.meta.url, { count: Number(Deno.args[1]), data: Number(Deno.args[0]) }).ready;
} else {
  const app = createServer();
  app.onConnection((socket) => {
    const protocol = new MessageProtocol<{ type: string; timestamp?: number }>(socket).attach();
    protocol.onMessage = ({ type }) => {
      if (type === "ping") protocol.send({ type: "pong", timestamp: Date.now() });
    };
  });
  serveInWorker(app, { port, hostname: "127.0.0.1" });
}
