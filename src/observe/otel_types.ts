/** As much of OpenTelemetry's interfaces as is needed: `@opentelemetry/api` and `Deno.telemetry` have these shapes. */

/** What a value or span is about. */
export type OtelAttributes = Record<string, string | number | boolean>;

/** How an instrument is made. */
export interface OtelInstrumentOptions {
  /** What it measures. */
  description?: string;
  /** Its unit, in the words of UCUM. */
  unit?: string;
  /** Hints for the one who collects. */
  advice?: { explicitBucketBoundaries?: number[] };
}

/** An instrument that is asked when its value is wanted. */
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
  /** Sorts values into buckets. */
  createHistogram(
    name: string,
    options?: OtelInstrumentOptions,
  ): { record(value: number, attributes?: OtelAttributes): void };
  /** Only grows. */
  createObservableCounter(name: string, options?: OtelInstrumentOptions): OtelObservable;
  /** Grows and shrinks. */
  createObservableUpDownCounter(name: string, options?: OtelInstrumentOptions): OtelObservable;
  /** Calls back when the values of these instruments are wanted. */
  addBatchObservableCallback(callback: (result: OtelObservableResult) => void, observables: OtelObservable[]): void;
  /** Calls back no more. */
  removeBatchObservableCallback(callback: (result: OtelObservableResult) => void, observables: OtelObservable[]): void;
}

/** Where meters come from. */
export interface OtelMeterProvider {
  /** The meter of a library. */
  getMeter(name: string): OtelMeter;
}

/** A piece of work. */
export interface OtelSpan {
  /** How it went: 2 is an error. */
  setStatus(status: { code: number; message?: string }): unknown;
  /** It is over, at that moment in milliseconds since 1970. */
  end(endTime?: number): void;
}

/** How a span begins. */
export interface OtelSpanOptions {
  /** 1 for a server's, 2 for a client's. */
  kind?: number;
  /** What it is about. */
  attributes?: OtelAttributes;
  /** When it began, in milliseconds since 1970. */
  startTime?: number;
  /** Whether it has no parent, whatever runs now. */
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
