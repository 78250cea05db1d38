/** One room's subscription at the bus, moved towards what is wanted: one call out at a time, tried again when it fails. */

import { startBackgroundTimer, stopTimer, type Timer } from "../base/clock.ts";
import type { BusReceiver, RoomBus } from "./room_bus.ts";

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/** What is at the other end of a subscription. */
export interface SubscriptionOwner {
  /** Something came; nobody wants it any more unless it is `wanted`. */
  receive(payload: Uint8Array, wanted: boolean): void;
  /** The engine sends nothing more; what is said from now on is not missed. */
  ended(): void;
  failed(error: unknown): void;
}

/** See the module's comment. */
export class Subscription {
  /** What comes from elsewhere arrives. */
  active = false;
  readonly #bus: RoomBus;
  readonly #channel: string;
  readonly #owner: SubscriptionOwner;
  #wanted = false;
  #busy = false;
  #stopped = false;
  #end: (() => Promise<void>) | undefined;
  #retryMs = FIRST_RETRY_MS;
  #timer: Timer;
  #waiting: ((active: boolean) => void)[] = [];
  // What comes before the subscription is confirmed counts, too.
  readonly #take: BusReceiver = (payload) => this.#owner.receive(payload, this.#wanted);

  constructor(bus: RoomBus, channel: string, owner: SubscriptionOwner) {
    this.#bus = bus;
    this.#channel = channel;
    this.#owner = owner;
  }

  /** Whether it is over and nothing is under way: then it can be forgotten. */
  get over(): boolean {
    return !this.#wanted && !this.#busy && this.#end === undefined;
  }

  /** Resolves with true once messages arrive, with false if they are not wanted any more by then. */
  want(): Promise<boolean> {
    this.#wanted = true;
    if (this.active) return Promise.resolve(true);
    const arrives = new Promise<boolean>((resolve) => this.#waiting.push(resolve));
    void this.#move();
    return arrives;
  }

  /** Nobody needs them any more. Resolves when the engine knows, or could not be told for now. */
  drop(): Promise<void> {
    this.#wanted = false;
    this.active = false;
    this.#settle(false);
    stopTimer(this.#timer);
    return this.#move();
  }

  /** Whatever became of it, nothing more is tried. */
  stop(): void {
    this.#stopped = true;
    stopTimer(this.#timer);
  }

  /** The engine is back: what has failed need not wait. */
  retry(): void {
    this.#retryMs = FIRST_RETRY_MS;
    void this.#move();
  }

  // Never rejects: what fails is told and tried again.
  async #move(): Promise<void> {
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    stopTimer(this.#timer);
    try {
      while (this.#wanted !== (this.#end !== undefined)) {
        if (this.#wanted) this.#end = await this.#bus.subscribe(this.#channel, this.#take);
        else await this.#unsubscribe();
        this.#retryMs = FIRST_RETRY_MS;
      }
      this.active = this.#wanted;
      this.#settle(this.#wanted);
    } catch (error) {
      this.#owner.failed(error);
      if (!this.#stopped) this.#timer = startBackgroundTimer(() => void this.#move(), this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
    } finally {
      this.#busy = false;
    }
  }

  async #unsubscribe(): Promise<void> {
    const end = this.#end;
    await end?.();
    this.#end = undefined;
    this.#owner.ended();
  }

  #settle(active: boolean): void {
    for (const resolve of this.#waiting.splice(0)) resolve(active);
  }
}
