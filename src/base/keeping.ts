/** How whoever cuts a source into messages tells it what it keeps of its bytes, where neither knows the other. */

/** Something that keeps bytes of a source. */
export interface Keeper {
  readonly bufferedBytes: number;
}

/** The method of a source that counts what is kept of its bytes; it gives what to call when that has changed. */
export const KEEPS: unique symbol = Symbol("keeps bytes of a source");

/** A source that counts. */
export interface KeptSource {
  [KEEPS](keeper: Keeper): () => void;
}
