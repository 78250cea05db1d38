/** How a server's orderly end went. */

/** How the connections of a server ended that were open at `shutdown`. */
export interface DrainReport {
  /** Those that ended by themselves, whatever their receipts say. */
  readonly ended: number;
  /** Those that were destroyed, because `drainMs` was over or by `destroy()`; their receipts say `shutdown`. */
  readonly forced: number;
  /** Bytes written to all of them that the kernel did not take any more. */
  readonly unsentBytes: number;
  /** Milliseconds from the call of `close` to the end of the last one. */
  readonly tookMs: number;
}
