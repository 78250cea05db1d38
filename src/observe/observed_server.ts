/** Who is observed. */

import type { Observer } from "../telemetry/events.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";

/** A server, as its observers need it: what `createServer` makes. */
export interface ObservedServer {
  /** Calls `observer` with everything that happens until the function it gives is called. */
  observe(observer: Observer): () => void;
  /** What was counted so far. */
  metrics(): ServerMetrics;
  /** Whether new connections are wanted. */
  readonly ready: boolean;
}
