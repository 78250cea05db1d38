/** What the main thread and its workers say to each other. */

import type { CloseOptions } from "../server/drain.ts";
import type { DrainReport } from "../telemetry/drain_report.ts";
import type { LimitsUpdate } from "../server/limit_options.ts";
import type { ServerAddress } from "../server/server_types.ts";
import type { ServerMetrics } from "../telemetry/metrics.ts";
import type { TlsOptions } from "../tls/tls_options.ts";

/** How the workers share their port. */
export type SharedBy = "loadBalanced" | "reusePort";

/** To a worker. */
export type ToWorker =
  | { readonly type: "listen"; readonly port: number; readonly sharedBy: SharedBy }
  | { readonly type: "close"; readonly options: CloseOptions }
  | { readonly type: "ping" }
  | { readonly type: "metrics"; readonly id: number }
  | { readonly type: "updateLimits"; readonly id: number; readonly limits: LimitsUpdate }
  | { readonly type: "reloadTls"; readonly id: number; readonly tls: Partial<TlsOptions> }
  | { readonly type: "bus"; readonly channel: string; readonly payload: Uint8Array }
  | { readonly type: "busDone"; readonly id: number; readonly reached: number };

/** What went wrong, as it crosses threads. */
export interface ToldError {
  readonly message: string;
  readonly code: string | undefined;
}

/** To the main thread. */
export type ToMain =
  | {
    readonly type: "serves";
    readonly hostname: string;
    readonly port: number;
    readonly heapLimitBytes: number;
  }
  | { readonly type: "listening"; readonly address: ServerAddress }
  | { readonly type: "failed"; readonly error: ToldError }
  | { readonly type: "pong"; readonly heapLimitBytes: number }
  | { readonly type: "metrics"; readonly id: number; readonly metrics: ServerMetrics }
  | { readonly type: "done"; readonly id: number; readonly error?: ToldError }
  | { readonly type: "closed"; readonly report: DrainReport; readonly metrics: ServerMetrics }
  | { readonly type: "busPublish"; readonly id: number; readonly channel: string; readonly payload: Uint8Array }
  | { readonly type: "busSubscribe"; readonly id: number; readonly channel: string; readonly on: boolean };

/** What the main thread gives a worker at its start, under a name that nobody else uses. */
export interface WorkerSeat {
  readonly verbTcp: { readonly id: number; readonly data: unknown };
}

/** An error as it crosses threads. */
export function tellError(error: unknown): ToldError {
  if (!(error instanceof Error)) return { message: String(error), code: undefined };
  const code: unknown = Reflect.get(error, "code");
  return { message: error.message, code: typeof code === "string" ? code : undefined };
}
