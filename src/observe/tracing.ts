/** Spans for handshakes and dials, made when they are over. */

import { channel } from "node:diagnostics_channel";
import type { DialEvent } from "../telemetry/dials.ts";
import { SCOPE } from "./default_providers.ts";
import type { ObservedServer } from "./observed_server.ts";
import type { OtelAttributes, OtelSpanOptions, OtelTracer, OtelTracerProvider } from "./otel_types.ts";

const SERVER_KIND = 1;
const CLIENT_KIND = 2;
const ERROR_STATUS = 2;

/** What there is to say of a piece of work. */
interface Work {
  readonly at: number;
  readonly ms: number;
  readonly code: string | undefined;
}

/** Makes a span for each handshake of a server. Nobody has asked for them, so they have no parent. */
export function traceHandshakes(app: ObservedServer, provider: OtelTracerProvider): () => void {
  const tracer = provider.getTracer(SCOPE);
  return app.observe((event) => {
    if (event.type !== "handshake.end") return;
    const attributes = withTls(event.protocol, peerAttributes(event.remoteAddress, event.remotePort));
    addSpan(tracer, "TLS server handshake", event, { kind: SERVER_KIND, root: true, attributes });
  });
}

// Dials are those of the process, whoever asks for their spans: with each provider they are traced once.
const tracings = new Map<OtelTracerProvider, { count: number; readonly stop: () => void }>();

/** Makes a span for each dial of the process, and for its handshake, until whoever has asked for it has called what it gives. */
export function traceDials(provider: OtelTracerProvider): () => void {
  const tracing = tracings.get(provider) ?? { count: 0, stop: hearDials(provider.getTracer(SCOPE)) };
  tracings.set(provider, tracing);
  tracing.count++;
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    if (--tracing.count > 0) return;
    tracings.delete(provider);
    tracing.stop();
  };
}

function hearDials(tracer: OtelTracer): () => void {
  const dials = channel("verb:tcp:dial");
  const hear = (message: unknown) => {
    const event = message as DialEvent; // nobody else publishes there
    const { address, port, protocol } = event;
    const where = port === undefined ? address : `${address}:${port}`;
    const target: OtelAttributes = {
      "server.address": address,
      ...(port === undefined ? {} : { "server.port": port }),
    };
    const attributes = withTls(protocol, { ...target, "network.transport": port === undefined ? "unix" : "tcp" });
    const name = event.type === "dial.end" ? `socket connect ${where}` : `TLS client handshake ${address}`;
    addSpan(tracer, name, event, { kind: CLIENT_KIND, attributes });
  };
  dials.subscribe(hear);
  return () => void dials.unsubscribe(hear);
}

function addSpan(tracer: OtelTracer, name: string, { at, ms, code }: Work, options: OtelSpanOptions): void {
  const attributes = { ...options.attributes, ...(code === undefined ? {} : { "error.type": code }) };
  const span = tracer.startSpan(name, { ...options, attributes, startTime: at - ms });
  if (code !== undefined) span.setStatus({ code: ERROR_STATUS, message: code });
  span.end(at);
}

function withTls(protocol: string | undefined, attributes: OtelAttributes): OtelAttributes {
  if (protocol === undefined) return attributes;
  return { ...attributes, "tls.protocol.name": "tls", "tls.protocol.version": protocol.replace("TLSv", "") };
}

function peerAttributes(address: string | undefined, port: number | undefined): OtelAttributes {
  if (address === undefined) return { "network.transport": "unix" };
  const attributes = { "network.transport": "tcp", "network.peer.address": address };
  return port === undefined ? attributes : { ...attributes, "network.peer.port": port };
}
