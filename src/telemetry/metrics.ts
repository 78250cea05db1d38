/** Facts to numbers: what a server counts. */

import { DROP_REASONS, type DropReason } from "./drop_reason.ts";
import type { CloseReason, CloseReceipt } from "./close_receipt.ts";
import { CONNECTION_BOUNDS_MS, HANDSHAKE_BOUNDS_MS, Histogram, type TimeHistogram } from "./histogram.ts";

/** What `app.metrics()` gives: a plain object that can be cloned between threads. Later versions only add fields. */
export interface ServerMetrics {
  /** Connections open now. */
  readonly open: number;
  /** Connections whose PROXY header or TLS handshake is under way. They are in none of the other counts. */
  readonly preparing: number;
  /** Connections accepted so far: those that reached `onConnection`, and those that failed before it. */
  readonly accepted: number;
  /**
   * Connections that failed before they reached `onConnection`: by their PROXY header or TLS handshake, or because the
   * server was closed.
   */
  readonly failed: number;
  /** Connections closed so far, by reason. */
  readonly closed: Readonly<Record<CloseReason, number>>;
  /** Connections refused as soon as they came, by reason. They are in none of the other counts. */
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Bytes read so far, from open connections too. */
  readonly bytesRead: number;
  /** Bytes the kernel took so far, from open connections too. */
  readonly bytesWritten: number;
  /**
   * Bytes that the library holds for open connections: parts of frames, messages that wait, chunks that were not read,
   * and what waits to be sent. What is queued for many connections by reference counts once.
   */
  readonly heldBytes: number;
  /** The part of it that waits to be sent. */
  readonly queuedBytes: number;
  /** Open sockets whose write queue has reached its high-water mark and was not empty since. */
  readonly blocked: number;
  /**
   * Messages that came by `framed` and `MessageProtocol`, requests, answers and heartbeats included; bad ones do not
   * count. Messages read by `frames` or by streams are not counted, because those do not know the connection.
   */
  readonly messagesReceived: number;
  /** Messages that `framed` and `MessageProtocol` have queued. A broadcast counts once for each connection. */
  readonly messagesSent: number;
  /** TLS handshakes that were completed, those of `upgradeTls` too. */
  readonly handshakes: number;
  /** TLS handshakes that failed, took too long or were given up. */
  readonly handshakesFailed: number;
  /** How long the completed handshakes took, from the accept on. */
  readonly handshakeMs: TimeHistogram;
  /** How long the closed connections were open, without those that failed. */
  readonly openMs: TimeHistogram;
  /** Accepts that failed: a peer was gone before we could take it, or descriptors ran out. */
  readonly acceptErrors: number;
}

/** Adds up what closed connections leave behind. */
export class Counters {
  accepted = 0;
  failed = 0;
  messagesReceived = 0;
  messagesSent = 0;
  handshakesFailed = 0;
  readonly handshakeMs: Histogram = new Histogram(HANDSHAKE_BOUNDS_MS);
  readonly openMs: Histogram = new Histogram(CONNECTION_BOUNDS_MS);
  acceptErrors = 0;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #closed = {} as Record<CloseReason, number>;
  readonly #dropped = {} as Record<DropReason, number>;

  constructor(reasons: readonly CloseReason[]) {
    for (const reason of reasons) this.#closed[reason] = 0;
    for (const reason of DROP_REASONS) this.#dropped[reason] = 0;
  }

  /** A connection is over. */
  count(receipt: CloseReceipt): void {
    this.#closed[receipt.reason]++;
    this.bytesRead += receipt.bytesRead;
    this.bytesWritten += receipt.bytesWritten;
  }

  /** A connection was refused. */
  drop(reason: DropReason): void {
    this.#dropped[reason]++;
  }

  /** A copy of how many were refused for which reason. */
  get dropped(): Record<DropReason, number> {
    return { ...this.#dropped };
  }

  /** A copy of how many closed for which reason. */
  get closed(): Record<CloseReason, number> {
    return { ...this.#closed };
  }
}

/**
 * Adds two snapshots of metrics, for a service of several workers or processes.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { addMetrics, createServer } from "@verb/tcp";
 *
 * const [one, other] = [createServer(), createServer()];
 * assertEquals(addMetrics(one.metrics(), other.metrics()).open, 0);
 * ```
 */
export function addMetrics(one: ServerMetrics, other: ServerMetrics): ServerMetrics {
  return add(one, other) as ServerMetrics; // the same fields
}

/** What stays of a snapshot when its server is gone: what was counted, and nothing that is. */
export function countsOf(metrics: ServerMetrics): ServerMetrics {
  return { ...metrics, open: 0, preparing: 0, heldBytes: 0, queuedBytes: 0, blocked: 0 };
}

/** Adds numbers wherever they stand; what only one has is taken as it is. */
function add(one: unknown, other: unknown): unknown {
  if (one === undefined) return other;
  if (other === undefined) return one;
  if (typeof one === "number" && typeof other === "number") return one + other;
  if (Array.isArray(one) && Array.isArray(other)) return one.map((value, index) => add(value, other[index]));
  const [some, more] = [Object(one), Object(other)];
  return Object.fromEntries(
    [...new Set([...Object.keys(some), ...Object.keys(more)])].map((key) => [key, add(some[key], more[key])]),
  );
}
