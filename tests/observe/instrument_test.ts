// Servers and dials in OpenTelemetry, by the official SDK of npm.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { context, trace } from "npm:@opentelemetry/api@1.9.0";
import { AsyncLocalStorageContextManager } from "npm:@opentelemetry/context-async-hooks@2.0.1";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "npm:@opentelemetry/sdk-metrics@2.0.1";
import { BasicTracerProvider, type ReadableSpan } from "npm:@opentelemetry/sdk-trace-base@2.0.1";
import { connect, createServer, type ServerOptions, TcpError, type TcpServer, type TelemetryEvent } from "../../mod.ts";
import { instrument, type InstrumentOptions } from "../../src/observe/mod.ts";
import { until } from "../support/proxy_server.ts";
import { authority, server } from "../tls/support.ts";
import { Peer } from "../documentation/peer.ts";

const tls = { cert: server.cert, key: server.key };
const trust = { ca: authority.cert, servername: "localhost" };

/** A server that ends its connections. */
function listen(options: ServerOptions = {}): TcpServer {
  return createServer("tcp", options).onConnection((socket) => socket.end("hello")).listen(0, "127.0.0.1");
}

/** One connection, from the first to the last. */
async function visit(app: TcpServer, options: { tls?: typeof trust } = {}): Promise<void> {
  const client = await connect({ port: app.address()!.port, host: "127.0.0.1", ...options });
  client.resume();
  await client.closed;
  await until(() => app.connections.size === 0);
}

function makeTracer() {
  const ended: ReadableSpan[] = [];
  const [onStart, over] = [() => {}, () => Promise.resolve()];
  const processor = { onStart, onEnd: (span: ReadableSpan) => void ended.push(span), forceFlush: over, shutdown: over };
  return { provider: new BasicTracerProvider({ spanProcessors: [processor] }), spans: () => ended };
}

function makeMeter() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const collect = async () => {
    exporter.reset();
    await provider.forceFlush();
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics).flatMap(({ metrics }) => metrics);
    return Object.fromEntries(
      metrics.map(({ descriptor: { name, unit }, dataPoints }) => [
        name,
        { unit, points: dataPoints.map(({ value, attributes }) => ({ value, attributes })) },
      ]),
    );
  };
  return { provider, collect, [Symbol.asyncDispose]: () => provider.shutdown() };
}

const tracerOff = { getTracer: () => ({ startSpan: () => ({ setStatus() {}, end() {} }) }) };
const meterOff = makeMeter();
await meterOff[Symbol.asyncDispose]();

Deno.test("instrument() tells the numbers of metrics(), with the server's address and no peer's", async () => {
  await using meter = makeMeter();
  const app = listen({ tls });
  const { port } = app.address()!;
  const common = { "server.address": "127.0.0.1", "server.port": port };
  const stop = instrument(app, { meterProvider: meter.provider, tracerProvider: tracerOff });
  await visit(app, { tls: trust });
  using garbage = await Peer.connect(port);
  await garbage.write("GET / HTTP/1.1\r\n\r\n");
  await garbage.readToEnd();
  await until(() => app.metrics().failed === 1);
  const told = await meter.collect();
  const value = (name: string) => told[`verb.tcp.${name}`]?.points;
  assertEquals(value("active_connections"), [{ value: 0, attributes: common }]);
  assertEquals(value("accepted_connections"), [{ value: 2, attributes: common }]);
  assertEquals(value("failed_connections"), [{ value: 1, attributes: common }]);
  const closed = value("closed_connections")!.filter(({ value }) => value !== 0);
  assertEquals(closed.map(({ value, attributes }) => [value, attributes["verb.tcp.reason"]]), [[1, "local"], [
    1,
    "tls",
  ]]);
  assertEquals(value("io"), [
    { value: 0, attributes: { ...common, "network.io.direction": "receive" } },
    { value: 5, attributes: { ...common, "network.io.direction": "transmit" } },
  ]);
  const ipv4 = { ...common, "network.transport": "tcp", "network.type": "ipv4" };
  const durations = value("connection.duration")!;
  assertEquals(durations.map(({ attributes }) => attributes), [ipv4]);
  const [duration] = durations.map(({ value }) => value as { sum: number; count: number });
  assertEquals([duration!.count, duration!.sum], [1, app.metrics().openMs.sumMs / 1_000]);
  const handshakes = value("tls_handshake.duration")!.map(({ attributes }) => attributes);
  assertEquals(handshakes[0], { ...ipv4, "tls.protocol.version": "1.3" });
  assert(typeof handshakes[1]?.["error.type"] === "string");
  assertEquals([told["verb.tcp.io"]?.unit, told["verb.tcp.connection.duration"]?.unit], ["By", "s"]);
  stop();
  await visit(app, { tls: trust });
  const after = await meter.collect();
  assertEquals(after["verb.tcp.accepted_connections"]?.points, [{ value: 2, attributes: common }], "stopped");
  await app.close();
});

