/** Who is observed. */

import type { Observer } from "../telemetry/events.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";

/** The part of a `TcpServer` that observers use. */
export interface ObservedServer {
  /** Calls `observer` with every event until the returned function is called. */
  observe(observer: Observer): () => void;
  /** What was counted so far. */
  metrics(): ServerMetrics;
  /** Whether new connections are wanted. */
  readonly ready: boolean;
}
