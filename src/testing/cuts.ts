/** Ways to cut bytes into chunks. */

import { Random } from "./random.ts";

/** Up to this many bytes every place is tried; of more, places at random and those around the frames' ends. */
const EVERY_PLACE_BYTES = 2_048;
const SAMPLED_PLACES = 256;
const MOST_RANDOM_WAYS = 8;

/** The pieces between the places. */
export function cutAt(wire: Uint8Array, places: readonly number[]): Uint8Array[] {
  return [0, ...places].map((from, i) => wire.subarray(from, places[i] ?? wire.length));
}

/** Pieces of `size` bytes, the last one of what is left. */
export function cutEvery(wire: Uint8Array, size: number): Uint8Array[] {
  return cutAt(wire, Array.from({ length: Math.max(0, Math.ceil(wire.length / size) - 1) }, (_, i) => (i + 1) * size));
}

/** Byte by byte. */
export function everyByte(wire: Uint8Array): Uint8Array[] {
  return cutEvery(wire, 1);
}

/** In a few places at random; two in the same place have a chunk of nothing between them. */
export function randomCuts(wire: Uint8Array, random: Random): Uint8Array[] {
  const places = Array.from(
    { length: 2 + random.below(Math.min(32, wire.length + 1)) },
    () => random.below(wire.length + 1),
  );
  return cutAt(wire, places.sort((a, b) => a - b));
}

/** Places in the wire: all of them, or enough. `ends` are where frames end. */
export function placesIn(wire: Uint8Array, ends: readonly number[], seed: number): number[] {
  if (wire.length <= EVERY_PLACE_BYTES) return Array.from({ length: wire.length + 1 }, (_, i) => i);
  const random = new Random(seed);
  const places = new Set<number>([0, wire.length]);
  for (const end of ends) for (const near of [-2, -1, 0, 1, 2, 5]) places.add(end + near);
  for (let i = 0; i < SAMPLED_PLACES; i++) places.add(random.below(wire.length));
  return [...places].filter((place) => place >= 0 && place <= wire.length).sort((a, b) => a - b);
}

/** All at once, in two everywhere, byte by byte without and with chunks of nothing in between, and at random. */
export function* waysToCut(wire: Uint8Array, places: readonly number[], seed: number): Generator<Uint8Array[]> {
  yield [wire];
  for (const place of places) yield cutAt(wire, [place]);
  const bytes = everyByte(wire);
  yield bytes;
  yield bytes.flatMap((byte) => [byte, wire.subarray(0, 0)]);
  const random = new Random(seed);
  for (let i = Math.min(MOST_RANDOM_WAYS, wire.length); i > 0; i--) yield randomCuts(wire, random);
}
