/** Makes the header of a PROXY protocol, for clients that pass on somebody's connection. */

import { rangeError, typeError } from "../base/argument_errors.ts";
import { checkInteger, checkKeys, checkPort, invalid, invalidValue } from "../base/check.ts";
import { crc32c } from "../base/crc32c.ts";
import { parseIpv4, parseIpv6 } from "../base/ip_address.ts";
import type { ProxyEndpoint } from "./proxy_info.ts";
import { BINARY_START } from "./proxy_header.ts";
import { TLV } from "./proxy_tlvs.ts";

/** A TLV field (type, length, value) for a PROXY header of version 2. */
export interface ProxyTlv {
  /** Its number, from 0 to 255. */
  readonly type: number;
  /**
   * The bytes; a string is sent as UTF-8. Left out it is empty, but for the type 3, the checksum (CRC32C), which is always
   * computed.
   */
  readonly value?: Uint8Array | string;
}

/** The PROXY header that a client sends first: whose connection it passes on. */
export interface ProxyHeaderOptions {
  /**
   * 1 is a line of text, 2 is binary and has room for more.
   *
   * @default {2}
   */
  version?: 1 | 2;
  /**
   * The client. With neither `source` nor `destination` the header says that the connection is the proxy's own
   * (`LOCAL`, in version 1 `UNKNOWN`).
   */
  source?: ProxyEndpoint;
  /** The address that the client has connected to, of the same family as `source`. */
  destination?: ProxyEndpoint;
  /** TLV fields, in version 2 only. */
  tlvs?: readonly ProxyTlv[];
}

const MAX_BODY_BYTES = 65_535;
const UNIX_PATH_BYTES = 108;
const CRC_BYTES = 4;

/** Checks the options and gives the header. Throws a TypeError or RangeError that names what is wrong. */
export function encodeProxyHeader(options: ProxyHeaderOptions): Uint8Array<ArrayBuffer> {
  if (options === undefined) throw invalid("proxyHeader", "an object", options);
  checkKeys("proxyHeader", options, ["version", "source", "destination", "tlvs"]);
  const { version = 2, source, destination, tlvs = [] } = options;
  if (version !== 1 && version !== 2) throw invalidValue("proxyHeader.version", "1 or 2", version);
  if ((source === undefined) !== (destination === undefined)) {
    throw typeError(
      "ERR_MISSING_OPTION",
      'Options "proxyHeader.source" and "proxyHeader.destination" belong together: give both or none',
    );
  }
  const ends = source === undefined || destination === undefined ? undefined : [
    readEnd("proxyHeader.source", source),
    readEnd("proxyHeader.destination", destination),
  ] as const;
  if (ends !== undefined && ends[0].family !== ends[1].family) {
    throw typeError(
      "ERR_INVALID_ARG_VALUE",
      'Options "proxyHeader.source" and "proxyHeader.destination" must be of one family; they are ' +
        `${ends[0].family} and ${ends[1].family}`,
    );
  }
  if (!Array.isArray(tlvs)) throw invalid("proxyHeader.tlvs", "an array", tlvs);
  return version === 1 ? encodeText(ends, tlvs) : encodeBinary(ends, tlvs);
}

interface End {
  readonly family: "IPv4" | "IPv6" | "unix";
  readonly address: string;
  readonly bytes: Uint8Array;
  readonly port: number;
}

function readEnd(name: string, end: ProxyEndpoint): End {
  checkKeys(name, end, "path" in Object(end) ? ["path"] : ["address", "port"]);
  if ("path" in end) {
    const path = typeof end.path === "string" ? new TextEncoder().encode(end.path) : undefined;
    if (path === undefined || path.length > UNIX_PATH_BYTES) {
      throw invalid(`${name}.path`, `a string of at most ${UNIX_PATH_BYTES} bytes`, end.path);
    }
    const bytes = new Uint8Array(UNIX_PATH_BYTES);
    bytes.set(path);
    return { family: "unix", address: "", bytes, port: 0 };
  }
  const { address } = end;
  const ipv4 = typeof address === "string" ? parseIpv4(address) : undefined;
  const groups = typeof address === "string" ? parseIpv6(address) : undefined;
  if (ipv4 === undefined && groups === undefined) throw invalid(`${name}.address`, "an IP address", address);
  const halves = groups ?? [ipv4! >>> 16, ipv4! & 0xffff]; // one of them is there
  return {
    family: groups === undefined ? "IPv4" : "IPv6",
    address,
    bytes: Uint8Array.from(halves.flatMap((half) => [half >> 8, half & 255])),
    port: checkPort(end.port, `${name}.port`),
  };
}

