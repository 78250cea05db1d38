/** Every framing that carries bytes, for the codecs that stand on one. */

import fc from "npm:fast-check@4.9.0";
import { type Codec, delimited, lengthPrefixed, netstrings } from "../../../src/framing/mod.ts";

/** A framing with a limit and without one, for frames that are too large. */
export interface Framing {
  readonly bounded: (maxFrameBytes: number) => Codec<Uint8Array>;
  readonly unbounded: Codec<Uint8Array>;
}

function framing(make: (maxFrameBytes: number) => Codec<Uint8Array>): Framing {
  return { bounded: make, unbounded: make(Infinity) };
}

const FRAMINGS: Framing[] = [
  framing((maxFrameBytes) => lengthPrefixed({ maxFrameBytes })),
  framing((maxFrameBytes) => lengthPrefixed({ bytes: 1, maxFrameBytes })),
  framing((maxFrameBytes) => lengthPrefixed({ bytes: 2, endian: "little", adjust: -2, maxFrameBytes })),
  framing((maxFrameBytes) => lengthPrefixed({ bytes: "varint", onOversize: "skip", maxFrameBytes })),
  framing((maxFrameBytes) => netstrings({ maxFrameBytes })),
];

/** Any of them. */
export const FRAMING: fc.Arbitrary<Framing> = fc.constantFrom(...FRAMINGS);

/** Any of them, and one whose frames must not have certain bytes in them. */
export const TEXT_FRAMING: fc.Arbitrary<Framing> = fc.constantFrom(
  ...FRAMINGS,
  framing((maxFrameBytes) => delimited({ delimiters: ["\0", "\0\0"].reverse(), maxFrameBytes })),
);
