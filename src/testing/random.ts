/** A seeded source of numbers, so that whatever was found can be found again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `below` - 1. The generator is a 32-bit Weyl sequence with a mixing step. */
  below(below: number): number {
    this.#state = (this.#state + 0x9e37_79b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ mixed >>> 16, 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ mixed >>> 13, 0xc2b2_ae35);
    return ((mixed ^ mixed >>> 16) >>> 0) % below;
  }
}