type Ends = readonly [source: End, destination: End] | undefined;

function encodeText(ends: Ends, tlvs: readonly ProxyTlv[]): Uint8Array<ArrayBuffer> {
  if (tlvs.length > 0) {
    throw typeError("ERR_INCOMPATIBLE_OPTION_PAIR", 'Option "proxyHeader.tlvs" needs version 2; it is 1');
  }
  if (ends === undefined) return new TextEncoder().encode("PROXY UNKNOWN\r\n");
  const [source, destination] = ends;
  if (source.family === "unix") {
    throw typeError("ERR_INCOMPATIBLE_OPTION_PAIR", 'Option "proxyHeader.source.path" needs version 2; it is 1');
  }
  const protocol = source.family === "IPv4" ? "TCP4" : "TCP6";
  const words = ["PROXY", protocol, source.address, destination.address, source.port, destination.port];
  return new TextEncoder().encode(`${words.join(" ")}\r\n`);
}

const PROXY_STREAM = { IPv4: 0x11, IPv6: 0x21, unix: 0x31 };

function encodeBinary(ends: Ends, tlvs: readonly ProxyTlv[]): Uint8Array<ArrayBuffer> {
  const addresses = ends === undefined ? [] : [
    ...ends.map(({ bytes }) => bytes),
    ...(ends[0].family === "unix" ? [] : ends.map(({ port }) => Uint8Array.of(port >> 8, port & 255))),
  ];
  const facts = tlvs.map((tlv, index) => encodeTlv(`proxyHeader.tlvs[${index}]`, tlv));
  const parts = [...addresses, ...facts];
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > MAX_BODY_BYTES) {
    throw rangeError(
      `Option "proxyHeader.tlvs" must leave the header at most ${MAX_BODY_BYTES} bytes; it has ${length}`,
    );
  }
  const header = new Uint8Array(BINARY_START.length + 4 + length);
  header.set(BINARY_START);
  header.set([ends === undefined ? 0x20 : 0x21, ends === undefined ? 0 : PROXY_STREAM[ends[0].family]], 12);
  header.set([length >> 8, length & 255], 14);
  let at = 16;
  let checksumAt: number | undefined;
  for (const part of parts) {
    if (facts.includes(part) && part[0] === TLV.CRC32C) checksumAt = at + 3;
    header.set(part, at);
    at += part.length;
  }
  // Of the whole header, with zeros in its own place.
  if (checksumAt !== undefined) new DataView(header.buffer).setUint32(checksumAt, crc32c(header));
  return header;
}

function encodeTlv(name: string, tlv: ProxyTlv): Uint8Array {
  if (tlv === undefined) throw invalid(name, "an object", tlv);
  checkKeys(name, tlv, ["type", "value"]);
  if (tlv.type === undefined) throw invalid(`${name}.type`, "an integer from 0 to 255", tlv.type);
  const type = checkInteger(`${name}.type`, tlv.type, 0, 0, 255);
  const value = type === TLV.CRC32C
    ? new Uint8Array(CRC_BYTES)
    : typeof tlv.value === "string"
    ? new TextEncoder().encode(tlv.value)
    : tlv.value ?? new Uint8Array(0);
  if (!(value instanceof Uint8Array)) throw invalid(`${name}.value`, "a Uint8Array or a string", tlv.value);
  if (value.length > MAX_BODY_BYTES) {
    throw rangeError(`Option "${name}.value" must have at most ${MAX_BODY_BYTES} bytes; it has ${value.length}`);
  }
  const bytes = new Uint8Array(3 + value.length);
  bytes.set([type, value.length >> 8, value.length & 255]);
  bytes.set(value, 3);
  return bytes;
}
