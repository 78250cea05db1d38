/**
 * Shows operators what a server does: metrics for Prometheus, OpenTelemetry, logs, a live page. It is built on
 * `app.observe` and `app.metrics`, which cost nothing where nobody asks.
 *
 * ```ts
 * import { createServer } from "@verb/tcp";
 * import { logTo, metricsHandler } from "@verb/tcp/observe";
 *
 * const app = createServer().onConnection((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
 * logTo(app); // one line of JSON for each event, on the console
 * const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, metricsHandler(app));
 *
 * const metrics = await (await fetch(`http://127.0.0.1:${http.addr.port}/metrics`)).text();
 * console.log(metrics.includes("verb_tcp_connections_open"));
 * await app.close();
 * await http.shutdown();
 * ```
 *
 * @module
 */

export type { InspectRequestInfo } from "./inspect_access.ts";
export { type InspectHandler, inspectHandler, type InspectOptions } from "./inspect_handler.ts";
export type { InspectedRooms } from "./inspect_snapshot.ts";
export { type LogLevel, type LogOptions, logTo } from "./log_to.ts";
export { metricsHandler, type ObservedWorkers } from "./metrics_handler.ts";
export type { ObservedServer } from "./observed_server.ts";
export { prometheusText } from "./prometheus_text.ts";
export { instrument, type InstrumentOptions } from "./instrument.ts";
export type {
  OtelAttributes,
  OtelInstrumentOptions,
  OtelMeter,
  OtelMeterProvider,
  OtelObservable,
  OtelObservableResult,
  OtelSpan,
  OtelSpanOptions,
  OtelTracer,
  OtelTracerProvider,
} from "./otel_types.ts";
export type { DialEvent } from "../telemetry/dials.ts";
export type { CloseReason, CloseReceipt } from "../telemetry/close_receipt.ts";
export type { DrainReport } from "../telemetry/drain_report.ts";
export type { DropReason } from "../telemetry/drop_reason.ts";
export type {
  AcceptErrorVerdict,
  Observer,
  TelemetryEvent,
  TelemetryEvents,
  TelemetryPeer,
} from "../telemetry/events.ts";
export type { TimeHistogram } from "../telemetry/histogram.ts";
export type { ServerMetrics } from "../telemetry/metrics.ts";
