/** Receives what a program exports by OTLP over HTTP, as JSON. */

/** One value of an instrument. */
export interface Point {
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly value?: number;
  readonly count?: number;
  readonly bucketCounts?: readonly number[];
}

/** The values of every instrument, by its name. */
export type Export = Readonly<Record<string, readonly Point[]>>;

interface RawValue {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly doubleValue?: number;
}

interface RawPoint {
  readonly attributes?: readonly { readonly key: string; readonly value: RawValue }[];
  readonly asInt?: string;
  readonly asDouble?: number;
  readonly count?: string;
  readonly bucketCounts?: readonly string[];
}

interface RawMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly RawPoint[] };
  readonly gauge?: { readonly dataPoints: readonly RawPoint[] };
  readonly histogram?: { readonly dataPoints: readonly RawPoint[] };
}

interface RawMetrics {
  readonly resourceMetrics: readonly { readonly scopeMetrics: readonly { readonly metrics: readonly RawMetric[] }[] }[];
}

interface RawSpans {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { readonly name: string }[] }[];
  }[];
}

/** A collector on a port of its own, until it is disposed. */
export class OtlpCollector implements AsyncDisposable {
  /** The names of all spans that came. */
  readonly spans: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #next = Promise.withResolvers<Export>();

  constructor() {
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      async (request) => {
        const body: unknown = await request.json();
        const path = new URL(request.url).pathname;
        if (path === "/v1/metrics") this.#receive(body as RawMetrics);
        if (path === "/v1/traces") this.spans.push(...namesOf(body as RawSpans));
        return Response.json({});
      },
    );
  }

  /** What makes a program of Deno export to it, several times a second. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "200",
    };
  }

  /** The export of metrics that comes next. */
  next(): Promise<Export> {
    return this.#next.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #receive({ resourceMetrics }: RawMetrics): void {
    const metrics = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics).flatMap(({ metrics }) => metrics);
    const exported: Record<string, Point[]> = {};
    for (const { name, sum, gauge, histogram } of metrics) {
      const { dataPoints } = sum ?? gauge ?? histogram ?? { dataPoints: [] };
      (exported[name] ??= []).push(...dataPoints.map(pointOf));
    }
    this.#next.resolve(exported);
    this.#next = Promise.withResolvers();
  }
}

function pointOf({ attributes = [], asInt, asDouble, count, bucketCounts = [] }: RawPoint): Point {
  return {
    attributes: Object.fromEntries(
      attributes.map(({ key, value: { stringValue, intValue, doubleValue } }) => [
        key,
        stringValue ?? Number(intValue ?? doubleValue),
      ]),
    ),
    value: Number(asInt ?? asDouble),
    count: Number(count),
    bucketCounts: bucketCounts.map(Number),
  };
}

function namesOf({ resourceSpans }: RawSpans): string[] {
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans).map(({ name }) => name);
}
