/** The laws of the bytes, one function each. Each throws `Broken` with what it found and the chunks that show it. */

import { concat, equals } from "@std/bytes";
import type { Codec } from "../framing/codec.ts";
import { attempt, Broken, type Check, show } from "./broken.ts";
import { checkDead, compare, drain, type Expected, type Outcome, runChunks, take, windowsOn } from "./codec_run.ts";
import { everyByte, placesIn, randomCuts, waysToCut } from "./cuts.ts";
import { damage } from "./damage.ts";
import { Random } from "./random.ts";

/** A frame, and what is to come of it. */
export interface CaseFrame {
  readonly bytes: Uint8Array;
  readonly received: readonly unknown[];
  /** It is bad: one `MessageError`. */
  readonly invalid?: boolean;
}

/** One input for the laws. */
export interface CodecCase {
  readonly codec: Codec<never, unknown>;
  readonly frames: readonly CaseFrame[];
  /** The most that a decoder may hold besides a chunk. */
  readonly maxBufferedBytes: number;
  readonly seed: number;
}

/** The messages are the same however the bytes are cut. */
export function checkCuts(one: CodecCase): void {
  const law = one.frames.some(({ invalid }) => invalid)
    ? "a bad frame is one MessageError, and the frames around it are whole"
    : "the messages are those that were sent, however the bytes are cut";
  const wire = wireOf(one);
  const expected = expectedOf(one.frames);
  const check: Check = (chunks, steps) => {
    const { outcomes, failure } = runChunks(one.codec, chunks, one.maxBufferedBytes, steps);
    compare(law, outcomes, expected);
    if (failure !== undefined) throw failure;
  };
  for (const chunks of waysToCut(wire, placesIn(wire, endsOf(one), one.seed), one.seed)) attempt(law, check, chunks);
}

/** Two decoders that are fed by turns know nothing of each other. */
export function checkApart(one: CodecCase): void {
  const law = "the decoders of a codec know nothing of each other";
  const wire = wireOf(one);
  const check: Check = (chunks, steps) => {
    const both = [one.codec.decoder(), one.codec.decoder()].map((decoder) => ({ decoder, outcomes: [] as Outcome[] }));
    for (const chunk of windowsOn(chunks)) {
      steps.push(chunk);
      for (const { decoder, outcomes } of both) {
        decoder.push(chunk);
        drain(decoder, outcomes, wire.length);
      }
    }
    for (const [i, { decoder, outcomes }] of both.entries()) {
      steps.push(`end() of decoder ${i + 1}`);
      decoder.end();
      drain(decoder, outcomes, wire.length);
      compare(law, outcomes, expectedOf(one.frames));
    }
  };
  attempt(law, check, everyByte(wire));
}

/** Wherever the bytes end, what came whole is given, and the end is clean or a `FrameError`; then the decoder is dead. */
export function checkEnds(one: CodecCase): void {
  const law = "what is whole when the bytes end is given";
  const wire = wireOf(one);
  const ends = endsOf(one);
  for (const place of placesIn(wire, ends, one.seed)) {
    const whole = expectedOf(one.frames.filter((_, i) => (ends[i] ?? 0) <= place));
    const check: Check = (chunks, steps) => {
      const run = runChunks(one.codec, chunks, one.maxBufferedBytes, steps);
      compare(law, run.outcomes.slice(0, whole.length), whole);
      checkDead(run);
    };
    attempt(law, check, [wire.subarray(0, place)]);
  }
}

/** From about this many states of a decoder `takeRest()` is tried. */
const REST_STATES = 8;

