/** Metrics and probes over HTTP. */

import { invalid } from "../base/check.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";
import type { ObservedServer } from "./observed_server.ts";
import { prometheusText } from "./prometheus_text.ts";

/** The part of `Workers` that {@link metricsHandler} uses. */
export interface ObservedWorkers {
  /** The sum of the metrics of all workers. */
  metrics(): Promise<ServerMetrics>;
  /** Whether new connections are wanted. */
  readonly listening: boolean;
}

// The name of the server where there is only one.
const ONLY = "default";

/**
 * Makes a handler for `Deno.serve` that answers with metrics and probes. Serve it on a port that only your own systems
 * reach:
 *
 * - `/metrics`: {@link prometheusText} of the servers, under their names; of one without a name as `default`;
 * - `/healthz`: 200 as long as the process lives;
 * - `/readyz`: 200 while every server is ready, else 503. It is 503 from the call of `close` on, so that a balancer
 *   sends no new connections during `settleMs`.
 *
 * Anything else is 404, and other methods than GET and HEAD are 405.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createServer } from "@verb/tcp";
 * import { metricsHandler } from "@verb/tcp/observe";
 *
 * await using app = createServer().listen(0, "127.0.0.1");
 * await using http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, metricsHandler({ chat: app }));
 *
 * const answer = await fetch(`http://127.0.0.1:${http.addr.port}/readyz`);
 * assertEquals([answer.status, await answer.text()], [200, "ready\n"]);
 * ```
 */
export function metricsHandler(
  servers: ObservedServer | Readonly<Record<string, ObservedServer>>,
): (request: Request) => Response;
/** For the workers of `startWorkers`: their sum, as one server. */
export function metricsHandler(workers: ObservedWorkers): (request: Request) => Promise<Response>;
export function metricsHandler(
  source: Source,
): (request: Request) => Response | Promise<Response> {
  if (typeof source !== "object" || source === null) {
    throw invalid("source", "a server, servers by name, or workers", source);
  }
  if (isWorkers(source)) {
    return async (request) =>
      answerProbe(request, () => source.listening) ?? textResponse({ [ONLY]: await source.metrics() });
  }
  const named = isServer(source) ? [[ONLY, source] as const] : Object.entries(source);
  for (const [name, server] of named) if (!isServer(server)) throw invalid(name, "a server", server);
  const ready = () => named.every(([, server]) => server.ready);
  return (request) =>
    answerProbe(request, ready) ??
      textResponse(Object.fromEntries(named.map(([name, server]) => [name, server.metrics()])));
}

/** Answers everything but a request for the metrics. */
function answerProbe(request: Request, ready: () => boolean): Response | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return respond(405, "use GET or HEAD\n", { allow: "GET, HEAD" });
  }
  switch (new URL(request.url).pathname) {
    case "/metrics":
      return undefined;
    case "/healthz":
      return respond(200, "alive\n");
    case "/readyz":
      return ready() ? respond(200, "ready\n") : respond(503, "not ready\n");
    default:
      return respond(404, "there are /metrics, /healthz and /readyz\n");
  }
}

function textResponse(servers: Readonly<Record<string, ServerMetrics>>): Response {
  return respond(200, prometheusText(servers), { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
}

function respond(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...headers };
  return new Response(text, { status, headers: body });
}

type Source = ObservedServer | ObservedWorkers | Readonly<Record<string, ObservedServer>>;

function isServer(source: Source): source is ObservedServer {
  return hasMetrics(source) && "ready" in source && typeof source.ready === "boolean";
}

function isWorkers(source: Source): source is ObservedWorkers {
  return hasMetrics(source) && !isServer(source);
}

function hasMetrics(source: Source): boolean {
  return typeof source === "object" && source !== null && "metrics" in source && typeof source.metrics === "function";
}
