/** The facts behind the addresses of a PROXY header of version 2: type, length and value each. */

import { crc32c } from "../base/crc32c.ts";
import type { ProxyTls } from "./proxy_info.ts";

/** The types of the protocol that are looked into. */
export const TLV = {
  CRC32C: 0x03,
  UNIQUE_ID: 0x05,
  TLS: 0x20,
  TLS_VERSION: 0x21,
  TLS_COMMON_NAME: 0x22,
  TLS_CIPHER: 0x23,
  TLS_SIGNATURE: 0x24,
  TLS_KEY: 0x25,
} as const;

const HEAD_BYTES = 3;
const CRC_BYTES = 4;
const MAX_UNIQUE_ID_BYTES = 128;
// In front of the facts within TLS: what the client did, and whether its certificate is good.
const TLS_HEAD_BYTES = 5;
const CLIENT_TLS = 1;
const CLIENT_CERTIFICATE = 2 | 4; // in this connection, or in the session

/** What is wrong with the facts, for the caller's error. */
export class TlvFault extends Error {}

/**
 * Reads the facts of `header`, which begin at `at`: copies, for the header's buffer is not theirs. Throws a
 * {@link TlvFault} for one that runs over the end, for a value that its type cannot have, and for a wrong checksum.
 */
export function readTlvs(header: Uint8Array, at: number): Map<number, Uint8Array> {
  const tlvs = new Map<number, Uint8Array>();
  for (const { type, start, end } of walk(header, at)) {
    if (type === TLV.CRC32C) verifyChecksum(header, start, end);
    if (type === TLV.UNIQUE_ID && end - start > MAX_UNIQUE_ID_BYTES) {
      throw new TlvFault(`its unique id has ${end - start} bytes, at most ${MAX_UNIQUE_ID_BYTES} are allowed`);
    }
    if (!tlvs.has(type)) tlvs.set(type, header.slice(start, end));
  }
  return tlvs;
}

/** The facts of TLS in the value of their type; undefined if the client did not speak it. Throws as {@link readTlvs}. */
export function readTls(value: Uint8Array): ProxyTls | undefined {
  if (value.length < TLS_HEAD_BYTES) throw new TlvFault(`its TLS field has ${value.length} bytes`);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const client = view.getUint8(0);
  const facts = new Map<number, string>();
  const text = new TextDecoder();
  for (const { type, start, end } of walk(value, TLS_HEAD_BYTES)) {
    if (!facts.has(type)) facts.set(type, text.decode(value.subarray(start, end)));
  }
  if ((client & CLIENT_TLS) === 0) return undefined;
  const clientCertificate = (client & CLIENT_CERTIFICATE) !== 0;
  return Object.freeze({
    version: facts.get(TLV.TLS_VERSION),
    cipher: facts.get(TLV.TLS_CIPHER),
    clientCertificate,
    verified: clientCertificate && view.getUint32(1) === 0,
    commonName: facts.get(TLV.TLS_COMMON_NAME),
    signatureAlgorithm: facts.get(TLV.TLS_SIGNATURE),
    keyAlgorithm: facts.get(TLV.TLS_KEY),
  });
}

function* walk(bytes: Uint8Array, at: number): Generator<{ type: number; start: number; end: number }> {
  while (at < bytes.length) {
    const start = at + HEAD_BYTES;
    const end = start + bytes[at + 1]! * 256 + bytes[at + 2]!; // NaN if it is cut
    if (!(end <= bytes.length)) throw new TlvFault("a TLV field in it is longer than the header");
    yield { type: bytes[at]!, start, end };
    at = end;
  }
}

/** The checksum is that of the whole header, with zeros in its own place. */
function verifyChecksum(header: Uint8Array, start: number, end: number): void {
  if (end - start !== CRC_BYTES) throw new TlvFault(`its checksum has ${end - start} bytes`);
  const told = new DataView(header.buffer, header.byteOffset).getUint32(start);
  const summed = header.slice();
  summed.fill(0, start, end);
  if (crc32c(summed) !== told) throw new TlvFault("its checksum is wrong");
}
