// What is counted is what happened: the snapshot, the events, Prometheus' text and an export of OpenTelemetry, number by number.

import { assert, assertEquals } from "@std/assert";
import parsePrometheus from "npm:parse-prometheus-text-format@1.1.1";
import { createServer, type ServerMetrics } from "../../mod.ts";
import { CLOSE_REASONS } from "../../src/telemetry/close_receipt.ts";
import { DROP_REASONS } from "../../src/telemetry/drop_reason.ts";
import type { Account } from "../fixtures/truthful_servers.ts";
import { type Export, OtlpCollector, type Point } from "./otlp_collector.ts";

/** A family of metrics, as the client library gives it. */
interface Family {
  readonly name: string;
  readonly metrics: readonly {
    readonly labels?: Readonly<Record<string, string>>;
    readonly value?: string;
  }[];
}

const FIXTURE = new URL("../fixtures/truthful_servers.ts", import.meta.url);
const NOTHING = createServer().metrics();

const { account, exported, spans } = await run();
const names = Object.keys(account.metrics);

/** Runs the program, which exports to a collector of ours, to its end. */
async function run(): Promise<{ account: Account; exported: Export; spans: string[] }> {
  await using collector = new OtlpCollector();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", FIXTURE.href],
    env: { ...collector.env, NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.endsWith("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The program ended too early, after ${text}`);
    text += value;
  }
  // The first export may have begun before the program was done.
  await collector.next();
  const exported = await collector.next();
  await child.stdin.close();
  await reader.cancel();
  assertEquals((await child.status).code, 0);
  return { account: JSON.parse(text), exported, spans: collector.spans };
}

/** A snapshot, as it should be; what nobody can know is taken from the one that is. */
function expected(name: string, actual: ServerMetrics): ServerMetrics {
  const { closed, dropped, ...numbers } = account.truth[name]!; // each has one
  const known = Object.fromEntries(Object.entries(numbers).filter(([, value]) => typeof value === "number"));
  const unknown = Object.entries(numbers).filter(([, value]) => typeof value !== "number");
  const all = Object.values(closed ?? {}).reduce((sum, count) => sum + count, 0);
  const openMs = { ...actual.openMs, count: all - (numbers.failed ?? 0) };
  const handshakeMs = { ...actual.handshakeMs, count: numbers.handshakes ?? 0 };
  return {
    ...NOTHING,
    ...known,
    ...Object.fromEntries(unknown.map(([key]) => [key, actual[key as keyof ServerMetrics]])),
    accepted: all,
    closed: { ...NOTHING.closed, ...closed },
    dropped: { ...NOTHING.dropped, ...dropped },
    openMs,
    handshakeMs,
  };
}

Deno.test("every reason that a server's connections can end by, and every reason to drop one, was played", () => {
  const truths = Object.values(account.truth);
  const ended = new Set(truths.flatMap(({ closed = {} }) => Object.keys(closed)));
  assertEquals(CLOSE_REASONS.filter((reason) => !ended.has(reason)), ["refused", "deadline:connect"], "a client's");
  const dropped = new Set(truths.flatMap(({ dropped = {} }) => Object.keys(dropped)));
  assertEquals(DROP_REASONS.filter((reason) => !dropped.has(reason)), []);
});

for (const name of names) {
  Deno.test(`metrics() tells the truth: ${name}`, () => {
    const actual = account.metrics[name]!;
    assertEquals(actual, expected(name, actual));
    for (const { count, buckets } of [actual.openMs, actual.handshakeMs]) {
      assertEquals(Object.values(buckets).reduce((sum, inBucket) => sum + inBucket), count);
    }
  });

  Deno.test(`observers heard of each connection's begin and end once: ${name}`, () => {
    const { accepted, failed, dropped, handshakes, handshakesFailed, acceptErrors } = account.metrics[name]!;
    const heard = (type: string) => account.events[name]?.[type] ?? 0;
    assertEquals(heard("connection.open"), accepted - failed);
    assertEquals(heard("connection.close"), accepted - failed);
    assertEquals(heard("connection.fail"), failed);
    assertEquals(heard("connection.drop"), Object.values(dropped).reduce((sum, count) => sum + count));
    assertEquals(heard("handshake.end"), handshakes + handshakesFailed);
    assertEquals(heard("accept.error"), acceptErrors);
    assertEquals([heard("drain.start"), heard("drain.end"), heard("option.unsupported")], [1, 1, 0]);
  });
}

Deno.test("the Prometheus text says the same, as a client library of others reads it", () => {
  // Of a histogram with labels this library loses the sum and the count, so that its series are read one by one.
  const text = account.prometheus.replaceAll(/^# (TYPE|HELP) .*_seconds .*\n/gm, "");
  const families: readonly Family[] = parsePrometheus(text);
  const find = (name: string, labels: Record<string, string>) =>
    families.filter((family) => family.name === `verb_tcp_${name}`).flatMap(({ metrics }) => metrics)
      .filter((metric) => Object.entries(labels).every(([label, value]) => metric.labels?.[label] === value));
  for (const name of names) {
    const metrics = account.metrics[name]!;
    const value = (family: string, labels = {}) => {
      const found = find(family, { server: name, ...labels });
      assertEquals(found.length, 1, `${family} of ${name}`);
      return Number(found[0]?.value);
    };
    const byReason = (family: string, reasons: readonly string[]) =>
      Object.fromEntries(reasons.map((reason) => [reason, value(family, { reason })]));
    const histogram = (family: string) => {
      let before = 0;
      const buckets = find(`${family}_bucket`, { server: name }).map(({ labels: { le = "" } = {}, value }) => {
        const inBucket = Number(value) - before;
        before = Number(value);
        return [le === "+Inf" ? "Infinity" : `${Number(le) * 1_000}`, inBucket];
      });
      const sumMs = value(`${family}_sum`) * 1_000;
      return { count: value(`${family}_count`), sumMs, buckets: Object.fromEntries(buckets) };
    };
    const openMs = histogram("connection_duration_seconds");
    const handshakeMs = histogram("handshake_duration_seconds");
    assert(Math.abs(openMs.sumMs - metrics.openMs.sumMs) < 1e-6);
    assert(Math.abs(handshakeMs.sumMs - metrics.handshakeMs.sumMs) < 1e-6);
    assertEquals({
      open: value("connections_open"),
      accepted: value("connections_accepted_total"),
      failed: value("connections_failed_total"),
      closed: byReason("connections_closed_total", CLOSE_REASONS),
      dropped: byReason("connections_dropped_total", DROP_REASONS),
      bytesRead: value("read_bytes_total"),
      bytesWritten: value("written_bytes_total"),
      heldBytes: value("held_bytes"),
      queuedBytes: value("queued_bytes"),
      blocked: value("connections_blocked"),
      messagesReceived: value("messages_received_total"),
      messagesSent: value("messages_sent_total"),
      handshakes: handshakeMs.count,
      handshakesFailed: value("handshakes_failed_total"),
      handshakeMs: { ...handshakeMs, sumMs: metrics.handshakeMs.sumMs },
      openMs: { ...openMs, sumMs: metrics.openMs.sumMs },
      acceptErrors: value("accept_errors_total"),
      preparing: value("connections_preparing"),
    }, metrics);
  }
});

Deno.test("the runtime's own export of OpenTelemetry says the same", () => {
  for (const name of names) {
    const metrics = account.metrics[name]!;
    const points = (instrument: string, where: (point: Point) => boolean = () => true) =>
      (exported[`verb.tcp.${instrument}`] ?? [])
        .filter((point) => point.attributes["server.port"] === account.ports[name])
        .filter(where);
    const value = (instrument: string, direction?: string) => {
      const found = points(
        instrument,
        ({ attributes }) => direction === undefined || attributes["network.io.direction"] === direction,
      );
      assertEquals(found.length, 1, `${instrument} of ${name}`);
      return found[0]?.value;
    };
    const byReason = (instrument: string) =>
      Object.fromEntries(points(instrument).map(({ attributes, value }) => [attributes["verb.tcp.reason"], value]));
    const histogram = (instrument: string, where?: (point: Point) => boolean) => {
      const found = points(instrument, where);
      const buckets = found.reduce(
        (sum: number[], point) => (point.bucketCounts ?? []).map((count, index) => count + (sum[index] ?? 0)),
        [],
      );
      return { count: found.reduce((sum, { count = 0 }) => sum + count, 0), buckets };
    };
    const succeeded = ({ attributes }: Point) => attributes["error.type"] === undefined;
    assertEquals({
      open: value("active_connections"),
      accepted: value("accepted_connections"),
      failed: value("failed_connections"),
      closed: byReason("closed_connections"),
      dropped: byReason("rejected_connections"),
      bytesRead: value("io", "receive"),
      bytesWritten: value("io", "transmit"),
      heldBytes: value("memory.held"),
      queuedBytes: value("memory.queued"),
      blocked: value("blocked_connections"),
      messagesReceived: value("messages", "receive"),
      messagesSent: value("messages", "transmit"),
      handshakesFailed: value("failed_tls_handshakes"),
      acceptErrors: value("accept_errors"),
      preparing: value("preparing_connections"),
    }, (({ handshakes: _, handshakeMs: __, openMs: ___, ...numbers }) => numbers)(metrics));
    for (
      const [{ count, buckets }, told] of [
        [metrics.openMs, histogram("connection.duration")],
        [metrics.handshakeMs, histogram("tls_handshake.duration", succeeded)],
      ] as const
    ) {
      assertEquals([told.count, told.buckets], [count, count === 0 ? [] : Object.values(buckets)], name);
    }
    const failed = points("tls_handshake.duration", (point) => !succeeded(point));
    assertEquals(failed.reduce((sum, { count = 0 }) => sum + count, 0), metrics.handshakesFailed);
  }
});

Deno.test("the export has a span for each handshake and each dial, and no other", () => {
  const count = (begin: string) => spans.filter((name) => name.startsWith(begin)).length;
  const all = Object.values(account.metrics);
  const handshakes = all.reduce((sum, one) => sum + one.handshakes + one.handshakesFailed, 0);
  assertEquals(count("TLS server handshake"), handshakes);
  assertEquals([count("socket connect 127.0.0.1:"), count("TLS client handshake")], [2, 2]);
  assertEquals(spans.length, handshakes + 4);
  assert(handshakes > 4);
});
