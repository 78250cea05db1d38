/** How a server's orderly end went. */

/** How the connections that were open at a `close` ended. */
export interface DrainReport {
  /** Connections that ended before `drainMs` was over, whatever their receipts say. */
  readonly ended: number;
  /** Connections that were destroyed, because `drainMs` was over or by `destroy()`. Their receipts say `shutdown`. */
  readonly forced: number;
  /** Bytes written to all of them that the kernel did not take any more. */
  readonly unsentBytes: number;
  /** Milliseconds from the call of `close` to the end of the last one. */
  readonly tookMs: number;
}