/** `takeRest()` hands back exactly what was not consumed, and the decoder is as new. */
export function checkRest(one: CodecCase): void {
  const law = "takeRest() hands back exactly what was not consumed";
  const wire = wireOf(one);
  const expected = expectedOf(one.frames);
  const tryTo = (chunks: readonly Uint8Array[], taken: number, behind: Uint8Array = NOTHING): void =>
    attempt(law, (chunks, steps) => {
      const decoder = one.codec.decoder();
      const outcomes: Outcome[] = [];
      for (const [i, chunk] of windowsOn(chunks).entries()) {
        steps.push(chunk);
        decoder.push(chunk);
        if (i < chunks.length - 1) drain(decoder, outcomes, wire.length);
      }
      for (let i = 0; i < taken; i++) {
        const outcome = take(decoder);
        if (outcome !== undefined) outcomes.push(outcome);
      }
      steps.push(`takeRest() after ${outcomes.length} ${outcomes.length === 1 ? "result" : "results"}`);
      const { bufferedBytes } = decoder;
      const rest = new Uint8Array(decoder.takeRest());
      const pushed = concat(chunks);
      if (!equals(rest, pushed.subarray(pushed.length - rest.length))) {
        throw new Broken(law, `after ${outcomes.length} results it gave ${show(rest)}`);
      }
      if (rest.length !== bufferedBytes || decoder.bufferedBytes !== 0) {
        throw new Broken(
          law,
          `it gave ${rest.length} bytes; bufferedBytes was ${bufferedBytes} and is ${decoder.bufferedBytes}`,
        );
      }
      const handedOver = steps.length;
      steps.push("on a new decoder");
      compare(law, [...outcomes, ...runChunks(one.codec, [rest, behind], Infinity, steps).outcomes], expected);
      steps.length = handedOver;
      for (const chunk of windowsOn([rest, behind])) {
        steps.push(chunk);
        decoder.push(chunk);
        drain(decoder, outcomes, wire.length);
      }
      steps.push("end()");
      decoder.end();
      drain(decoder, outcomes, wire.length);
      compare("after takeRest() a decoder is as new", outcomes, expected);
    }, chunks);

  // A frame may be known to be bad before all of it was consumed, and then the rest does not begin with a frame.
  const hasBad = one.frames.some(({ invalid }) => invalid);
  for (const taken of sampled(expected.length + (hasBad ? 0 : 1))) tryTo([wire], taken);
  if (hasBad) return;
  for (const place of sampled(wire.length)) {
    const [before, behind] = [wire.subarray(0, place), wire.subarray(place)];
    tryTo([before, NOTHING], 0, behind);
    for (const taken of [0, 1]) tryTo([before, behind], taken);
  }
}

/** Numbers from 0 on below `below`: all of few, some of many. */
function sampled(below: number): number[] {
  const step = Math.ceil(below / REST_STATES);
  return Array.from({ length: Math.ceil(below / Math.max(1, step)) }, (_, i) => i * step);
}

/** How many copies of the inputs are damaged at random. */
const DAMAGED_COPIES = 16;

/** Damaged bytes: whatever they are, it does not depend on the cuts, and a decoder that dies of them is dead. */
export function checkDamage(inputs: readonly CodecCase[]): void {
  const law = "what damaged bytes are does not depend on how they are cut";
  for (const [{ codec }, chunks] of damaged(inputs)) {
    const check: Check = (chunks, steps) => {
      const whole = runChunks(codec, [concat(chunks)], Infinity, steps);
      checkDead(whole);
      steps.length = 0;
      const run = runChunks(codec, chunks, Infinity, steps);
      compare(law, run.outcomes, whole.outcomes);
      const [code, wanted] = [run, whole].map(({ failure }) => failure?.code ?? "no error");
      if (code !== wanted) throw new Broken(law, `it ended with ${code}; it should be ${wanted}`);
    };
    attempt(law, check, chunks, true);
  }
}

/** The last input with bytes set to their extreme, and all inputs damaged at random. */
function* damaged(inputs: readonly CodecCase[]): Generator<[one: CodecCase, chunks: readonly Uint8Array[]]> {
  const last = inputs[inputs.length - 1]!; // there is at least one
  const wire = wireOf(last);
  for (const place of sampled(wire.length)) yield [last, everyByte(wire.with(place, 0xff))];
  const random = new Random(last.seed);
  for (let i = 0; i < DAMAGED_COPIES; i++) {
    const one = inputs[i % inputs.length] ?? last;
    const bytes = damage(wireOf(one), random);
    yield [one, i % 2 === 0 ? everyByte(bytes) : randomCuts(bytes, random)];
  }
}

/** All bytes of a case. */
export function wireOf(one: CodecCase): Uint8Array {
  return concat(one.frames.map(({ bytes }) => bytes));
}

const NOTHING = new Uint8Array(0);

function expectedOf(frames: readonly CaseFrame[]): Expected[] {
  return frames.flatMap(({ received, invalid }): Expected[] =>
    invalid ? [{ invalid }] : received.map((message) => ({ message }))
  );
}

/** Where the frames end. */
function endsOf({ frames }: CodecCase): number[] {
  let end = 0;
  return frames.map(({ bytes }) => end += bytes.length);
}
