/**
 * CRC32C, the checksum of Castagnoli (RFC 3720, appendix B.4). Ours, because `node:zlib` has the other CRC-32 only; one
 * table and one look-up per byte are enough for headers of some hundred bytes.
 */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** The checksum of those bytes, as an unsigned number. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 255]!; // 256 entries
  return ~crc >>> 0;
}
