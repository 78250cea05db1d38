/** What carries the messages of rooms between processes. */

/** Whether what carries the messages is there. */
export type BusState = "up" | "down";

/** Called with the bytes that somebody has published on a channel. */
export type BusReceiver = (payload: Uint8Array) => void;

/**
 * A publish-and-subscribe engine, as rooms need it: `redisBus`, `natsBus` and `workerBus` make one, or you do. Rooms use
 * one bus each, and close it.
 */
export interface RoomBus {
  /**
   * Hands bytes to everybody who is subscribed. Resolves with their number where the engine tells it. Rejects where the
   * engine is not there; it must not keep them for later.
   */
  publish(channel: string, payload: Uint8Array): Promise<number | void>;
  /**
   * Calls `receive` for everything that is published there from the moment the promise resolves, whatever the engine goes
   * through meanwhile. Resolves with what ends that.
   */
  subscribe(channel: string, receive: BusReceiver): Promise<() => Promise<void>>;
  /** Tells when the engine goes and comes back. Gives what ends that. */
  onState?(listener: (state: BusState) => void): () => void;
  /** Ends what the bus has begun. The clients that it was given stay the caller's. */
  close(): Promise<void>;
}
