/** The length field itself: a number of fixed width, or a protobuf varint. */

/** How a length stands on the wire. */
export interface LengthField {
  /** Width in bytes; 0 for a varint. */
  readonly bytes: number;
  readonly little: boolean;
}

/** What a codec with a length field works with, checked. */
export interface LengthLayout extends LengthField {
  /** Bytes in front of the field. */
  readonly offset: number;
  /** What to add to the length to get the bytes behind the field. */
  readonly adjust: number;
  /** Bytes to take off the front; -1: up to the end of the field. */
  readonly strip: number;
  readonly maxFrameBytes: number;
  readonly skipsOversize: boolean;
}

/** Bytes of the longest varint: 64 bits in groups of seven. */
export const LONGEST_VARINT_BYTES = 10;
/** The tenth byte has the highest of the 64 bits and no byte behind it. */
export const LARGEST_LAST_GROUP = 1;

/** The largest length that a field can say. */
export function largestLength(bytes: number): number {
  return bytes === 0 ? Number.MAX_SAFE_INTEGER : Math.min(2 ** (8 * bytes) - 1, Number.MAX_SAFE_INTEGER);
}

/** Reads a field of fixed width; beyond 2^53 the number is not exact, and too large for any limit. */
export function readFixed(buffer: Uint8Array, at: number, field: LengthField): number {
  const { bytes, little } = field;
  if (bytes === 4 && !little) { // as most have it
    return (buffer[at]! << 24 | buffer[at + 1]! << 16 | buffer[at + 2]! << 8 | buffer[at + 3]!) >>> 0; // in range
  }
  let length = 0;
  for (let i = 0; i < bytes; i++) length = length * 256 + buffer[at + (little ? bytes - 1 - i : i)]!; // in range
  return length;
}

/** How many bytes `length` takes in the field. */
export function fieldBytes(length: number, field: LengthField): number {
  if (field.bytes > 0) return field.bytes;
  let bytes = 1;
  for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Writes a length and gives the bytes it took. */
export function writeLength(buffer: Uint8Array, at: number, length: number, field: LengthField): number {
  const { bytes, little } = field;
  if (bytes === 4 && !little) {
    buffer[at] = length >>> 24;
    buffer[at + 1] = length >>> 16;
    buffer[at + 2] = length >>> 8;
    buffer[at + 3] = length;
    return 4;
  }
  for (let i = 0; i < bytes; i++) {
    // Bytes 4 to 7 of an 8-byte field are beyond what a shift can reach.
    const part = i < 4 ? length >>> (8 * i) : Math.floor(length / 2 ** 32) >>> (8 * (i - 4));
    buffer[at + (little ? i : bytes - 1 - i)] = part;
  }
  if (bytes > 0) return bytes;
  let end = at;
  let rest = length;
  for (; rest >= 128; rest = Math.floor(rest / 128)) buffer[end++] = rest % 128 + 128;
  buffer[end++] = rest;
  return end - at;
}
