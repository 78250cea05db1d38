// deno-lint-ignore-file no-console -- a command line
/**
 * The chat server in a worker: one of those that `server.ts --workers NUMBER` runs. What they share goes through Redis if
 * there is one, else from worker to worker.
 *
 * @module
 */

import { dataOfWorker, serveInWorker, workerBus } from "@verb/tcp/workers";
import { shareOverRedis } from "./redis.ts";
import { type ChatSettings, createChatServer } from "./server.ts";

const { port = 3000, hostname = "127.0.0.1", redis, leaseMs } = dataOfWorker<ChatSettings>() ?? {};
const shared = redis === undefined ? { bus: workerBus() } : await shareOverRedis(redis, leaseMs);
const { app, chat } = createChatServer({ shared });
app.onError((error) => console.error(error.message));
app.on("close", () => void chat.close());
serveInWorker(app, { port, hostname });
