/** Somebody inside, as whoever keeps the door knows it. */

import type { AddressCount } from "./address_counts.ts";
import type { Crowd, Standing } from "./crowds.ts";

/** Who can make room for others. */
export interface Sheddable {
  /** Makes room; false if that is not possible just now. */
  readonly shed: () => boolean;
}

/** See the module's comment. It is in a crowd while it is silent. */
export interface Guest extends Standing<Guest> {
  /** The rules it came in under: after others it counts no more. */
  readonly rules: unknown;
  /** The count of the address that its connection counts to; undefined for those that count to none. */
  readonly counted: AddressCount | undefined;
  /** Where it stands while it is being prepared; undefined once it is announced. */
  preparing: Newcomer | undefined;
  /** Who makes room. Undefined when it has left: nothing of it is kept. */
  owner: Sheddable | undefined;
}

/** A guest that is being prepared, silent or not. */
export class Newcomer implements Standing<Newcomer> {
  crowd: Crowd<Newcomer> | undefined;
  before: Newcomer | undefined;
  after: Newcomer | undefined;
  readonly guest: Guest;

  constructor(guest: Guest) {
    this.guest = guest;
  }
}
