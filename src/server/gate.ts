/**
 * Who may come in, by its address, and who is inside: how many of each address, and who of them has never sent a byte. What
 * is off is not kept.
 */

import { now } from "../base/clock.ts";
import { AddressCounts } from "../limits/address_counts.ts";
import { addressKey } from "../limits/address_key.ts";
import { Crowds, type Standing } from "../limits/crowds.ts";
import { RateTable } from "../limits/rate_table.ts";
import type { DropReason } from "../telemetry/drop_reason.ts";
import { endpointOf, type Transport } from "../transport/transport.ts";
import type { ResolvedServerLimits } from "./limit_options.ts";
import type { ProxyRule } from "./proxy_rule.ts";

/** Somebody inside. */
interface Guest {
  /** The address that its connection counts to; undefined for those that count to none. */
  readonly counted: string | undefined;
  /** Its place among those who are silent; undefined once it has spoken. */
  standing: Standing<Guest> | undefined;
  /** Its place among those who are being prepared; undefined once it is announced. */
  place: Standing<Guest> | undefined;
  /** Makes room; false if that is not possible just now. Undefined when it has left: nothing of it is kept. */
  shed: (() => boolean) | undefined;
}

/** See the module's comment. */
export class Gate {
  #limits: ResolvedServerLimits;
  #proxy: ProxyRule | undefined;
  readonly #guests = new Set<Guest>();
  // By the transport while it is being prepared, then by the socket. Weak, because a map that has been rebuilt keeps for
  // long what stood in it.
  readonly #owned = new WeakMap<object, Guest>();
  readonly #counts = new AddressCounts();
  readonly #silent = new Crowds<Guest>();
  readonly #preparing = new Crowds<Guest>();
  #rates: RateTable | undefined;

  constructor(limits: ResolvedServerLimits) {
    this.#limits = limits;
  }

