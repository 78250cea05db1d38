/** Metrics in the words of Prometheus. */

import { invalid } from "../base/check.ts";
import type { TimeHistogram } from "../telemetry/histogram.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";

/** One value, with the labels that it has besides `server`. */
type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>];

interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: (metrics: ServerMetrics) => readonly Sample[];
}

/** A family with one value for each server. */
function one(type: Family["type"], name: string, help: string, value: (metrics: ServerMetrics) => number): Family {
  return { name, type, help, samples: (metrics) => [[value(metrics)]] };
}

/** A family with one value for each reason. */
function byReason(
  name: string,
  help: string,
  values: (metrics: ServerMetrics) => Readonly<Record<string, number>>,
): Family {
  const samples = (metrics: ServerMetrics) =>
    Object.entries(values(metrics)).map(([reason, value]): Sample => [value, { reason }]);
  return { name, type: "counter", help, samples };
}

const FAMILIES: readonly Family[] = [
  one("gauge", "connections_open", "Connections open now.", ({ open }) => open),
  one(
    "gauge",
    "connections_preparing",
    "Connections whose PROXY header or TLS handshake is under way.",
    ({ preparing }) => preparing,
  ),
  one(
    "gauge",
    "connections_blocked",
    "Connections whose peer does not take what is sent to it.",
    ({ blocked }) => blocked,
  ),
  one("counter", "connections_accepted_total", "Connections accepted.", ({ accepted }) => accepted),
  one(
    "counter",
    "connections_failed_total",
    "Connections that failed before they were announced.",
    ({ failed }) => failed,
  ),
  byReason("connections_closed_total", "Connections closed, failed ones included, by reason.", ({ closed }) => closed),
  byReason("connections_dropped_total", "Connections refused and closed at once, by reason.", ({ dropped }) => dropped),
  one("counter", "accept_errors_total", "Accepts that failed.", ({ acceptErrors }) => acceptErrors),
  one("counter", "read_bytes_total", "Bytes read.", ({ bytesRead }) => bytesRead),
  one("counter", "written_bytes_total", "Bytes that the kernel took.", ({ bytesWritten }) => bytesWritten),
  one("gauge", "held_bytes", "Bytes held in memory for open connections.", ({ heldBytes }) => heldBytes),
  one("gauge", "queued_bytes", "The part of them that waits to be sent.", ({ queuedBytes }) => queuedBytes),
  one("counter", "messages_received_total", "Messages received.", ({ messagesReceived }) => messagesReceived),
  one("counter", "messages_sent_total", "Messages queued to be sent.", ({ messagesSent }) => messagesSent),
  one(
    "counter",
    "handshakes_failed_total",
    "TLS handshakes that failed, took too long or were given up.",
    ({ handshakesFailed }) => handshakesFailed,
  ),
];

interface HistogramFamily {
  readonly name: string;
  readonly help: string;
  readonly histogram: (metrics: ServerMetrics) => TimeHistogram;
}

const HISTOGRAMS: readonly HistogramFamily[] = [
  {
    name: "handshake_duration_seconds",
    help: "How long completed TLS handshakes took.",
    histogram: ({ handshakeMs }) => handshakeMs,
  },
  {
    name: "connection_duration_seconds",
    help: "How long closed connections were open.",
    histogram: ({ openMs }) => openMs,
  },
];

/**
 * Metrics as text that Prometheus reads (format 0.0.4): names begin with `verb_tcp_`, units are seconds and bytes, and each
 * value has the name of its server as the label `server`. It is a pure function; {@link metricsHandler} serves it.
 *
 * @example
 * ```ts
 * import { assertStringIncludes } from "@std/assert";
 * import { createServer } from "@verb/tcp";
 * import { prometheusText } from "@verb/tcp/observe";
 *
 * await using app = createServer().listen(0, "127.0.0.1");
 * assertStringIncludes(prometheusText({ chat: app.metrics() }), 'verb_tcp_connections_open{server="chat"} 0\n');
 * ```
 */
export function prometheusText(servers: Readonly<Record<string, ServerMetrics>>): string {
  if (typeof servers !== "object" || servers === null) {
    throw invalid("servers", "metrics by the names of servers", servers);
  }
  const named = Object.entries(servers);
  for (const [name, metrics] of named) {
    if (typeof metrics?.open !== "number") throw invalid(name, "what metrics() of a server gives", metrics);
  }
  const lines: string[] = [];
  for (const { name, type, help, samples } of FAMILIES) {
    head(lines, name, type, help);
    for (const [server, metrics] of named) {
      for (const [value, labels = {}] of samples(metrics)) lines.push(line(name, { server, ...labels }, value));
    }
  }
  for (const { name, help, histogram } of HISTOGRAMS) {
    head(lines, name, "histogram", help);
    for (const [server, metrics] of named) addHistogram(lines, name, server, histogram(metrics));
  }
  return `${lines.join("\n")}\n`;
}

function head(lines: string[], name: string, type: string, help: string): void {
  lines.push(`# HELP verb_tcp_${name} ${help}`, `# TYPE verb_tcp_${name} ${type}`);
}

/** Prometheus counts what is at most as large as each bound, those of smaller bounds included. */
function addHistogram(lines: string[], name: string, server: string, { count, sumMs, buckets }: TimeHistogram): void {
  const bounds = Object.entries(buckets).map(([bound, inBucket]) => [Number(bound), inBucket] as const);
  let cumulated = 0;
  for (const [boundMs, inBucket] of bounds.sort(([one], [other]) => one - other)) {
    cumulated += inBucket;
    const le = boundMs === Infinity ? "+Inf" : `${boundMs / 1_000}`;
    lines.push(line(`${name}_bucket`, { server, le }, cumulated));
  }
  lines.push(line(`${name}_sum`, { server }, sumMs / 1_000), line(`${name}_count`, { server }, count));
}

function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const inside = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
  return `verb_tcp_${name}{${inside.join(",")}} ${value}`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
