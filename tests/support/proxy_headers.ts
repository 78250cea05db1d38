/** Headers of the PROXY protocol, good ones and others, byte by byte. */

import { MAX_PROXY_HEADER_BYTES } from "../../src/transport/proxy_header.ts";

/** How a header of version 2 differs from one for 192.0.2.1:4000 over TCP. */
export interface BinaryHeaderParts {
  /** Version and command. */
  readonly command?: number;
  /** Family and protocol. */
  readonly family?: number;
  /** What follows the fixed part. */
  readonly body?: Uint8Array;
  /** The length that it tells, where that is not the body's. */
  readonly length?: number;
}

/** Version 2's first 12 bytes. */
export const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);

/** Two IPv4 addresses and their ports: 192.0.2.1:4000 to 198.51.100.2:443. */
export const IPV4_BODY = Uint8Array.of(192, 0, 2, 1, 198, 51, 100, 2, 0x0f, 0xa0, 0x01, 0xbb);

/** A header of version 2. */
export function binaryHeader(parts: BinaryHeaderParts = {}): Uint8Array {
  const { command = 0x21, family = 0x11, body = IPV4_BODY, length = body.length } = parts;
  return joined(SIGNATURE, Uint8Array.of(command, family, length >> 8, length & 255), body);
}

/** Two IPv6 addresses of 16 bytes and their ports, 5000 the source's. */
export function ipv6Body(source: readonly number[], destination: readonly number[] = source): Uint8Array {
  const bytes = (groups: readonly number[]) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
  return joined(bytes(source), bytes(destination), Uint8Array.of(0x13, 0x88, 0x01, 0xbb));
}

/** Two unix paths. */
export function unixBody(source: string): Uint8Array {
  const body = new Uint8Array(216);
  body.set(ascii(source));
  return body;
}

/** ASCII. */
export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** All of them, one behind the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** An address as the runtime tells it. */
export const tcp = (hostname: string, port: number): Deno.Addr => ({ transport: "tcp", hostname, port });
const LONGEST_IPV6 = Array(8).fill("ffff").join(":");
const mapped = [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201];
const longest = binaryHeader({ body: joined(IPV4_BODY, new Uint8Array(MAX_PROXY_HEADER_BYTES - 16 - 12)) });

/** Headers as they should be, and whose connection they say it is. */
export const GOOD_HEADERS: readonly (readonly [name: string, bytes: Uint8Array, remoteAddr: Deno.Addr | undefined])[] =
  [
    ["v1, IPv4", ascii("PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\n"), tcp("192.0.2.1", 4_000)],
    ["v1, the least", ascii("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), tcp("0.0.0.0", 0)],
    [
      "v1, the longest IPv4",
      ascii("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
      tcp("255.255.255.255", 65_535),
    ],
    ["v1, IPv6", ascii("PROXY TCP6 2001:db8::1 ::1 5000 443\r\n"), tcp("2001:db8::1", 5_000)],
    [
      "v1, IPv6 in full and in capitals",
      ascii("PROXY TCP6 2001:0DB8:0000:0000:0000:0000:0000:000A :: 5000 443\r\n"),
      tcp("2001:db8::a", 5_000),
    ],
    [
      "v1, the longest IPv6",
      ascii(`PROXY TCP6 ${LONGEST_IPV6} ${LONGEST_IPV6} 65535 65535\r\n`),
      tcp(LONGEST_IPV6, 65_535),
    ],
    ["v1, mapped IPv4", ascii("PROXY TCP6 ::FFFF:192.0.2.1 ::1 1 2\r\n"), tcp("::ffff:192.0.2.1", 1)],
    ["v1, mapped IPv4 in hexadecimal", ascii("PROXY TCP6 ::ffff:c000:201 ::1 1 2\r\n"), tcp("::ffff:192.0.2.1", 1)],
    ["v1, UNKNOWN", ascii("PROXY UNKNOWN\r\n"), undefined],
    ["v1, UNKNOWN with a space", ascii("PROXY UNKNOWN \r\n"), undefined],
    ["v1, UNKNOWN with addresses", ascii("PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n"), undefined],
    ["v1, UNKNOWN with CR and LF apart", ascii("PROXY UNKNOWN a\nb\rc\n\r\n"), undefined],
    ["v1, UNKNOWN with 107 bytes", ascii(`PROXY UNKNOWN ${"x".repeat(91)}\r\n`), undefined],
    ["v2, IPv4", binaryHeader(), tcp("192.0.2.1", 4_000)],
    ["v2, IPv4 over datagrams", binaryHeader({ family: 0x12 }), tcp("192.0.2.1", 4_000)],
    [
      "v2, IPv4 with facts behind it",
      binaryHeader({ body: joined(IPV4_BODY, ascii("\x04\x00\x01x")) }),
      tcp("192.0.2.1", 4_000),
    ],
    ["v2, the longest", longest, tcp("192.0.2.1", 4_000)],
    [
      "v2, IPv6",
      binaryHeader({ family: 0x21, body: ipv6Body([0x2001, 0xdb8, 0, 0, 1, 0, 0, 1]) }),
      tcp("2001:db8::1:0:0:1", 5_000),
    ],
    [
      "v2, IPv6 over datagrams",
      binaryHeader({ family: 0x22, body: ipv6Body([0, 0, 0, 0, 0, 0, 0, 0]) }),
      tcp("::", 5_000),
    ],
    ["v2, mapped IPv4", binaryHeader({ family: 0x21, body: ipv6Body(mapped) }), tcp("::ffff:192.0.2.1", 5_000)],
    ["v2, unix", binaryHeader({ family: 0x31, body: unixBody("/run/a") }), { transport: "unix", path: "/run/a" }],
    ["v2, a unix datagram", binaryHeader({ family: 0x32, body: unixBody("") }), { transport: "unix", path: "" }],
    [
      "v2, a unix path without an end",
      binaryHeader({ family: 0x31, body: unixBody("p".repeat(216)) }),
      { transport: "unix", path: "p".repeat(108) },
    ],
    ["v2, LOCAL", binaryHeader({ command: 0x20, family: 0, body: new Uint8Array(0) }), undefined],
    ["v2, LOCAL with addresses", binaryHeader({ command: 0x20 }), undefined],
    ["v2, LOCAL of no known family", binaryHeader({ command: 0x20, family: 0xff, body: ascii("any") }), undefined],
    ["v2, no family", binaryHeader({ family: 0x00, body: new Uint8Array(0) }), undefined],
    ["v2, no family but a protocol", binaryHeader({ family: 0x01 }), undefined],
    ["v2, no protocol", binaryHeader({ family: 0x10, body: ascii("abc") }), undefined],
  ];
