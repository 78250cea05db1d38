/** The numbers of a server as instruments of OpenTelemetry. */

import type { TcpServer } from "../server/server.ts";
import type { ServerAddress } from "../server/server_types.ts";
import { CONNECTION_BOUNDS_MS, HANDSHAKE_BOUNDS_MS } from "../telemetry/histogram.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";
import { SCOPE } from "./default_providers.ts";
import type { OtelAttributes, OtelMeterProvider, OtelObservable, OtelObservableResult } from "./otel_types.ts";

type Value = readonly [value: number, attributes?: OtelAttributes];

interface Instrument {
  readonly name: string;
  readonly kind: "counter" | "upDownCounter";
  readonly unit: string;
  readonly description: string;
  readonly values: (metrics: ServerMetrics) => readonly Value[];
}

const RECEIVE = { "network.io.direction": "receive" };
const TRANSMIT = { "network.io.direction": "transmit" };

// Read when they are wanted: they cost nothing in between, and always agree with `metrics()`.
const INSTRUMENTS: readonly Instrument[] = [
  {
    name: "active_connections",
    kind: "upDownCounter",
    unit: "{connection}",
    description: "Connections open now.",
    values: ({ open }) => [[open]],
  },
  {
    name: "preparing_connections",
    kind: "upDownCounter",
    unit: "{connection}",
    description: "Connections whose PROXY header or TLS handshake is under way.",
    values: ({ preparing }) => [[preparing]],
  },
  {
    name: "blocked_connections",
    kind: "upDownCounter",
    unit: "{connection}",
    description: "Connections whose peer does not take what is sent to it.",
    values: ({ blocked }) => [[blocked]],
  },
  {
    name: "accepted_connections",
    kind: "counter",
    unit: "{connection}",
    description: "Connections accepted.",
    values: ({ accepted }) => [[accepted]],
  },
  {
    name: "failed_connections",
    kind: "counter",
    unit: "{connection}",
    description: "Connections that failed before they were announced.",
    values: ({ failed }) => [[failed]],
  },
  {
    name: "closed_connections",
    kind: "counter",
    unit: "{connection}",
    description: "Connections closed, failed ones included.",
    values: ({ closed }) => byReason(closed),
  },
  {
    name: "rejected_connections",
    kind: "counter",
    unit: "{connection}",
    description: "Connections refused and closed at once.",
    values: ({ dropped }) => byReason(dropped),
  },
  {
    name: "accept_errors",
    kind: "counter",
    unit: "{error}",
    description: "Accepts that failed.",
    values: ({ acceptErrors }) => [[acceptErrors]],
  },
  {
    name: "failed_tls_handshakes",
    kind: "counter",
    unit: "{handshake}",
    description: "TLS handshakes that failed, took too long or were given up.",
    values: ({ handshakesFailed }) => [[handshakesFailed]],
  },
  {
    name: "io",
    kind: "counter",
    unit: "By",
    description: "Bytes read, and bytes that the kernel took.",
    values: ({ bytesRead, bytesWritten }) => [[bytesRead, RECEIVE], [bytesWritten, TRANSMIT]],
  },
  {
    name: "messages",
    kind: "counter",
    unit: "{message}",
    description: "Messages received, and messages queued to be sent.",
    values: ({ messagesReceived, messagesSent }) => [[messagesReceived, RECEIVE], [messagesSent, TRANSMIT]],
  },
  {
    name: "memory.held",
    kind: "upDownCounter",
    unit: "By",
    description: "Bytes held in memory for open connections.",
    values: ({ heldBytes }) => [[heldBytes]],
  },
  {
    name: "memory.queued",
    kind: "upDownCounter",
    unit: "By",
    description: "The part of them that waits to be sent.",
    values: ({ queuedBytes }) => [[queuedBytes]],
  },
];

function byReason(counts: Readonly<Record<string, number>>): Value[] {
  return Object.entries(counts).map(([reason, count]) => [count, { "verb.tcp.reason": reason }]);
}

/** Makes instruments for a server, until the function it gives is called. */
export function measure(app: TcpServer, provider: OtelMeterProvider): () => void {
  const meter = provider.getMeter(SCOPE);
  const server = new ServerAttributes(app);
  const observables = INSTRUMENTS.map(({ name, kind, unit, description }): OtelObservable =>
    kind === "counter"
      ? meter.createObservableCounter(`verb.tcp.${name}`, { unit, description })
      : meter.createObservableUpDownCounter(`verb.tcp.${name}`, { unit, description })
  );
  const observe = (result: OtelObservableResult) => {
    const metrics = app.metrics();
    const common = server.attributes;
    for (const [index, { values }] of INSTRUMENTS.entries()) {
      for (const [value, more] of values(metrics)) {
        result.observe(observables[index]!, value, { ...common, ...more }); // one for each
      }
    }
  };
  meter.addBatchObservableCallback(observe, observables);
  const durations = recordDurations(app, provider, server);
  return () => {
    durations();
    meter.removeBatchObservableCallback(observe, observables);
  };
}

/** Durations are told one by one. */
function recordDurations(app: TcpServer, provider: OtelMeterProvider, server: ServerAttributes): () => void {
  const meter = provider.getMeter(SCOPE);
  const inSeconds = (boundsMs: readonly number[]) => ({ explicitBucketBoundaries: boundsMs.map((ms) => ms / 1_000) });
  const connections = meter.createHistogram("verb.tcp.connection.duration", {
    unit: "s",
    description: "How long closed connections were open.",
    advice: inSeconds(CONNECTION_BOUNDS_MS),
  });
  const handshakes = meter.createHistogram("verb.tcp.tls_handshake.duration", {
    unit: "s",
    description: "How long TLS handshakes took.",
    advice: inSeconds(HANDSHAKE_BOUNDS_MS),
  });
  return app.observe((event) => {
    server.lookOnce(event.server);
    if (event.type === "connection.close") {
      const { reason } = event.receipt;
      const failed = reason === "local" || reason === "peer" ? {} : { "error.type": reason };
      connections.record(event.openMs / 1_000, { ...server.of(event.remoteAddress), ...failed });
    } else if (event.type === "handshake.end") {
      const { protocol, code } = event;
      const version = protocol === undefined ? {} : { "tls.protocol.version": protocol.replace("TLSv", "") };
      const failed = code === undefined ? {} : { "error.type": code };
      handshakes.record(event.ms / 1_000, { ...server.of(event.remoteAddress), ...version, ...failed });
    }
  });
}

/** Whose numbers they are: where the server listens, or has listened last. */
class ServerAttributes {
  readonly #app: TcpServer;
  // The name of the place that was looked up for an event.
  #place: string | undefined;
  #last: OtelAttributes = {};

  constructor(app: TcpServer) {
    this.#app = app;
  }

  get attributes(): OtelAttributes {
    this.#look();
    return this.#last;
  }

  /** An event has come from there. The last one that comes while the server still listens tells of its drain. */
  lookOnce(place: string | undefined): void {
    if (place === this.#place) return;
    this.#place = place;
    this.#look();
  }

  #look(): void {
    const address = this.#app.address<ServerAddress | string>();
    if (typeof address === "string") this.#last = { "server.address": address };
    else if (address !== null) this.#last = { "server.address": address.address, "server.port": address.port };
  }

  /** With the kind of a connection. */
  of(remoteAddress: string | undefined): OtelAttributes {
    if (remoteAddress === undefined) return { ...this.#last, "network.transport": "unix" };
    const type = remoteAddress.includes(":") ? "ipv6" : "ipv4";
    return { ...this.#last, "network.transport": "tcp", "network.type": type };
  }
}
