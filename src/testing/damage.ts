/** Bytes as a broken or hostile peer sends them. */

import { concat } from "@std/bytes";
import type { Random } from "./random.ts";

// What lengths, digits, texts and delimiters are most sensitive to.
const SHARP_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x0d, 0x22, 0x2c, 0x30, 0x39, 0x3a, 0x5b, 0x7b];

/** A copy of `bytes` with one to three places damaged: flipped, cut out, doubled, spliced or set to extremes. */
export function damage(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let damaged = new Uint8Array(bytes);
  for (let times = 1 + random.below(3); times > 0; times--) damaged = damageOnce(damaged, random);
  return damaged;
}

function damageOnce(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + random.below(8));
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (random.below(7)) {
    case 0: // a bit flipped
      return concat([before, part.map((byte, i) => i === 0 ? byte ^ 1 << random.below(8) : byte), after]);
    case 1: // cut out
      return concat([before, after]);
    case 2: // doubled
      return concat([before, part, part, after]);
    case 3: // cut off
      return concat([before]);
    case 4: { // spliced with another place
      const from = random.below(bytes.length + 1);
      return concat([before, bytes.subarray(from, from + 1 + random.below(16)), after]);
    }
    case 5: // set to an extreme, as a length is
      return concat([before, part.map(() => sharpByte(random)), after]);
    default: // bytes put in between
      return concat([before, Uint8Array.from({ length: 1 + random.below(12) }, () => sharpByte(random)), part, after]);
  }
}

function sharpByte(random: Random): number {
  return SHARP_BYTES[random.below(2 * SHARP_BYTES.length)] ?? random.below(256);
}
