/** As much of OpenTelemetry's interfaces as is needed: `@opentelemetry/api` and `Deno.telemetry` have these shapes. */

/** The attributes of a value or span. */
export type OtelAttributes = Record<string, string | number | boolean>;

/** Options of an instrument. */
export interface OtelInstrumentOptions {
  /** What it measures. */
  description?: string;
  /** Its unit, in the words of UCUM. */
  unit?: string;
  /** Hints for the collector. */
  advice?: { explicitBucketBoundaries?: number[] };
}

/** An instrument whose value is read on demand. */
export interface OtelObservable {
  /** Calls back when its value is wanted. */
  // deno-lint-ignore no-explicit-any -- nobody here calls it: it tells such an instrument from any other object
  addCallback(callback: (result: any) => void): void;
}

/** Takes the values of observable instruments. */
export interface OtelObservableResult {
  /** One value. */
  observe(observable: OtelObservable, value: number, attributes?: OtelAttributes): void;
}

/** Makes instruments. */
export interface OtelMeter {
  /** Makes a histogram. */
  createHistogram(
    name: string,
    options?: OtelInstrumentOptions,
  ): { record(value: number, attributes?: OtelAttributes): void };
  /** Makes a counter that only grows. */
  createObservableCounter(name: string, options?: OtelInstrumentOptions): OtelObservable;
  /** Makes a counter that grows and shrinks. */
  createObservableUpDownCounter(name: string, options?: OtelInstrumentOptions): OtelObservable;
  /** Calls back when the values of these instruments are wanted. */
  addBatchObservableCallback(callback: (result: OtelObservableResult) => void, observables: OtelObservable[]): void;
  /** Removes that callback. */
  removeBatchObservableCallback(callback: (result: OtelObservableResult) => void, observables: OtelObservable[]): void;
}

/** Where meters come from. */
export interface OtelMeterProvider {
  /** The meter of a library. */
  getMeter(name: string): OtelMeter;
}

/** A traced operation. */
export interface OtelSpan {
  /** The outcome: 2 is an error. */
  setStatus(status: { code: number; message?: string }): unknown;
  /** Ends the span, at that time in milliseconds since 1970. */
  end(endTime?: number): void;
}

/** Options of a span. */
export interface OtelSpanOptions {
  /** 1 for a server's, 2 for a client's. */
  kind?: number;
  /** Its attributes. */
  attributes?: OtelAttributes;
  /** When it began, in milliseconds since 1970. */
  startTime?: number;
  /** Whether it has no parent, even if another span is active. */
  root?: boolean;
}

/** Makes spans. */
export interface OtelTracer {
  /** Begins one, below the span that is active. */
  startSpan(name: string, options?: OtelSpanOptions): OtelSpan;
}

/** Where tracers come from. */
export interface OtelTracerProvider {
  /** The tracer of a library. */
  getTracer(name: string): OtelTracer;
}
