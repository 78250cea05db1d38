// The facts of a PROXY header of version 2, byte by byte as the specification has them, and the header that clients send.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { TcpError } from "../../src/base/errors.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { encodeProxyHeader, type ProxyHeaderOptions } from "../../src/transport/encode_proxy_header.ts";
import { parseProxyHeader } from "../../src/transport/proxy_header.ts";
import type { ProxyInfo } from "../../src/transport/proxy_info.ts";
import { ascii, binaryHeader, IPV4_BODY, joined, unixBody } from "../support/proxy_headers.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Type, length and value. */
const fact = (type: number, value: Uint8Array | string): Uint8Array => {
  const bytes = typeof value === "string" ? ascii(value) : value;
  return joined(Uint8Array.of(type, bytes.length >> 8, bytes.length & 255), bytes);
};

const withFacts = (...facts: Uint8Array[]) => binaryHeader({ body: joined(IPV4_BODY, ...facts) });

function infoOf(bytes: Uint8Array): ProxyInfo {
  const header = parseProxyHeader(bytes);
  assert(header !== "more");
  return header.info;
}

/** A header of these facts, with a good checksum in the middle of them. */
function summed(before: Uint8Array, behind: Uint8Array): Uint8Array {
  const header = withFacts(before, fact(3, new Uint8Array(4)), behind);
  const at = header.length - behind.length - 4;
  new DataView(header.buffer).setUint32(at, crc32c(header));
  return header;
}

/** The facts of TLS: what the client did, the verdict on its certificate, and more. */
const tls = (client: number, verify: number, ...facts: Uint8Array[]) =>
  fact(0x20, joined(Uint8Array.of(client, 0, 0, verify >> 8, verify & 255), ...facts));

unit("version 1 tells both ends", () => {
  const { tlvs, ...rest } = infoOf(ascii("PROXY TCP6 2001:db8::1 ::ffff:192.0.2.9 4000 443\r\n"));
  assertEquals(rest, {
    version: 1,
    command: "PROXY",
    source: { address: "2001:db8::1", port: 4_000 },
    destination: { address: "192.0.2.9", port: 443 },
    tls: undefined,
    uniqueId: undefined,
  });
  assertEquals(tlvs.size, 0);
});

unit("commands without addresses are told as such", () => {
  assertEquals(infoOf(ascii("PROXY UNKNOWN\r\n")).command, "UNKNOWN");
  assertEquals(infoOf(binaryHeader({ command: 0x20 })).command, "LOCAL");
  const unspecified = infoOf(binaryHeader({ family: 0, body: ascii("whatever") }));
  assertEquals([unspecified.command, unspecified.source, unspecified.tlvs.size], ["PROXY", undefined, 0]);
});

unit("a unix socket's paths are its ends", () => {
  const { source, destination } = infoOf(binaryHeader({ family: 0x31, body: unixBody("/run/a") }));
  assertEquals([source, destination], [{ path: "/run/a" }, { path: "" }]);
});

unit("facts come by their type, unknown ones too, the first of several", () => {
  const id = new Uint8Array(128).fill(7);
  const header = withFacts(
    fact(1, "h2"),
    fact(2, "example.org"),
    fact(4, "\0\0\0"),
    fact(5, id),
    fact(0x30, "blue"),
    fact(0xe1, "ours"),
    fact(0xe1, "again"),
    fact(0xff, ""),
  );
  const { version, command, source, destination, tlvs, uniqueId } = infoOf(header);
  assertEquals([version, command], [2, "PROXY"]);
  assertEquals([source, destination], [{ address: "192.0.2.1", port: 4_000 }, { address: "198.51.100.2", port: 443 }]);
  assertEquals([...tlvs].map(([type, value]) => [type, type === 5 ? "" : new TextDecoder().decode(value)]), [
    [1, "h2"],
    [2, "example.org"],
    [4, "\0\0\0"],
    [5, ""],
    [0x30, "blue"],
    [0xe1, "ours"],
    [0xff, ""],
  ]);
  assertEquals(uniqueId, id);
  header.fill(0);
  assertEquals(uniqueId, id, "they are copies");
});

