/** Damaged and random bytes at decoders, in random chunks: what must never happen, and how to make it happen again. */

import type { Codec, FrameDecoder } from "../../src/framing/mod.ts";
import { FrameError } from "../../src/framing/mod.ts";
import { brokenBy } from "../../src/testing/broken.ts";
import { checkDead, compare, drain, runChunks } from "../../src/testing/codec_run.ts";
import { everyByte, randomCuts } from "../../src/testing/cuts.ts";
import { damage } from "../../src/testing/damage.ts";
import { Random } from "../../src/testing/random.ts";

/** A codec with random options and a stream that it understands. */
export interface Subject {
  readonly codec: Pick<Codec<never, unknown>, "decoder">;
  readonly wire: Uint8Array;
  /** The most that a decoder may hold besides a chunk. */
  readonly maxBufferedBytes: number;
}

/** A kind of codec. */
export interface Target {
  readonly name: string;
  readonly make: (random: Random) => Subject;
}

/** What must not happen did. */
export interface Failure {
  readonly name: string;
  /** The case's own seed: started with it, the first case is this one. */
  readonly seed: number;
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** Cases of each target between two looks at the clock. */
const BATCH = 32;
const LONGEST_RANDOM_BYTES = 64;
const SAME = "what bytes are does not depend on how they are cut";

/** Counts the cases of every target and remembers its oldest decoder. */
export class Fuzzer {
  readonly cases: Map<string, number> = new Map();
  readonly #targets: readonly Target[];
  readonly #seed: number;
  // They see every case for as long as they live, and show whether decoders grow with age.
  readonly #oldest: Map<string, { decoder: FrameDecoder<unknown>; maxBufferedBytes: number }> = new Map();

  constructor(targets: readonly Target[], seed: number) {
    this.#targets = targets;
    this.#seed = seed;
  }

  /** Some cases of each target. The failure, if there was one, is the last case of its target. */
  runBatch(): Failure | undefined {
    for (const target of this.#targets) {
      for (let i = 0; i < BATCH; i++) {
        const count = this.cases.get(target.name) ?? 0;
        this.cases.set(target.name, count + 1);
        const failure = this.#runCase(target, (this.#seed + count) >>> 0);
        if (failure !== undefined) return failure;
      }
    }
    return undefined;
  }

  #runCase(target: Target, seed: number): Failure | undefined {
    const random = new Random(seed);
    const subject = target.make(random);
    const bytes = bytesFor(subject.wire, random);
    const broken = brokenBy("no case dies of this", () => {
      runTwice(subject, bytes, random);
      this.#feedOldest(target.name, subject, bytes);
    });
    if (broken === undefined) return undefined;
    return { name: target.name, seed, what: `${broken.law}: ${broken.message}`, bytes };
  }

  #feedOldest(name: string, { codec, maxBufferedBytes }: Subject, bytes: Uint8Array): void {
    const oldest = this.#oldest.get(name) ?? { decoder: codec.decoder(), maxBufferedBytes };
    this.#oldest.set(name, oldest);
    const { decoder } = oldest;
    try {
      decoder.push(new Uint8Array(bytes));
      drain(decoder, [], bytes.length + oldest.maxBufferedBytes);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#oldest.delete(name);
    }
    if (decoder.bufferedBytes > oldest.maxBufferedBytes + bytes.length) {
      throw new Error(`the oldest decoder holds ${decoder.bufferedBytes} bytes`);
    }
  }
}

function bytesFor(wire: Uint8Array, random: Random): Uint8Array {
  if (random.below(8) === 0) {
    return Uint8Array.from({ length: random.below(LONGEST_RANDOM_BYTES) }, () => random.below(256));
  }
  let bytes = new Uint8Array(wire);
  for (let times = random.below(4); times > 0; times--) bytes = damage(bytes, random);
  return bytes;
}

/** In two ways to cut them the bytes must be the same, and nothing else than the documented errors come out. */
function runTwice({ codec, maxBufferedBytes }: Subject, bytes: Uint8Array, random: Random): void {
  const ways = [[bytes], randomCuts(bytes, random), everyByte(bytes)];
  const first = random.below(3);
  const [one, two] = [first, first + 1 + random.below(2)].map((way) =>
    runChunks(codec, ways[way % 3]!, maxBufferedBytes)
  );
  if (one === undefined || two === undefined) return; // there are two
  checkDead(one);
  checkDead(two);
  compare(SAME, two.outcomes, one.outcomes);
  if (one.failure?.code !== two.failure?.code) {
    throw new Error(`${SAME}: it ended with ${two.failure?.code} and with ${one.failure?.code}`);
  }
}
