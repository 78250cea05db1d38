/** IP addresses as text, read into numbers. */

/** The four octets as one unsigned number; undefined for what is no IPv4 address of four decimals. */
export function parseIpv4(text: string): number | undefined {
  // By hand, because every connection is asked.
  let value = 0;
  let [octet, digits, dots] = [0, 0, 0];
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit >= 0 && digit <= 9) {
      // Zeros in front could be taken for octal numbers.
      if (digits > 0 && octet === 0) return undefined;
      octet = octet * 10 + digit;
      digits++;
      if (octet > 255) return undefined;
    } else {
      if (digit !== -2 || digits === 0 || dots === 3) return undefined; // -2 is a dot
      value = value * 256 + octet;
      octet = digits = 0;
      dots++;
    }
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : undefined;
}

/** The eight groups; undefined for what is no IPv6 address. A zone (`%eth0`) is none of it. */
export function parseIpv6(text: string): number[] | undefined {
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0 || !text.includes(":")) return undefined;
  const before = readGroups(head, tail === undefined);
  const after = tail === undefined ? [] : readGroups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...Array<number>(missing).fill(0), ...after];
}

/** Groups between colons; the last of an address may be two in the form of IPv4. */
function readGroups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    if (/^[\da-f]{1,4}$/i.test(part)) {
      groups.push(parseInt(part, 16));
      continue;
    }
    const ipv4 = last && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 === undefined) return undefined;
    groups.push(ipv4 >>> 16, ipv4 & 0xffff);
  }
  return groups;
}

/** The IPv4 address that is mapped into these groups (RFC 4291, section 2.5.5.2), as a number; undefined if none is. */
export function mappedIpv4(groups: readonly number[]): number | undefined {
  if (groups.slice(0, 5).some((group) => group !== 0) || groups[5] !== 0xffff) return undefined;
  return groups[6]! * 65_536 + groups[7]!; // there are eight
}

/** `192.0.2.7` for its number. */
export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}