  /** Other rules from now on. True if it has to be told anew who is inside. */
  setRules(limits: ResolvedServerLimits, proxy: ProxyRule | undefined): boolean {
    const { watches: watched } = this;
    const { shedSilent } = this.#limits;
    this.#limits = limits;
    this.#proxy = proxy;
    const { acceptsPerSecondPerAddress: rate } = limits;
    if (rate === Infinity) this.#rates = undefined;
    else if (this.#rates === undefined) this.#rates = new RateTable(rate);
    else this.#rates.perSecond = rate;
    const { watches } = this;
    const same = watches === watched && limits.shedSilent === shedSilent;
    if (!same) { for (const guest of this.#guests) this.#leave(guest); }
    return watches && !same;
  }

  /** Whether it has to be told who is inside. */
  get watches(): boolean {
    return this.#limits.maxConnectionsPerAddress < Infinity || this.#limits.shedSilent;
  }

  /** How many guests, addresses of guests, crowds and rated addresses are remembered. */
  get sizes(): { guests: number; counted: number; silent: number; preparing: number; rated: number } {
    const rated = this.#rates?.size(now()) ?? 0;
    const [silent, preparing] = [this.#silent.size, this.#preparing.size];
    return { guests: this.#guests.size, counted: this.#counts.size, silent, preparing, rated };
  }

  /** Why this connection may not come in, wherever there is room; undefined if it may. */
  refuses(transport: Transport): DropReason | undefined {
    const { allow, deny, maxConnectionsPerAddress } = this.#limits;
    if (this.#proxy?.refusesOthers === true && transport.proxy === undefined && !this.#isTrusted(transport)) {
      return "denied";
    }
    if (allow === undefined && deny === undefined && this.#rates === undefined && !this.watches) return undefined;
    const address = this.#clientOf(transport);
    if (address === undefined) return undefined;
    if (deny?.has(address) === true || allow?.has(address) === false) return "denied";
    const key = addressKey(address);
    if (this.#rates?.allows(key, now()) === false) return "rate";
    return this.#counts.of(key) >= maxConnectionsPerAddress ? "address" : undefined;
  }

  /** It has come in, perhaps to be prepared first: it counts, and so does its coming. */
  enter(owner: object, transport: Transport, shed: () => boolean, prepares = false): void {
    if (this.#rates === undefined && !this.watches) return;
    const address = this.#clientOf(transport);
    if (address !== undefined) this.#rates?.take(addressKey(address), now());
    if (this.watches) this.readmit(owner, transport, shed, true, prepares);
  }

  /** It was in before anybody counted. */
  readmit(owner: object, transport: Transport, shed: () => boolean, silent: boolean, prepares = false): void {
    const address = this.#clientOf(transport);
    const counted = address === undefined ? undefined : addressKey(address);
    const crowd = counted ?? addressKey(endpointOf(transport.remoteAddr).address ?? "unix");
    const guest: Guest = { counted, standing: undefined, place: undefined, shed };
    this.#guests.add(guest);
    this.#owned.set(owner, guest);
    if (counted !== undefined) this.#counts.add(counted);
    // A balancer's own connections, once they are known as such, are let be.
    const own = transport.proxy !== undefined && address === undefined;
    if (!this.#limits.shedSilent) return;
    if (silent && !own) guest.standing = this.#silent.add(crowd, guest);
    if (prepares) guest.place = this.#preparing.add(crowd, guest);
  }

  /** Another object stands for it now, and perhaps it is announced; its age stays. */
  move(from: object, to: object, shed: () => boolean, announced = false): void {
    const guest = this.#owned.get(from);
    if (guest?.shed === undefined) return;
    this.#owned.delete(from);
    if (announced) this.#prepared(guest);
    guest.shed = shed;
    this.#owned.set(to, guest);
  }

  /** It is no longer silent. */
  spoke(owner: object): void {
    const guest = this.#owned.get(owner);
    if (guest !== undefined) this.#hear(guest);
  }

  leave(owner: object): void {
    const guest = this.#owned.get(owner);
    if (guest === undefined) return;
    this.#owned.delete(owner);
    this.#leave(guest);
  }

  #leave(guest: Guest): void {
    // After other rules nobody inside is counted until it is told anew.
    if (!this.#guests.delete(guest)) return;
    guest.shed = undefined;
    this.#hear(guest);
    this.#prepared(guest);
    if (guest.counted !== undefined) this.#counts.remove(guest.counted);
  }

  /**
   * Closes the oldest silent connection of the address that has most of them; false if there is none, or none has
   * `atLeast` so many.
   */
  shedOldest(atLeast = 1): boolean {
    for (let guest; this.#silent.largest >= atLeast && (guest = this.#silent.oldestOfLargest) !== undefined;) {
      this.#hear(guest);
      if (guest.shed?.() === true) return true;
    }
    return false;
  }

  /** The same for those who are being prepared, whatever they have said. */
  shedPreparing(): void {
    for (let guest; (guest = this.#preparing.oldestOfLargest) !== undefined;) {
      this.#prepared(guest);
      if (guest.shed?.() === true) return;
    }
  }

  #prepared(guest: Guest): void {
    if (guest.place !== undefined) this.#preparing.remove(guest.place);
    guest.place = undefined;
  }

  #hear(guest: Guest): void {
    if (guest.standing !== undefined) this.#silent.remove(guest.standing);
    guest.standing = undefined;
  }

  #isTrusted(transport: Transport): boolean {
    return this.#proxy?.trusts(transport.remoteAddr) === true;
  }

  /** Whose limits hold; nobody's for a balancer that has named nobody, or not yet, and for a peer of a unix socket. */
  #clientOf(transport: Transport): string | undefined {
    const { proxy } = transport;
    const own = proxy === undefined ? this.#isTrusted(transport) : proxy.source === undefined;
    return own ? undefined : endpointOf(transport.remoteAddr).address;
  }
}
