import { assert, assertEquals, assertThrows } from "@std/assert";
import { isIP } from "node:net";
import { TcpError } from "../../src/base/errors.ts";
import { Random } from "../../src/testing/random.ts";
import { MAX_PROXY_HEADER_BYTES, parseProxyHeader, type ProxyHeader } from "../../src/transport/proxy_header.ts";
import { ascii, binaryHeader, GOOD_HEADERS, ipv6Body, joined, SIGNATURE, tcp } from "../support/proxy_headers.ts";

// The third is how many of the bytes it takes to know.
const BAD: readonly (readonly [name: string, bytes: Uint8Array, known: number, what: string])[] = [
  ["a request of HTTP", ascii("GET / HTTP/1.1\r\n\r\n"), 1, "MALFORMED"],
  ["a POST, which begins as PROXY does", ascii("POST / HTTP/1.1\r\n\r\n"), 2, "MALFORMED"],
  ["a TLS handshake", Uint8Array.of(0x16, 3, 1, 2, 0, 1), 1, "MALFORMED"],
  ["v1 in small letters", ascii("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), 1, "MALFORMED"],
  ["v1 with a tab", ascii("PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n"), 6, "MALFORMED"],
  ["v1 that ends with LF alone", ascii("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"), 35, "MALFORMED"],
  ["v1 with 108 bytes", ascii(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`), 107, "TOO_LARGE"],
  ["v1 without an end", ascii(`PROXY TCP4 ${"1".repeat(200)}`), 107, "TOO_LARGE"],
  ...[
    "PROXY ",
    "PROXY TCP4",
    "PROXY UNKNOWNX",
    "PROXY UDP4 192.0.2.1 192.0.2.2 1 2",
    "PROXY TCP5 192.0.2.1 192.0.2.2 1 2",
    "PROXY tcp4 192.0.2.1 192.0.2.2 1 2",
    "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2",
    "PROXY TCP4  192.0.2.1 192.0.2.2 1 2",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 ",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3",
    "PROXY TCP4 192.0.2.1 192.0.2.2 01 2",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536",
    "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1e1 2",
    "PROXY TCP4 192.0.2.01 192.0.2.2 1 2",
    "PROXY TCP4 192.0.2.256 192.0.2.2 1 2",
    "PROXY TCP4 192.0.2 192.0.2.2 1 2",
    "PROXY TCP4 192.0.2.1.1 192.0.2.2 1 2",
    "PROXY TCP4 192.0.2.1 192.0.2. 1 2",
    "PROXY TCP4 192.0.2.1 2001:db8::1 1 2",
    "PROXY TCP4 localhost 192.0.2.2 1 2",
    "PROXY TCP4 \u00b9.0.2.1 192.0.2.2 1 2",
    "PROXY TCP6 192.0.2.1 192.0.2.2 1 2",
    "PROXY TCP6 2001:db8::1::2 ::1 1 2",
    "PROXY TCP6 2001:db8::12345 ::1 1 2",
    "PROXY TCP6 2001:db8::g ::1 1 2",
    "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2",
    "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2",
    "PROXY TCP6 fe80::1%lo ::1 1 2",
    "PROXY TCP6 [::1] ::1 1 2",
    "PROXY TCP6 ::1]/@[::1 ::1 1 2",
    "PROXY TCP6 ::1 : 1 2",
  ].map((line) => [JSON.stringify(line), ascii(`${line}\r\n`), ascii(line).length + 2, "MALFORMED"] as const),
  ["v2 with another signature", joined(SIGNATURE.subarray(0, 11), ascii("\r!")), 12, "MALFORMED"],
  ["v2 of version 1", binaryHeader({ command: 0x11 }), 13, "MALFORMED"],
  ["v2 of version 3", binaryHeader({ command: 0x31 }), 13, "MALFORMED"],
  ["v2 with an unknown command", binaryHeader({ command: 0x22 }), 13, "MALFORMED"],
  ["v2 with an unknown family", binaryHeader({ family: 0x41 }), 14, "MALFORMED"],
  ["v2 with an unknown protocol", binaryHeader({ family: 0x13 }), 14, "MALFORMED"],
  ["v2 that is too long", binaryHeader({ length: MAX_PROXY_HEADER_BYTES - 15 }), 16, "TOO_LARGE"],
  ["v2 of the length that there is", binaryHeader({ command: 0x20, length: 65_535 }), 16, "TOO_LARGE"],
  ["v2 too short for IPv4", binaryHeader({ length: 11 }), 16, "MALFORMED"],
  ["v2 too short for IPv6", binaryHeader({ family: 0x21, length: 35 }), 16, "MALFORMED"],
  ["v2 too short for unix", binaryHeader({ family: 0x31, length: 215 }), 16, "MALFORMED"],
  ["v2 too short for anything", binaryHeader({ length: 0 }), 16, "MALFORMED"],
];

/** What becomes of these bytes: the header, `"more"`, or the code of the error. */
function outcomeOf(bytes: Uint8Array): ProxyHeader | string {
  try {
    return parseProxyHeader(bytes);
  } catch (error) {
    if (error instanceof TcpError) return error.code;
    throw error;
  }
}

for (const [name, bytes, remoteAddr] of GOOD_HEADERS) {
  Deno.test(`a header is read where its last byte is, not before, and nothing behind it counts: ${name}`, () => {
    for (let cut = 0; cut < bytes.length; cut++) assertEquals(parseProxyHeader(bytes.subarray(0, cut)), "more");
    for (const behind of ["", "\r\n", "PROXY TCP4", "x".repeat(5_000)]) {
      const header = parseProxyHeader(joined(bytes, ascii(behind)));
      assert(header !== "more");
      assertEquals([header.length, header.remoteAddr], [bytes.length, remoteAddr]);
    }
  });
}

for (const [name, bytes, known, what] of BAD) {
  Deno.test(`a header is refused as soon as it is known to be bad: ${name}`, () => {
    for (let cut = 0; cut < known; cut++) assertEquals(outcomeOf(bytes.subarray(0, cut)), "more", `${cut} bytes`);
    for (let cut = known; cut <= bytes.length; cut++) {
      assertEquals(outcomeOf(bytes.subarray(0, cut)), `ERR_PROXY_HEADER_${what}`, `${cut} bytes`);
    }
  });
}

Deno.test("an error says what is wrong and shows nothing of what the client has sent", () => {
  const error = assertThrows(() => parseProxyHeader(ascii("PROXY TCP4 secret 192.0.2.2 1 2\r\n")), TcpError);
  assertEquals(error.message, "No valid PROXY header: an IPv4 address in it is wrong");
});

Deno.test("a header is read wherever its bytes lie in their buffer", () => {
  const bytes = joined(ascii("abc"), binaryHeader(), ascii("def")).subarray(3, -3);
  const header = parseProxyHeader(bytes);
  assert(header !== "more");
  assertEquals([header.length, header.remoteAddr], [28, tcp("192.0.2.1", 4_000)]);
});

// ---- chance ----

/** Whatever the bytes are: "more" up to a point, and from there on one and the same outcome. */
function checkLaws(bytes: Uint8Array, round: number): ProxyHeader | string {
  const whole = outcomeOf(bytes);
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (outcomeOf(bytes.subarray(0, middle)) === "more") low = middle + 1;
    else high = middle;
  }
  for (const cut of [low - 1, low, low + 1, bytes.length - 1]) {
    if (cut < 0 || cut > bytes.length) continue;
    assertEquals(outcomeOf(bytes.subarray(0, cut)), cut < low ? "more" : whole, `round ${round}, ${cut} bytes`);
  }
  if (typeof whole === "string") {
    if (whole === "more") assert(bytes.length < MAX_PROXY_HEADER_BYTES, `round ${round} must end`);
    return whole;
  }
  assertEquals(whole.length, low, `round ${round}`);
  const { remoteAddr } = whole;
  if (remoteAddr === undefined || remoteAddr.transport !== "tcp") return whole;
  assert(isIP(remoteAddr.hostname) > 0 && remoteAddr.port >= 0 && remoteAddr.port <= 65_535, remoteAddr.hostname);
  return whole;
}

Deno.test("no bytes make the parser throw anything but its own errors or ask for more for ever", () => {
  const random = new Random(1);
  const starts = [
    new Uint8Array(0),
    ascii("PROXY "),
    ascii("PROXY TCP6 "),
    SIGNATURE,
    joined(SIGNATURE, ascii("!\x11")),
    joined(SIGNATURE, ascii(" \x11\0\x05")),
  ];
  const seen = new Set<string>();
  for (let round = 0; round < 5_000; round++) {
    const start = starts[random.below(starts.length)] ?? SIGNATURE;
    const noise = Uint8Array.from({ length: random.below(round % 50 === 0 ? 5_000 : 150) }, () => random.below(256));
    const outcome = checkLaws(joined(start, noise), round);
    seen.add(typeof outcome === "string" ? outcome : "header");
  }
  assertEquals([...seen].sort(), ["ERR_PROXY_HEADER_MALFORMED", "ERR_PROXY_HEADER_TOO_LARGE", "header", "more"]);
});

Deno.test("good headers that were damaged are read or refused by the same laws", () => {
  const random = new Random(2);
  const seen = new Set<string>();
  for (let round = 0; round < 5_000; round++) {
    const bytes = [...GOOD_HEADERS[random.below(GOOD_HEADERS.length)]?.[1].subarray(0, 300) ?? []];
    for (let damage = random.below(3); damage >= 0; damage--) {
      const at = random.below(bytes.length);
      const how = random.below(3);
      if (how === 0) bytes[at] = random.below(256);
      else bytes.splice(at, how === 1 ? 1 : 0, ...(how === 1 ? [] : [random.below(256)]));
    }
    const outcome = checkLaws(Uint8Array.from(bytes), round);
    seen.add(typeof outcome === "string" ? outcome : "header");
  }
  assertEquals([...seen].sort(), ["ERR_PROXY_HEADER_MALFORMED", "ERR_PROXY_HEADER_TOO_LARGE", "header", "more"]);
});

Deno.test("every IPv6 address comes out as the runtime writes it", () => {
  const random = new Random(3);
  for (let round = 0; round < 2_000; round++) {
    const groups = Array.from({ length: 8 }, () => random.below(2) === 0 ? 0 : random.below(65_536));
    const inFull = groups.map((group) => group.toString(16).padStart(4, "0")).join(":");
    const text = parseProxyHeader(ascii(`PROXY TCP6 ${inFull} ::1 5000 443\r\n`));
    const binary = parseProxyHeader(binaryHeader({ family: 0x21, body: ipv6Body(groups) }));
    assert(text !== "more" && binary !== "more");
    assertEquals(text.remoteAddr, binary.remoteAddr);
    assert(text.remoteAddr?.transport === "tcp");
    assertEquals(text.remoteAddr.hostname, runtimesWay(groups));
  }
});

/** RFC 5952: no zeros in front, the first of the longest runs of two zero groups or more left out. */
function runtimesWay(groups: readonly number[]): string {
  let [from, to] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start >= 2 && end - start > to - from) [from, to] = [start, end];
  }
  const hex = (some: readonly number[]) => some.map((group) => group.toString(16)).join(":");
  return to === 0 ? hex(groups) : `${hex(groups.slice(0, from))}::${hex(groups.slice(to))}`;
}
