import { assertEquals } from "@std/assert";
import { endpointOf, normalizeAddress } from "../../src/transport/transport.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const ADDRESSES: [hostname: string, address: string, family: "IPv4" | "IPv6"][] = [
  ["127.0.0.1", "127.0.0.1", "IPv4"],
  ["::ffff:127.0.0.1", "127.0.0.1", "IPv4"],
  ["::FFFF:10.1.2.3", "10.1.2.3", "IPv4"],
  ["::1", "::1", "IPv6"],
  ["::", "::", "IPv6"],
  ["fe80::1", "fe80::1", "IPv6"],
  ["2001:db8::ffff:1.2.3.4", "2001:db8::ffff:1.2.3.4", "IPv6"],
  ["64:ff9b::1.2.3.4", "64:ff9b::1.2.3.4", "IPv6"],
];

for (const [hostname, address, family] of ADDRESSES) {
  unit(`normalizeAddress() gives ${address} for ${hostname}`, () => assertEquals(normalizeAddress(hostname), address));

  unit(`endpointOf() tells ${hostname} in the words of node:net`, () => {
    assertEquals(endpointOf({ transport: "tcp", hostname, port: 80 }), { address, port: 80, family });
  });
}

for (
  const [what, addr] of [
    ["a unix socket", { transport: "unix", path: "/run/x" }],
    ["no address", undefined],
  ] as const
) {
  unit(`endpointOf() of ${what} has none of the three`, () => {
    assertEquals(endpointOf(addr), { address: undefined, port: undefined, family: undefined });
  });
}
