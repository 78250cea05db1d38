/** Servers and dials in OpenTelemetry. */

import { checkKeys, invalid } from "../base/check.ts";
import { TcpServer, witnessOf } from "../server/server.ts";
import { tellUnsupported } from "../telemetry/telemetry.ts";
import { defaultProviders } from "./default_providers.ts";
import type { OtelMeterProvider, OtelTracerProvider } from "./otel_types.ts";
import { measure } from "./server_meter.ts";
import { traceDials, traceHandshakes } from "./tracing.ts";

/** Options of {@link instrument}. */
export interface InstrumentOptions {
  /**
   * Where meters come from.
   *
   * @default {Deno.telemetry.meterProvider}
   */
  meterProvider?: OtelMeterProvider;
  /**
   * Where tracers come from.
   *
   * @default {Deno.telemetry.tracerProvider}
   */
  tracerProvider?: OtelTracerProvider;
}

/**
 * Reports a server to OpenTelemetry, until the returned function is called. Without options the runtime's own
 * OpenTelemetry is used: run Deno with `OTEL_DENO=true`. Where that is off nothing is reported, and the server's
 * observers get `option.unsupported`.
 *
 * Metrics follow the semantic conventions, on the model of `kestrel.*`: `verb.tcp.active_connections`,
 * `verb.tcp.connection.duration` and `verb.tcp.tls_handshake.duration` in seconds, `verb.tcp.rejected_connections`,
 * `verb.tcp.io` in bytes, and the other numbers of `app.metrics()`. Their attributes are the server's address and port
 * and the kind of connection, never the peer's address.
 *
 * Spans are made for handshakes, and for the dials of clients with their handshakes, below the span that was active
 * where `connect` was called. With `undefined` instead of a server only dials are traced. There is no span for a whole
 * connection, which may last for weeks.
 *
 * @throws {TypeError} For invalid options.
 *
 * @example
 * ```ts
 * import { createServer } from "@verb/tcp";
 * import { instrument } from "@verb/tcp/observe";
 *
 * await using app = createServer().listen(0, "127.0.0.1");
 * const stop = instrument(app);
 * stop();
 * ```
 */
export function instrument(
  // deno-lint-ignore no-explicit-any -- whatever the user keeps on its sockets
  app: TcpServer<any> | undefined,
  options: InstrumentOptions = {},
): () => void {
  if (app !== undefined && !(app instanceof TcpServer)) throw invalid("app", "a server or undefined", app);
  checkKeys("options", options, ["meterProvider", "tracerProvider"]);
  const {
    meterProvider = defaultProviders().meterProvider,
    tracerProvider = defaultProviders().tracerProvider,
  } = options;
  checkProvider("meterProvider", meterProvider, "getMeter");
  checkProvider("tracerProvider", tracerProvider, "getTracer");
  const unsupported = (option: string) => {
    if (app === undefined) tellUnsupported(option);
    else witnessOf(app).unsupported(option);
  };
  const stops: (() => void)[] = [];
  if (app !== undefined) {
    if (meterProvider === undefined) unsupported("meterProvider");
    else stops.push(measure(app, meterProvider));
  }
  if (tracerProvider === undefined) unsupported("tracerProvider");
  else {
    if (app !== undefined) stops.push(traceHandshakes(app, tracerProvider));
    stops.push(traceDials(tracerProvider));
  }
  return () => stops.splice(0).forEach((stop) => stop());
}

function checkProvider(option: string, provider: unknown, method: string): void {
  if (provider === undefined || typeof (provider as Record<string, unknown> | null)?.[method] === "function") return;
  throw invalid(option, `a provider with the method ${method}`, provider);
}