unit("the facts of TLS are told where the client spoke it", () => {
  const facts = [fact(0x21, "TLSv1.3"), fact(0x22, "Zoë"), fact(0x23, "AES"), fact(0x24, "SHA256"), fact(0x25, "RSA")];
  assertEquals(infoOf(withFacts(tls(7, 0, ...facts))).tls, {
    version: "TLSv1.3",
    cipher: "AES",
    clientCertificate: true,
    verified: true,
    commonName: "Zoë",
    signatureAlgorithm: "SHA256",
    keyAlgorithm: "RSA",
  });
  const verdicts = [tls(1, 0), tls(1, 1), tls(3, 0), tls(5, 0), tls(3, 18)].map((it) => infoOf(withFacts(it)).tls);
  assertEquals(verdicts.map((it) => [it?.clientCertificate, it?.verified]), [
    [false, false],
    [false, false],
    [true, true],
    [true, true],
    [true, false],
  ]);
  assertEquals(infoOf(withFacts(tls(0, 0))).tls, undefined);
});

unit("the checksum is verified wherever it stands, every bit of the header", () => {
  const header = summed(fact(1, "h2"), fact(0xe0, "behind"));
  assertEquals(infoOf(header).tlvs.size, 3);
  for (let at = 16; at < header.length; at++) {
    if (at === 33) continue; // its type: then there is none
    const damaged = header.slice();
    damaged[at]! ^= 4;
    assertEquals(assertThrows(() => parseProxyHeader(damaged), TcpError).code, "ERR_PROXY_HEADER_MALFORMED", `${at}`);
  }
});

const BAD: readonly (readonly [name: string, header: Uint8Array, why: string])[] = [
  ["a checksum of three bytes", withFacts(fact(3, "abc")), "its checksum has 3 bytes"],
  ["a checksum that is wrong", withFacts(fact(3, "abcd")), "its checksum is wrong"],
  ["a fact of one byte", withFacts(Uint8Array.of(1)), "a TLV field in it is longer than the header"],
  ["a fact of two bytes", withFacts(Uint8Array.of(1, 0)), "a TLV field in it is longer than the header"],
  [
    "a fact that runs over the end",
    withFacts(Uint8Array.of(1, 0, 3, 104, 50)),
    "a TLV field in it is longer than the header",
  ],
  ["a unique id of 129 bytes", withFacts(fact(5, new Uint8Array(129))), "its unique id has 129 bytes"],
  ["facts of TLS without a verdict", withFacts(fact(0x20, "\x01\0\0\0")), "its TLS field has 4 bytes"],
  [
    "a fact of TLS that runs over",
    withFacts(tls(1, 0, Uint8Array.of(0x21, 1, 0))),
    "a TLV field in it is longer than the header",
  ],
  [
    "one that runs over where TLS is not spoken",
    withFacts(tls(0, 0, Uint8Array.of(0x21))),
    "is longer than the header",
  ],
];

for (const [name, header, why] of BAD) {
  unit(`a header is refused for ${name}`, () => {
    const error = assertThrows(() => parseProxyHeader(header), TcpError, why);
    assertEquals(error.code, "ERR_PROXY_HEADER_MALFORMED");
  });
}

// ---- what clients send ----

const four = { address: "192.0.2.1", port: 4_000 };
const six = { address: "2001:db8::1", port: 5_000 };

unit("encodeProxyHeader writes version 1", () => {
  const text = (options: ProxyHeaderOptions) => new TextDecoder().decode(encodeProxyHeader({ version: 1, ...options }));
  assertEquals(text({}), "PROXY UNKNOWN\r\n");
  const destination = { address: "198.51.100.2", port: 443 };
  assertEquals(text({ source: four, destination }), "PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\n");
  assertEquals(text({ source: six, destination: six }), "PROXY TCP6 2001:db8::1 2001:db8::1 5000 5000\r\n");
});

