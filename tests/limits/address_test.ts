// What counts as one address, and which addresses a list of ranges has.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { parseIpv4, parseIpv6 } from "../../src/base/ip_address.ts";
import { addressKey } from "../../src/limits/address_key.ts";
import { AddressList } from "../../src/limits/address_list.ts";
import { Random } from "../../src/testing/random.ts";

const KEYS: readonly (readonly [address: string, key: string])[] = [
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["::FFFF:c000:207", "192.0.2.7"],
  ["0:0:0:0:0:ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:DB8:0:0:ffff:ffff:ffff:ffff", "2001:db8:0:0::/64"],
  ["2001:db8:0:1::1", "2001:db8:0:1::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::ffff:0:192.0.2.7", "0:0:0:0::/64"], // translated, not mapped
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
];

for (const [address, key] of KEYS) {
  Deno.test({
    name: `addressKey counts ${address} as ${key}`,
    permissions: "none",
    fn: () => assertEquals(addressKey(address), key),
  });
}

const TEXTS = [
  ...["0.0.0.0", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "", "a.b.c.d", "1..2.3"],
  ...["::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":::", ":1", "1:", "g::"],
  ...["::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "::1.2.3.256", "1.2.3.4::", "::12345", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8"],
  ...["1:2:3:4:5:6:7:8::", "2001:db8::a%eth0", "[::1]", "::ffff:1.2.3.4", "::1.2.3.4:5", " ::1"],
];

Deno.test("parseIpv4 and parseIpv6 know what node:net knows", () => {
  for (const text of TEXTS) {
    assertEquals(parseIpv4(text) !== undefined, isIPv4(text), `IPv4: ${text}`);
    assertEquals(parseIpv6(text) !== undefined, isIPv6(text) && !text.includes("%"), `IPv6: ${text}`);
  }
});

const LISTS: readonly (readonly [entries: string[], inside: string[], outside: string[]])[] = [
  [[], [], ["127.0.0.1", "::1", "nothing"]],
  [["192.0.2.7"], ["192.0.2.7", "::ffff:192.0.2.7"], ["192.0.2.6", "192.0.2.8", "::192.0.2.7"]],
  [["10.0.0.0/8"], ["10.0.0.0", "10.255.255.255", "::ffff:a01:203"], ["9.255.255.255", "11.0.0.0", "::a01:203"]],
  [["192.0.2.128/25"], ["192.0.2.128", "192.0.2.255"], ["192.0.2.127", "192.0.3.128"]],
  [["0.0.0.0/0"], ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], ["::1", "2001:db8::1"]],
  [["::/0"], ["::1", "2001:db8::1", "192.0.2.1"], ["nothing"]],
  [["2001:db8::/32"], ["2001:db8::", "2001:db8:ffff::1"], ["2001:db7:ffff::", "2001:db9::"]],
  [["2001:db8::/33"], ["2001:db8:7fff::1"], ["2001:db8:8000::1"]],
  [["2001:db8::1/128", "2001:db8::3"], ["2001:db8::1", "2001:db8:0::3"], ["2001:db8::2"]],
  [["::ffff:10.0.0.0/104"], ["10.1.2.3", "::ffff:10.1.2.3"], ["11.0.0.0"]],
  [["fe80::/10"], ["fe80::1%eth0", "febf::"], ["fec0::"]],
  [["::/80"], ["0.0.0.0", "255.255.255.255", "::1", "::ffff:1.2.3.4"], ["0:0:0:0:1::"]], // all of IPv4 is in it
  [["::ffc0:0:0/90"], ["192.0.2.1", "::ffc0:1:1"], ["::ff80:1:1"]],
  [["::/90"], ["::1", "::192.0.2.1"], ["192.0.2.1", "::ffff:192.0.2.1"]],
  [["255.255.255.255", "0.0.0.0/1"], ["255.255.255.255", "127.255.255.255", "0.0.0.0"], [
    "128.0.0.0",
    "255.255.255.254",
  ]],
];

for (const [entries, inside, outside] of LISTS) {
  Deno.test({
    name: `AddressList of ${JSON.stringify(entries)}`,
    permissions: "none",
    fn() {
      const list = new AddressList("limits.deny", entries);
      for (const address of inside) assert(list.has(address), address);
      for (const address of outside) assert(!list.has(address), address);
    },
  });
}

Deno.test("AddressList agrees with node:net's BlockList wherever that is exact", () => {
  const random = new Random(7);
  const octets = () => [0, 1, 2, 3].map(() => random.below(4) * 64);
  for (let round = 0; round < 200; round++) {
    const theirs = new BlockList();
    const entries: string[] = [];
    for (let i = 0; i < 5; i++) {
      const bits = random.below(33);
      const value = octets().reduce((sum, octet) => sum * 256 + octet, 0);
      const network = bits === 0 ? 0 : (value >>> (32 - bits)) * 2 ** (32 - bits);
      const text = [24, 16, 8, 0].map((shift) => (network / 2 ** shift) & 255).join(".");
      theirs.addSubnet(text, bits, "ipv4");
      entries.push(`${text}/${bits}`);
    }
    const ours = new AddressList("list", entries);
    for (let i = 0; i < 50; i++) {
      const address = octets().join(".");
      assertEquals(ours.has(address), theirs.check(address, "ipv4"), `${address} in ${entries}`);
    }
  }
});

const WRONG: readonly (readonly [entry: unknown, kind: typeof TypeError, words: string])[] = [
  ["localhost", TypeError, '"limits.allow[1]" must be an address or a range'],
  ["", TypeError, '"limits.allow[1]" must be an address or a range'],
  [7, TypeError, "it is 7"],
  ["10.0.0.0/", TypeError, 'it is "10.0.0.0/"'],
  ["10.0.0.0/8/8", TypeError, "it is"],
  ["10.0.0.0/-1", TypeError, "it is"],
  ["10.0.0.0/08", TypeError, "it is"],
  ["10.0.0/8", TypeError, "it is"],
  ["10.0.0.0/33", RangeError, "a prefix length from 0 to 32"],
  ["2001:db8::/129", RangeError, "a prefix length from 0 to 128"],
  ["10.0.0.1/8", RangeError, 'no bits set beyond its prefix length, as in "10.0.0.0/8"; it is "10.0.0.1/8"'],
  ["192.0.2.7/31", RangeError, '"192.0.2.6/31"'],
  ["2001:db8::1/64", RangeError, "no bits set beyond its prefix length"],
  ["0.0.0.1/0", RangeError, '"0.0.0.0/0"'],
];

for (const [entry, kind, words] of WRONG) {
  Deno.test({
    name: `AddressList refuses ${JSON.stringify(entry)}`,
    permissions: "none",
    fn: () => void assertThrows(() => new AddressList("limits.allow", ["127.0.0.1", entry as string]), kind, words),
  });
}
