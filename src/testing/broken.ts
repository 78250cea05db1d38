/** How an input breaks a law, and the smallest such input. */

import { concat } from "@std/bytes";
import { FrameError, MessageError } from "../base/errors.ts";

/** The law that every other one stands on. */
export const TYPED_ERRORS = "errors are FrameErrors and MessageErrors";

/** What was done with a decoder: a chunk that was pushed, or in words what else was called. */
export type Step = Uint8Array | string;

/** A broken law; the message says what was seen. */
export class Broken extends Error {
  readonly law: string;
  /** What was pushed, one after the other. */
  readonly chunks: readonly Uint8Array[];
  /** The same with the calls in between. */
  readonly steps: readonly Step[];

  constructor(law: string, what: string, chunks: readonly Uint8Array[] = [], steps: readonly Step[] = chunks) {
    super(what);
    this.law = law;
    this.chunks = chunks;
    this.steps = steps;
  }
}

/** Steps for people, in a line. */
export function showSteps(steps: readonly Step[]): string {
  return steps.map((step) => typeof step === "string" ? step : show(step)).join(" | ");
}

/** Bytes for people: all of few, the ends of many. */
export function show(bytes: Uint8Array): string {
  const hex = (part: Uint8Array) => Array.from(part, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  if (bytes.length === 0) return "nothing";
  if (bytes.length <= 64) return hex(bytes);
  return `${hex(bytes.subarray(0, 32))} ... ${hex(bytes.subarray(-8))} (${bytes.length} bytes)`;
}

/** What one run of a check finds. An error that is not a `Broken` breaks `law`, or {@link TYPED_ERRORS}. */
export function brokenBy(law: string, check: () => void): Broken | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof Broken) return error;
    if (error instanceof FrameError) return new Broken(law, `it died of "${error.message}"`);
    if (error instanceof MessageError) return new Broken(law, `it gave the error "${error.message}"`);
    return new Broken(TYPED_ERRORS, `it threw ${error}`);
  }
}

// A slow decoder and a long input must not keep the one who waits for the failure.
const MOST_TRIES = 1_000;
const LONGEST_LEFT_OUT = 8;

/** Chunks of bytes, the beginning of a decoder's life. */
type Chunks = readonly Uint8Array[];

/** Looks at what becomes of chunks, and writes into `steps` what it does with them. */
export type Check = (chunks: Chunks, steps: Step[]) => void;

/**
 * Runs a check on chunks. If it breaks, throws what it finds with as few of them as still break it when joined, and, where
 * bytes may be left out, with as few bytes.
 */
export function attempt(law: string, check: Check, chunks: Chunks, leavesOut = false): void {
  let steps: Step[] = [];
  let broken = brokenBy(law, () => check(chunks, steps));
  if (broken === undefined) return;
  let shown = chunks;
  let tries = 0;
  const takes = (fewer: Chunks): boolean => {
    const tried: Step[] = [];
    const still = tries++ < MOST_TRIES ? brokenBy(law, () => check(fewer, tried)) : undefined;
    if (still === undefined || still.law !== broken?.law) return false;
    [broken, shown, steps] = [still, fewer, tried];
    return true;
  };
  // Many neighbours at once at first, then half as many each time round.
  for (let size = shown.length; size > 1; size = size === 2 ? 1 : Math.ceil(size / 2)) {
    for (let i = 0; i + 1 < shown.length;) {
      const joined = concat(shown.slice(i, i + size));
      if (!takes(shown.toSpliced(i, size, joined))) i += size - 1;
    }
  }
  for (let size = leavesOut ? LONGEST_LEFT_OUT : 0; size >= 1; size /= 2) {
    for (const i of shown.keys()) {
      for (let bytes = shown[i]!, at = bytes.length - size; at >= 0; at--) { // i is one of its keys
        if (takes(shown.with(i, concat([bytes.subarray(0, at), bytes.subarray(at + size)])))) bytes = shown[i]!; // too
      }
    }
  }
  throw new Broken(broken.law, broken.message, shown, steps);
}
