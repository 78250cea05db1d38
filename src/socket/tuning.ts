/** What the kernel holds of a connection's options, and whether the process stays for it. */

import type { Transport } from "../transport/transport.ts";
import type { SocketSettings } from "./settings.ts";

/** Whoever is set up so, and has a transport at times. */
export interface Tuned {
  settings: SocketSettings;
  readonly transport: Transport | undefined;
}

/** What can be set at any time. */
export type Tuning = "noDelay" | "keepAlive" | "background";

/** Sets up a transport that is new: all three are off in it. */
export function tune(transport: Transport, settings: SocketSettings): void {
  for (const what of ["noDelay", "keepAlive", "background"] as const) {
    if (settings[what] === true) apply(transport, what, true);
  }
}

/** Switches one of them: at once where there is a transport, and for the transports to come. */
export function retune(tuned: Tuned, what: Tuning, on: boolean): void {
  if ((tuned.settings[what] ?? false) === on) return;
  tuned.settings = Object.freeze({ ...tuned.settings, [what]: on }); // those of a server are shared
  if (tuned.transport !== undefined) apply(tuned.transport, what, on);
}

function apply(transport: Transport, what: Tuning, on: boolean): void {
  try {
    if (what === "noDelay") transport.setNoDelay?.(on);
    else if (what === "keepAlive") transport.setKeepAlive?.(on);
    else if (on) transport.unref?.();
    else transport.ref?.();
  } catch {
    // The peer is gone, or the connection is over; the read side says so properly.
  }
}
