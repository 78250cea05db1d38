/**
 * Who may come in, by its address, and who is inside: how many of each address, and who of them has never sent a byte. What
 * is off is not kept.
 */

import { now } from "../base/clock.ts";
import { type AddressCount, AddressCounts } from "../limits/address_counts.ts";
import { addressKey } from "../limits/address_key.ts";
import { readAddress } from "../limits/address_list.ts";
import { Crowds } from "../limits/crowds.ts";
import { type Guest, Newcomer, type Sheddable } from "../limits/guest.ts";
import { RateTable } from "../limits/rate_table.ts";
import type { DropReason } from "../telemetry/drop_reason.ts";
import { endpointOf, normalizeAddress, type Transport } from "../transport/transport.ts";
import type { ResolvedServerLimits } from "./limit_options.ts";
import type { ProxyRule } from "./proxy_rule.ts";

/** See the module's comment. */
export class Gate {
  #limits: ResolvedServerLimits;
  #proxy: ProxyRule | undefined;
  #inside = 0;
  #counts = new AddressCounts();
  #silent = new Crowds<Guest>();
  #preparing = new Crowds<Newcomer>();
  // Whoever came in under others has to be told anew.
  #rules = {};
  #rates: RateTable | undefined;
  // The connection that was asked about last, and the name of its client: it is asked again as it comes in.
  #asked: Transport | undefined;
  #client: string | undefined;
  #count: AddressCount | undefined;
  #askedAt = 0;

  constructor(limits: ResolvedServerLimits) {
    this.#limits = limits;
  }

  /** Other rules from now on. True if it has to be told anew who is inside. */
  setRules(limits: ResolvedServerLimits, proxy: ProxyRule | undefined): boolean {
    const { watches: watched } = this;
    const { shedSilent } = this.#limits;
    this.#limits = limits;
    this.#proxy = proxy;
    this.#asked = this.#count = undefined;
    const { acceptsPerSecondPerAddress: rate } = limits;
    if (rate === Infinity) this.#rates = undefined;
    else if (this.#rates === undefined) this.#rates = new RateTable(rate);
    else this.#rates.perSecond = rate;
    const { watches } = this;
    const same = watches === watched && limits.shedSilent === shedSilent;
    if (!same) this.#forgetGuests();
    return watches && !same;
  }

  #forgetGuests(): void {
    this.#rules = {};
    this.#inside = 0;
    this.#counts = new AddressCounts();
    this.#silent = new Crowds();
    this.#preparing = new Crowds();
  }

  /** Whether it has nothing to do with those who come in. */
  get off(): boolean {
    return this.#rates === undefined && !this.watches;
  }

  /** Whether it has to be told who is inside. */
  get watches(): boolean {
    return this.#limits.maxConnectionsPerAddress < Infinity || this.#limits.shedSilent;
  }