Deno.test("instrument() makes spans of dials and handshakes below the active one, once, and of nothing else", async () => {
  const manager = new AsyncLocalStorageContextManager();
  context.setGlobalContextManager(manager.enable());
  try {
    const { provider, spans } = makeTracer();
    const app = listen({ tls });
    const options = { meterProvider: meterOff.provider, tracerProvider: provider };
    const stops = [instrument(app, options), instrument(undefined, options)]; // the dials are the process's
    const outer = provider.getTracer("test").startSpan("outer");
    await context.with(trace.setSpan(context.active(), outer), () => visit(app, { tls: trust }));
    outer.end();
    const parentOf = ({ parentSpanContext }: ReadableSpan) => parentSpanContext?.spanId;
    const { port } = app.address()!;
    const named = Object.fromEntries(spans().map((span) => [span.name, span]));
    assertEquals(Object.keys(named).sort(), [
      "TLS client handshake 127.0.0.1",
      "TLS server handshake",
      "outer",
      `socket connect 127.0.0.1:${port}`,
    ]);
    assertEquals(spans().length, 4);
    const dial = named[`socket connect 127.0.0.1:${port}`]!;
    const target = { "server.address": "127.0.0.1", "server.port": port, "network.transport": "tcp" };
    assertEquals([dial.kind, dial.attributes, dial.status.code], [2, target, 0]);
    const { spanId } = outer.spanContext();
    assertEquals([parentOf(dial), parentOf(named["TLS client handshake 127.0.0.1"]!)], [spanId, spanId]);
    const handshake = named["TLS server handshake"]!;
    assertEquals([handshake.kind, parentOf(handshake)], [1, undefined]);
    assertEquals(handshake.attributes["tls.protocol.version"], "1.3");
    stops.forEach((stop) => stop());
    stops.forEach((stop) => stop());
    await visit(app, { tls: trust });
    assertEquals(spans().length, 4);
    await app.close();
  } finally {
    manager.disable();
    context.disable();
  }
});

Deno.test("a dial that fails is a span with its code, whatever it failed of", async () => {
  const { provider, spans } = makeTracer();
  const stop = instrument(undefined, { tracerProvider: provider, meterProvider: meterOff.provider });
  const app = listen();
  const { port } = app.address()!;
  const failed = async (options: Parameters<typeof connect>[0]) => {
    await connect(options).then((socket) => socket.destroy(), () => {});
    return spans().map(({ attributes, status }) => [attributes["error.type"], status.code]).at(-1);
  };
  const to = { port, host: "127.0.0.1" };
  assertEquals(await failed({ ...to, signal: AbortSignal.abort() }), ["ABORT_ERR", 2]);
  assertEquals(await failed({ ...to, signal: AbortSignal.abort(new TcpError("enough", { code: "X" })) }), ["X", 2]);
  const [code, status] = await failed({ ...to, tls: trust }) ?? [];
  assert(typeof code === "string" && status === 2, "the server speaks no TLS");
  await app.close();
  assertEquals(await failed(to), ["ECONNREFUSED", 2]);
  stop();
});

Deno.test("where the runtime's OpenTelemetry is off, instrument() does nothing and says so", async () => {
  const app = listen();
  const options: string[] = [];
  app.observe((event: TelemetryEvent) => {
    if (event.type === "option.unsupported") options.push(event.option);
  });
  instrument(app)();
  assertEquals(options, ["meterProvider", "tracerProvider"]);
  await app.close();
});

Deno.test("a tracer that throws is told to onError, and the server goes on", async () => {
  const app = listen({ tls });
  const errors: string[] = [];
  app.onError(({ message }) => errors.push(message));
  const broken = {
    getTracer: () => ({
      startSpan() {
        throw new Error("broken");
      },
    }),
  };
  const stop = instrument(app, { tracerProvider: broken, meterProvider: meterOff.provider });
  using peer = await Peer.connect(app.address()!.port);
  await peer.write("GET / HTTP/1.1\r\n\r\n");
  await peer.readToEnd();
  await until(() => errors.length === 1);
  assertEquals(errors, ["broken"]);
  stop();
  await app.close();
});

Deno.test("instrument() refuses what is no provider, and unknown options", () => {
  for (const name of ["meterProvider", "tracerProvider"] as const) {
    for (const wrong of [1, null, {}]) {
      const options = { [name]: wrong } as unknown as InstrumentOptions;
      const error = assertThrows(
        () => instrument(undefined, options),
        TypeError,
        `Option "${name}" must be a provider`,
      );
      assertEquals((error as NodeJS.ErrnoException).code, "ERR_INVALID_ARG_TYPE");
    }
  }
  // @ts-expect-error there is no such option
  assertThrows(() => instrument(undefined, { metricProvider: 1 }), TypeError, "metricProvider");
});
