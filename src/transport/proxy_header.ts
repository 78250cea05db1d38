/**
 * The header of the PROXY protocol, versions 1 and 2, as HAProxy's `proxy-protocol.txt` has it: with it a balancer tells
 * whose connection it passes on. Bytes in, facts out; reading them is `proxied.ts`.
 *
 * What is wrong is found as soon as it is there, so that a client which speaks something else is not waited for.
 */

import { TcpError } from "../base/errors.ts";
import type { ProxyEndpoint, ProxyInfo } from "./proxy_info.ts";
import { readTls, readTlvs, TLV, TlvFault } from "./proxy_tlvs.ts";
import { normalizeAddress } from "./transport.ts";

/** The longest header that is taken; one of version 1 has at most 107 bytes, and more than 500 are rare in version 2. */
export const MAX_PROXY_HEADER_BYTES = 4_096;

const MAX_LINE_BYTES = 107;
const LINE_START = new TextEncoder().encode("PROXY ");
/** What a header of version 2 begins with. */
export const BINARY_START: Uint8Array = Uint8Array.of(
  0x0d,
  0x0a,
  0x0d,
  0x0a,
  0x00,
  0x0d,
  0x0a,
  0x51,
  0x55,
  0x49,
  0x54,
  0x0a,
);
const BINARY_FIXED_BYTES = 16;
const CR = 0x0d;
const LF = 0x0a;

/** What a header says. */
export interface ProxyHeader {
  /** How long it is: what is behind it belongs to the connection. */
  readonly length: number;
  /** Whose connection it is; undefined where the header does not say (`UNKNOWN`, `LOCAL`), so that the real peer counts. */
  readonly remoteAddr: Deno.Addr | undefined;
  /** All of it. */
  readonly info: ProxyInfo;
}

/** Reads the header at the start of `bytes`; `"more"` if they do not reach to its end. Throws a `TcpError` for a bad one. */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader | "more" {
  return bytes[0] === BINARY_START[0] ? parseBinary(bytes) : parseText(bytes);
}

/** The header did not end before the connection did. */
export function truncatedHeader(bytes: number): TcpError {
  return headerError("TRUNCATED", `the connection ended after ${bytes} bytes of it`);
}

function headerError(what: "MALFORMED" | "TOO_LARGE" | "TRUNCATED", why: string): TcpError {
  return new TcpError(`No valid PROXY header: ${why}`, { code: `ERR_PROXY_HEADER_${what}` });
}

/** Whether all of `start` is there; throws if something else is. */
function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  const there = Math.min(bytes.length, start.length);
  for (let i = 0; i < there; i++) {
    if (bytes[i] !== start[i]) throw headerError("MALFORMED", "the connection begins with something else");
  }
  return there === start.length;
}

// ---- version 1: a line of text ----

function parseText(bytes: Uint8Array): ProxyHeader | "more" {
  if (!startsWith(bytes, LINE_START)) return "more";
  const most = bytes.subarray(0, MAX_LINE_BYTES);
  for (let at = most.indexOf(LF); at >= 0; at = most.indexOf(LF, at + 1)) {
    const ended = most[at - 1] === CR;
    const line = String.fromCharCode(...most.subarray(0, ended ? at - 1 : at));
    // What is behind the word is nobody's business, be it a line feed.
    const unknown = /^PROXY UNKNOWN(?: |$)/.test(line);
    if (ended) return headerOf(at + 1, 1, unknown ? "UNKNOWN" : "PROXY", unknown ? undefined : readLine(line));
    if (!unknown) throw headerError("MALFORMED", "its line ends with LF alone");
  }
  if (bytes.length < MAX_LINE_BYTES) return "more";
  throw headerError("TOO_LARGE", `its line has more than ${MAX_LINE_BYTES} bytes`);
}

function readLine(line: string): AddressPair {
  const [family, source = "", destination = "", sourcePort = "", destinationPort = "", ...more] = line.split(" ").slice(
    1,
  );
  const address = family === "TCP4" ? readIpv4 : family === "TCP6" ? readIpv6 : undefined;
  if (address === undefined || more.length > 0) throw headerError("MALFORMED", "its line is not one of the protocol");
  const [from, to] = [address(source), address(destination)];
  return { source: tcpAddr(from, readPort(sourcePort)), destination: tcpAddr(to, readPort(destinationPort)) };
}

function readIpv4(text: string): string {
  const octets = text.split(".");
  const good = octets.length === 4 && octets.every((octet) => isDecimal(octet, 255));
  if (!good) throw headerError("MALFORMED", "an IPv4 address in it is wrong");
  return text;
}

function readIpv6(text: string): string {
  const written = `http://[${text}]`;
  if (!/^[\da-f:.]+$/i.test(text) || !URL.canParse(written)) {
    throw headerError("MALFORMED", "an IPv6 address in it is wrong");
  }
  // As the runtime writes addresses: lower case, the longest run of zeros left out, mapped IPv4 with dots.
  const short = new URL(written).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(short);
  if (mapped === null) return short;
  const [, high = "", low = ""] = mapped;
  const [upper, lower] = [parseInt(high, 16), parseInt(low, 16)];
  return `::ffff:${upper >> 8}.${upper & 255}.${lower >> 8}.${lower & 255}`;
}

