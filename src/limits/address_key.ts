/** What counts as one address. */

import { formatIpv4, mappedIpv4, parseIpv6 } from "../base/ip_address.ts";

/**
 * The name under which limits count an address: an IPv4 address is itself, also where it is mapped into IPv6; an IPv6
 * address is its /64, because that is what one household or machine is given, and it may use every address in it.
 */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  const groups = parseIpv6(withoutZone(address));
  if (groups === undefined) return address;
  const ipv4 = mappedIpv4(groups);
  if (ipv4 !== undefined) return formatIpv4(ipv4);
  return `${groups.slice(0, 4).map((group) => group.toString(16)).join(":")}::/64`;
}

/** `fe80::1` for `fe80::1%eth0`: the zone says by which interface it came. */
export function withoutZone(address: string): string {
  const at = address.indexOf("%");
  return at < 0 ? address : address.slice(0, at);
}
