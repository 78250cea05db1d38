/** What carries the messages of rooms between processes. */

/** Whether the engine is reachable. */
export type BusState = "up" | "down";

/** Called with the bytes that were published on a channel. */
export type BusReceiver = (payload: Uint8Array) => void;

/**
 * A publish-and-subscribe engine for rooms: made by `redisBus`, `natsBus` or `workerBus`, or by you. Each `Rooms` needs
 * its own, and closes it.
 */
export interface RoomBus {
  /**
   * Sends bytes to all subscribers. Resolves with their number where the engine knows it. Rejects when the engine is
   * not reachable; it must not keep the bytes for later.
   */
  publish(channel: string, payload: Uint8Array): Promise<number | void>;
  /**
   * Calls `receive` for everything that is published on the channel once the promise has resolved, also after the
   * engine was lost and is back. Resolves with a function that ends this.
   */
  subscribe(channel: string, receive: BusReceiver): Promise<() => Promise<void>>;
  /** Calls `listener` when the engine is lost and when it is back. Returns a function that ends this. */
  onState?(listener: (state: BusState) => void): () => void;
  /** Ends all subscriptions. Clients that the bus was given stay open. */
  close(): Promise<void>;
}
