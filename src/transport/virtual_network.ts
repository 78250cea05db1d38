/** Where servers listen and clients connect, other than in the system's network. */

import { invalid } from "../base/check.ts";
import type { Target } from "./dial.ts";
import type { ListenTarget } from "./listen.ts";
import type { Listener } from "./listener.ts";
import type { Transport } from "./transport.ts";

/** A network in memory, as `createNetwork` of `@verb/tcp/testing` makes it: what `listen` and `connect` take as `network`. */
export interface VirtualNetwork {
  /** What carries the bytes: memory, or the system by a port that several threads share. */
  readonly kind: "memory" | "shared";
}

/** Whoever a connection is opened for. */
export interface ConnectionOwner {
  destroy(): void;
}

/** What is behind one. */
export interface NetworkDoors {
  /**
   * Opens a connection; rejects with an error that has a `code`. `signal` gives up. `owner` is destroyed when the network is
   * closed.
   */
  dial(target: Target, signal: AbortSignal, owner: ConnectionOwner): Promise<Transport>;
  /** Binds at once; what fails is thrown as a `TcpError`. */
  listen(target: ListenTarget): Listener;
}

// Apart from the networks themselves, so that nothing of a transport is public.
const doors = new WeakMap<VirtualNetwork, NetworkDoors>();

/** For whoever makes a network. */
export function openDoors(network: VirtualNetwork, behind: NetworkDoors): void {
  doors.set(network, behind);
}

/** What is behind that network; throws a TypeError for what is none. */
export function doorsOf(network: VirtualNetwork): NetworkDoors {
  const behind = typeof network === "object" && network !== null ? doors.get(network) : undefined;
  if (behind === undefined) throw invalid("network", "a network made by createNetwork() of @verb/tcp/testing", network);
  return behind;
}
