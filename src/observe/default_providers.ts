/** The runtime's own OpenTelemetry, where it is on. */

import type { OtelMeterProvider, OtelTracerProvider } from "./otel_types.ts";

/** The name under which the library makes instruments and spans. */
export const SCOPE = "@verb/tcp";

/** What the runtime has; undefined for what is off. */
export interface DefaultProviders {
  readonly meterProvider: OtelMeterProvider | undefined;
  readonly tracerProvider: OtelTracerProvider | undefined;
}

let found: DefaultProviders | undefined;

/** What the runtime has, looked up once. */
export function defaultProviders(): DefaultProviders {
  return found ??= { meterProvider: probe(findMeters), tracerProvider: probe(findTracers) };
}

// Where `OTEL_DENO` is off, the runtime has both, and both throw when they are used.
function findMeters(): OtelMeterProvider {
  const provider = Deno.telemetry.meterProvider as OtelMeterProvider;
  provider.getMeter(SCOPE);
  return provider;
}

function findTracers(): OtelTracerProvider {
  const provider = Deno.telemetry.tracerProvider as OtelTracerProvider;
  provider.getTracer(SCOPE).startSpan("probe", { root: true }); // never ended, so nobody gets it
  return provider;
}

function probe<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined; // it is off
  }
}
