/** Somebody inside, as whoever keeps the door knows it. */

import type { AddressCount } from "./address_counts.ts";
import type { Standing } from "./crowds.ts";
import type { Link } from "./list.ts";

/** See the module's comment. */
export interface Guest extends Link<Guest> {
  /** The count of the address that its connection counts to; undefined for those that count to none. */
  readonly counted: AddressCount | undefined;
  /** Its place among those who are silent; undefined once it has spoken. */
  standing: Standing<Guest> | undefined;
  /** Its place among those who are being prepared; undefined once it is announced. */
  place: Standing<Guest> | undefined;
  /** Makes room; false if that is not possible just now. Undefined when it has left: nothing of it is kept. */
  shed: (() => boolean) | undefined;
}