unit("encodeProxyHeader writes version 2 as the specification has it", () => {
  assertEquals(encodeProxyHeader({}), binaryHeader({ command: 0x20, family: 0, body: new Uint8Array(0) }));
  const destination = { address: "198.51.100.2", port: 443 };
  assertEquals(encodeProxyHeader({ source: four, destination }), binaryHeader());
  const path = encodeProxyHeader({ source: { path: "/run/a" }, destination: { path: "" } });
  assertEquals(path, binaryHeader({ family: 0x31, body: unixBody("/run/a") }));
});

unit("what encodeProxyHeader writes is read back, with its facts and their checksum", () => {
  const tlvs = [{ type: 2, value: "zoë.example" }, { type: 3 }, { type: 5, value: Uint8Array.of(1, 2) }, { type: 4 }];
  for (const [source, destination] of [[four, four], [six, six], [{ path: "/a" }, { path: "/b" }]] as const) {
    const info = infoOf(encodeProxyHeader({ source, destination, tlvs }));
    assertEquals([info.source, info.destination], [source, destination]);
    assertEquals([...info.tlvs.keys()], [2, 3, 5, 4]);
    assertEquals(info.tlvs.get(2), new TextEncoder().encode("zoë.example"));
    assertEquals(info.uniqueId, Uint8Array.of(1, 2));
  }
});

const WRONG: readonly (readonly [options: unknown, kind: typeof TypeError, words: string])[] = [
  [null, TypeError, '"proxyHeader" must be an object; it is null'],
  [{ versoin: 1 }, TypeError, '"proxyHeader.versoin" is unknown'],
  [{ version: 3 }, TypeError, '"proxyHeader.version" must be 1 or 2; it is 3'],
  [{ source: four }, TypeError, "belong together"],
  [{ destination: four }, TypeError, "belong together"],
  [{ source: four, destination: six }, TypeError, "must be of one family; they are IPv4 and IPv6"],
  [{ source: { address: "localhost", port: 1 }, destination: four }, TypeError, '"proxyHeader.source.address" must be'],
  [{ source: { address: 7, port: 1 }, destination: four }, TypeError, "an IP address; it is 7"],
  [{ source: { address: "::1" }, destination: six }, TypeError, '"proxyHeader.source.port"'],
  [{ source: four, destination: { ...four, port: 65_536 } }, RangeError, '"proxyHeader.destination.port"'],
  [{ source: { path: "x".repeat(109) }, destination: { path: "" } }, TypeError, "at most 108 bytes"],
  [{ version: 1, source: { path: "" }, destination: { path: "" } }, TypeError, "needs version 2; it is 1"],
  [{ version: 1, tlvs: [{ type: 1 }] }, TypeError, '"proxyHeader.tlvs" needs version 2; it is 1'],
  [{ tlvs: {} }, TypeError, '"proxyHeader.tlvs" must be an array'],
  [{ tlvs: [undefined] }, TypeError, '"proxyHeader.tlvs[0]" must be an object'],
  [{ tlvs: [{ type: 1, size: 2 }] }, TypeError, '"proxyHeader.tlvs[0].size" is unknown'],
  [{ tlvs: [{}] }, TypeError, '"proxyHeader.tlvs[0].type" must be'],
  [{ tlvs: [{ type: 256 }] }, RangeError, "from 0 to 255; it is 256"],
  [{ tlvs: [{ type: 1, value: 7 }] }, TypeError, '"proxyHeader.tlvs[0].value" must be'],
  [{ tlvs: [{ type: 1, value: new Uint8Array(65_536) }] }, RangeError, "at most 65535 bytes"],
  [{ tlvs: [{ type: 1, value: new Uint8Array(65_535) }] }, RangeError, "leave the header at most 65535 bytes"],
];

for (const [options, kind, words] of WRONG) {
  unit(`encodeProxyHeader refuses ${JSON.stringify(options).slice(0, 90)}: ${words}`, () => {
    assertThrows(() => encodeProxyHeader(options as ProxyHeaderOptions), kind, words);
  });
}
