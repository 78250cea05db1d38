/**
 * What the library tells besides events and errors, as messages on the channel `"verb:tcp"` of
 * `node:diagnostics_channel`. Nobody listening costs nothing; sizes and codes only, never payload.
 */

import { channel } from "node:diagnostics_channel";

/** A message on the channel; later versions only add kinds. */
export interface TelemetryEvent {
  /** An option was given that the runtime cannot honour. */
  readonly type: "option.unsupported";
  /** Its name. */
  readonly option: string;
}

const sink = channel("verb:tcp");

/** Tells whoever subscribed. */
export function tell(event: TelemetryEvent): void {
  if (sink.hasSubscribers) sink.publish(event);
}