function readPort(text: string): number {
  if (!isDecimal(text, 65_535)) throw headerError("MALFORMED", "a port in it is wrong");
  return Number(text);
}

/** Zeros in front could be taken for octal numbers. */
function isDecimal(text: string, max: number): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= max;
}

// ---- version 2: binary ----

const LOCAL = 0;
const PROXY = 1;
// By family: none, IPv4, IPv6, unix. Two addresses each, and two ports where there are some.
const ADDRESS_BYTES = [0, 12, 36, 216];
const UNIX_PATH_BYTES = 108;
const MAX_PROTOCOL = 2; // none, stream, datagram

function parseBinary(bytes: Uint8Array): ProxyHeader | "more" {
  if (!startsWith(bytes, BINARY_START)) return "more";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 13) return "more";
  const [version, command] = halves(view.getUint8(12));
  if (version !== 2) throw headerError("MALFORMED", `it is of version ${version}`);
  if (command !== LOCAL && command !== PROXY) throw headerError("MALFORMED", `its command is ${command}`);
  if (bytes.length < 14) return "more";
  const [family, protocol] = halves(view.getUint8(13));
  const addressBytes = ADDRESS_BYTES[family];
  // With LOCAL the family is to be ignored.
  if (command === PROXY && (addressBytes === undefined || protocol > MAX_PROTOCOL)) {
    throw headerError("MALFORMED", `its family is ${family}, its protocol ${protocol}`);
  }
  if (bytes.length < BINARY_FIXED_BYTES) return "more";
  const length = BINARY_FIXED_BYTES + view.getUint16(14);
  if (length > MAX_PROXY_HEADER_BYTES) {
    throw headerError("TOO_LARGE", `it has ${length} bytes, at most ${MAX_PROXY_HEADER_BYTES} are taken`);
  }
  const told = command === PROXY && protocol !== 0 ? addressBytes ?? 0 : 0;
  if (length < BINARY_FIXED_BYTES + told) throw headerError("MALFORMED", "it is too short for its addresses");
  if (bytes.length < length) return "more";
  if (command === LOCAL) return headerOf(length, 2, "LOCAL", undefined);
  // Without addresses nobody can tell where the facts begin that may stand behind them.
  if (told === 0) return headerOf(length, 2, "PROXY", undefined);
  return headerOf(
    length,
    2,
    "PROXY",
    readAddresses(view, family),
    bytes.subarray(0, length),
    BINARY_FIXED_BYTES + told,
  );
}

function readAddresses(view: DataView, family: number): AddressPair {
  const at = BINARY_FIXED_BYTES;
  if (family === 1) {
    const hostname = (from: number) => [0, 1, 2, 3].map((i) => view.getUint8(from + i)).join(".");
    return {
      source: tcpAddr(hostname(at), view.getUint16(at + 8)),
      destination: tcpAddr(hostname(at + 4), view.getUint16(at + 10)),
    };
  }
  if (family === 2) {
    const hostname = (from: number) =>
      readIpv6([0, 2, 4, 6, 8, 10, 12, 14].map((i) => view.getUint16(from + i).toString(16)).join(":"));
    return {
      source: tcpAddr(hostname(at), view.getUint16(at + 32)),
      destination: tcpAddr(hostname(at + 16), view.getUint16(at + 34)),
    };
  }
  return { source: readPath(view, at), destination: readPath(view, at + UNIX_PATH_BYTES) };
}

function readPath(view: DataView, at: number): Deno.Addr {
  const path = new Uint8Array(view.buffer, view.byteOffset + at, UNIX_PATH_BYTES);
  const end = path.indexOf(0);
  return { transport: "unix", path: new TextDecoder().decode(end < 0 ? path : path.subarray(0, end)) };
}

// ---- both ----

interface AddressPair {
  readonly source: Deno.Addr;
  readonly destination: Deno.Addr;
}

function tcpAddr(hostname: string, port: number): Deno.Addr {
  return { transport: "tcp", hostname, port };
}

/** `bytes` are the whole header, where facts may begin at `at`. */
function headerOf(
  length: number,
  version: 1 | 2,
  command: ProxyInfo["command"],
  pair: AddressPair | undefined,
  bytes: Uint8Array = new Uint8Array(0),
  at = 0,
): ProxyHeader {
  try {
    const tlvs = readTlvs(bytes, at);
    const tls = tlvs.get(TLV.TLS);
    const info: ProxyInfo = Object.freeze({
      version,
      command,
      source: pair && endpointOf(pair.source),
      destination: pair && endpointOf(pair.destination),
      tlvs,
      tls: tls && readTls(tls),
      uniqueId: tlvs.get(TLV.UNIQUE_ID),
    });
    return { length, remoteAddr: pair?.source, info };
  } catch (fault) {
    if (fault instanceof TlvFault) throw headerError("MALFORMED", fault.message);
    throw fault;
  }
}

function endpointOf(addr: Deno.Addr): ProxyEndpoint {
  if (!("hostname" in addr)) return { path: "path" in addr ? addr.path : "" };
  return { address: normalizeAddress(addr.hostname), port: addr.port };
}

function halves(byte: number): [high: number, low: number] {
  return [byte >> 4, byte & 15];
}