  /** How many guests, addresses of guests, crowds and rated addresses are remembered. */
  get sizes(): { guests: number; counted: number; silent: number; preparing: number; rated: number } {
    const rated = this.#rates?.size(now()) ?? 0;
    const [silent, preparing] = [this.#silent.size, this.#preparing.size];
    return { guests: this.#inside, counted: this.#counts.size, silent, preparing, rated };
  }

  /** Why this connection may not come in, wherever there is room; undefined if it may. */
  refuses(transport: Transport): DropReason | undefined {
    const { allow, deny, maxConnectionsPerAddress } = this.#limits;
    if (this.#proxy?.refusesOthers === true && transport.proxy === undefined && !this.#isTrusted(transport)) {
      return "denied";
    }
    if (allow === undefined && deny === undefined && this.off) return undefined;
    const address = this.#clientOf(transport);
    if (address === undefined) return undefined;
    if (allow !== undefined || deny !== undefined) {
      const read = readAddress(address);
      if (deny?.hasRead(read) === true || allow?.hasRead(read) === false) return "denied";
    }
    const key = this.#keyOf(transport, address)!; // it has one
    if (this.#rates?.allows(key, this.#askedAt = now()) === false) return "rate";
    if (!this.watches) return undefined; // where nobody is counted, nobody is too many
    this.#count = this.#counts.of(key);
    return this.#count.count >= maxConnectionsPerAddress ? "address" : undefined;
  }

  /**
   * It has come in, right after `refuses` was asked, perhaps to be prepared first: it counts, and so does its coming.
   * Undefined where nobody counts.
   */
  enter(transport: Transport, owner: Sheddable, prepares = false): Guest | undefined {
    const key = this.off ? undefined : this.#keyOf(transport);
    if (key !== undefined) this.#rates?.take(key, this.#askedAt);
    return this.watches ? this.readmit(transport, owner, true, prepares) : undefined;
  }

  /** It was in before anybody counted. */
  readmit(transport: Transport, owner: Sheddable, silent: boolean, prepares = false): Guest {
    const key = this.#keyOf(transport);
    const counted = key === undefined ? undefined : this.#counts.add(key, this.#count);
    this.#asked = this.#count = undefined; // they are not kept for longer than they are there
    const guest: Guest = {
      rules: this.#rules,
      counted,
      crowd: undefined,
      before: undefined,
      after: undefined,
      preparing: undefined,
      owner,
    };
    this.#inside++;
    if (!this.#limits.shedSilent) return guest;
    // A balancer's own connections, once they are known as such, are let be.
    const own = transport.proxy !== undefined && counted === undefined;
    const crowd = key ?? addressKey(endpointOf(transport.remoteAddr).address ?? "unix");
    if (silent && !own) this.#silent.add(crowd, guest);
    if (prepares) this.#preparing.add(crowd, guest.preparing = new Newcomer(guest));
    return guest;
  }

  /**
   * Somebody else makes room for it now, and perhaps it is announced; its age stays. False if it came in under other rules,
   * or has left.
   */
  move(guest: Guest, owner: Sheddable, announced = false): boolean {
    if (!this.#knows(guest)) return false;
    if (announced) this.#prepared(guest);
    guest.owner = owner;
    return true;
  }

  /** It is no longer silent. */
  spoke(guest: Guest): void {
    if (guest.rules === this.#rules) this.#silent.remove(guest);
  }

  leave(guest: Guest): void {
    const known = this.#knows(guest);
    guest.owner = undefined; // those who came in under other rules stay linked to each other, and must not keep it either
    if (!known) return;
    this.#inside--;
    this.#silent.remove(guest);
    this.#prepared(guest);
    if (guest.counted !== undefined) this.#counts.remove(guest.counted);
  }

  /**
   * Closes the oldest silent connection of the address that has most of them; false if there is none, or none has
   * `atLeast` so many.
   */
  shedOldest(atLeast = 1): boolean {
    for (let guest; this.#silent.largest >= atLeast && (guest = this.#silent.oldestOfLargest) !== undefined;) {
      this.#silent.remove(guest);
      if (guest.owner?.shed() === true) return true;
    }
    return false;
  }

  /** The same for those who are being prepared, whatever they have said. */
  shedPreparing(): void {
    for (let newcomer; (newcomer = this.#preparing.oldestOfLargest) !== undefined;) {
      const { guest } = newcomer;
      this.#prepared(guest);
      if (guest.owner?.shed() === true) return;
    }
  }

  #knows({ rules, owner }: Guest): boolean {
    return rules === this.#rules && owner !== undefined;
  }

  #prepared(guest: Guest): void {
    if (guest.preparing !== undefined) this.#preparing.remove(guest.preparing);
    guest.preparing = undefined;
  }

  #isTrusted(transport: Transport): boolean {
    return this.#proxy?.trusts(transport.remoteAddr) === true;
  }

  /** The name under which its client counts; undefined if it counts to nobody. */
  #keyOf(transport: Transport, address: string | undefined = undefined): string | undefined {
    if (this.#asked === transport) return this.#client;
    const client = address ?? this.#clientOf(transport);
    this.#asked = transport;
    this.#count = undefined;
    return this.#client = client === undefined ? undefined : addressKey(client);
  }

  /** Whose limits hold; nobody's for a balancer that has named nobody, or not yet, and for a peer of a unix socket. */
  #clientOf(transport: Transport): string | undefined {
    const { proxy } = transport;
    const own = proxy === undefined ? this.#isTrusted(transport) : proxy.source === undefined;
    const { remoteAddr } = transport;
    return own || !("hostname" in remoteAddr) ? undefined : normalizeAddress(remoteAddr.hostname);
  }
}
