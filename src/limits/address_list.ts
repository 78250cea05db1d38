/**
 * Lists of address ranges. Ours and not `node:net`'s BlockList, which asks one range after the other (17 microseconds for
 * 100 of them on Deno 2.9, against less than one here, however many there are) and takes ranges with bits behind their
 * mask for what they do not say.
 */

import { rangeError } from "../base/argument_errors.ts";
import { invalid, invalidValue, show } from "../base/check.ts";
import { formatIpv4, mappedIpv4, parseIpv4, parseIpv6 } from "../base/ip_address.ts";
import { withoutZone } from "./address_key.ts";

interface Range {
  readonly groups: readonly number[];
  readonly bits: number;
}

/** The ranges with masks of one length, by what is in front of the mask. */
interface Masked<Key> {
  readonly bits: number;
  readonly ranges: Set<Key>;
}

// Where RFC 4291 maps IPv4 into IPv6, so that a range of IPv6 can mean IPv4.
const MAPPED_BITS = 96;
const MAPPED_GROUPS = [0, 0, 0, 0, 0, 0xffff, 0, 0];

/** Addresses and ranges, asked in a time that grows with the different lengths of the masks only. */
export class AddressList {
  readonly #ipv4: Masked<number>[] = [];
  readonly #ipv6: Masked<string>[] = [];

  /** Throws a TypeError or RangeError that names `option` for an entry that is no address and no range. */
  constructor(option: string, entries: readonly string[]) {
    for (const [index, entry] of entries.entries()) {
      const { groups, bits } = readRange(`${option}[${index}]`, entry);
      addTo(this.#ipv6, bits, masked(groups, bits));
      const ipv4 = mappedIpv4(groups);
      if (ipv4 !== undefined && bits >= MAPPED_BITS) {
        addTo(this.#ipv4, bits - MAPPED_BITS, prefix(ipv4, bits - MAPPED_BITS));
      } else if (masked(groups, bits) === masked(MAPPED_GROUPS, bits)) addTo(this.#ipv4, 0, 0); // all of IPv4 is in it
    }
  }

  /** Whether one of the ranges has that address; IPv4 mapped into IPv6 is IPv4. */
  has(address: string): boolean {
    return this.hasRead(readAddress(address));
  }

  /** The same for whoever asks several lists. */
  hasRead(address: ReadAddress): boolean {
    if (typeof address === "number") {
      for (const { bits, ranges } of this.#ipv4) if (ranges.has(prefix(address, bits))) return true;
    } else if (address !== undefined) {
      for (const { bits, ranges } of this.#ipv6) if (ranges.has(masked(address, bits))) return true;
    }
    return false;
  }
}

/** An IPv4 address as a number, an IPv6 address as its groups; undefined for what is neither. */
export type ReadAddress = number | readonly number[] | undefined;

/** Reads an address for {@link AddressList.hasRead}. */
export function readAddress(address: string): ReadAddress {
  return parseIpv4(address) ?? parseIpv6(withoutZone(address));
}

function addTo<Key>(list: Masked<Key>[], bits: number, key: Key): void {
  const there = list.find((ranges) => ranges.bits === bits);
  if (there === undefined) list.push({ bits, ranges: new Set([key]) });
  else there.ranges.add(key);
}

function prefix(ipv4: number, bits: number): number {
  return bits === 0 ? 0 : ipv4 >>> (32 - bits);
}

function readRange(name: string, entry: unknown): Range {
  const wrong = () =>
    (typeof entry === "string" ? invalidValue : invalid)(
      name,
      'an address or a range such as "192.0.2.7", "10.0.0.0/8" or "2001:db8::/32"',
      entry,
    );
  if (typeof entry !== "string") throw wrong();
  const [, address = "", length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const groups = groupsOf(address);
  if (groups === undefined || /^0\d/.test(length ?? "")) throw wrong();
  const most = address.includes(":") ? 128 : 32;
  const said = length === undefined ? most : Number(length);
  if (said > most) {
    throw rangeError(`Option "${name}" must have a prefix length from 0 to ${most}; it is ${show(entry)}`);
  }
  const bits = most === 32 ? said + MAPPED_BITS : said;
  const network = maskedGroups(groups, bits);
  if (network.some((group, index) => group !== groups[index])) {
    throw rangeError(
      `Option "${name}" must have no bits set beyond its prefix length, as in ${
        show(`${textOf(network, most)}/${said}`)
      }; it is ${show(entry)}`,
    );
  }
  return { groups, bits };
}

function groupsOf(address: string): number[] | undefined {
  const ipv4 = parseIpv4(address);
  return ipv4 === undefined ? parseIpv6(address) : [0, 0, 0, 0, 0, 0xffff, ipv4 >>> 16, ipv4 & 0xffff];
}

function maskedGroups(groups: readonly number[], bits: number): number[] {
  return groups.map((group, index) => {
    const kept = Math.min(16, Math.max(0, bits - index * 16));
    return group & (0xffff << (16 - kept)) & 0xffff;
  });
}

function masked(groups: readonly number[], bits: number): string {
  return String.fromCharCode(...maskedGroups(groups, bits));
}

function textOf(groups: readonly number[], most: number): string {
  const ipv4 = most === 32 ? mappedIpv4(groups) : undefined;
  return ipv4 === undefined ? groups.map((group) => group.toString(16)).join(":") : formatIpv4(ipv4);
}
