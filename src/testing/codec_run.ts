/** One decoder over one input, written down. */

import { FrameError, MessageError } from "../base/errors.ts";
import type { Codec, FrameDecoder } from "../framing/codec.ts";
import { Broken, show, type Step } from "./broken.ts";
import { equalMessages, withoutStacks } from "./equal_messages.ts";

/** What one `next()` gave. */
export type Outcome = { readonly message: unknown } | { readonly invalid: MessageError };

/** What came of an input. */
export interface Run {
  /** In order, those of the end included. */
  readonly outcomes: readonly Outcome[];
  /** How many of them came before the end. */
  readonly beforeEnd: number;
  /** What ended the decoder, if anything did. */
  readonly failure: FrameError | undefined;
  readonly decoder: FrameDecoder<unknown>;
}

/**
 * Pushes the chunks, takes all there is after each, and ends. Checks on the way that no more than `maxBufferedBytes` and
 * a chunk is held, and that nothing is lost in silence. Writes into `steps` what it does.
 */
export function runChunks(
  codec: Pick<Codec<never, unknown>, "decoder" | "copiesMessages">,
  chunks: readonly Uint8Array[],
  maxBufferedBytes = Infinity,
  steps: Step[] = [],
): Run {
  const decoder = codec.decoder();
  const outcomes: Outcome[] = [];
  let pushed = 0;
  let beforeEnd: number | undefined;
  try {
    for (const chunk of windowsOn(chunks)) {
      steps.push(chunk);
      decoder.push(chunk);
      pushed += chunk.length;
      drain(decoder, outcomes, pushed);
      checkHeld(decoder, Math.min(pushed, maxBufferedBytes + chunk.length), pushed);
      // What a socket would read next.
      if (codec.copiesMessages === true && decoder.bufferedBytes === 0) chunk.fill(OVERWRITTEN);
    }
    beforeEnd = outcomes.length;
    steps.push("end()");
    decoder.end();
    drain(decoder, outcomes, pushed);
  } catch (failure) {
    if (!(failure instanceof FrameError)) throw failure;
    const { code } = failure;
    if (beforeEnd !== undefined && code !== TRUNCATED) throw new Broken(END, `its code is ${code}, not ${TRUNCATED}`);
    return { outcomes, beforeEnd: beforeEnd ?? outcomes.length, failure, decoder };
  }
  const { bufferedBytes } = decoder;
  if (bufferedBytes === 0) return { outcomes, beforeEnd, failure: undefined, decoder };
  throw new Broken(END, `the end was clean with ${bufferedBytes} bytes not consumed`);
}

const END = "an end inside a frame is an error";
const TRUNCATED = "ERR_FRAME_TRUNCATED";

function checkHeld({ bufferedBytes }: FrameDecoder<unknown>, most: number, pushed: number): void {
  if (bufferedBytes >= 0 && bufferedBytes <= most) return;
  throw new Broken(
    "never more is held than the largest frame and a chunk",
    `bufferedBytes is ${bufferedBytes} after ${pushed} bytes; it may be ${most}`,
  );
}

const GAP_BYTES = 3;
const OVERWRITTEN = 0x55;

/**
 * Copies, for a decoder takes chunks over: windows in the middle of one buffer, at odd places and with garbage around
 * them, as sockets have them.
 */
export function windowsOn(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer>[] {
  const gaps = GAP_BYTES * (chunks.length + 1);
  const buffer = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, gaps)).fill(0xaa);
  let end = 0;
  return chunks.map((chunk) => {
    const at = end + GAP_BYTES;
    end = at + chunk.length;
    buffer.set(chunk, at);
    return buffer.subarray(at, end);
  });
}

/** Results that a byte may be worth, as in a format of batches. More are taken for a loop without an end. */
const MOST_OUTCOMES_PER_BYTE = 8;

/** Everything that `next()` gives until it wants more; `pushedBytes` is the number of bytes it had so far. */
export function drain(decoder: FrameDecoder<unknown>, outcomes: Outcome[], pushedBytes: number): void {
  for (;;) {
    const outcome = take(decoder);
    if (outcome === undefined) break;
    outcomes.push(outcome);
    if (outcomes.length > MOST_OUTCOMES_PER_BYTE * pushedBytes + 1) {
      throw new Broken("next() comes to an end", `next() gave ${outcomes.length} results for ${pushedBytes} bytes`);
    }
  }
  if (take(decoder) !== undefined) {
    throw new Broken("next() wants more bytes only when it needs them", "next() gave undefined and then a result");
  }
}

/** What the next `next()` gives. */
export function take(decoder: FrameDecoder<unknown>): Outcome | undefined {
  try {
    const message = decoder.next();
    return message === undefined ? undefined : { message };
  } catch (error) {
    if (error instanceof MessageError) return { invalid: error };
    throw error;
  }
}

/** A decoder that has failed throws the same error at every call and holds nothing. */
export function checkDead({ decoder, failure }: Run): void {
  if (failure === undefined) return;
  checkThrows(failure, "next()", () => decoder.next());
  checkThrows(failure, "next() again", () => decoder.next());
  checkThrows(failure, "next() after push()", () => (decoder.push(new Uint8Array(64)), decoder.next()));
  checkThrows(failure, "end()", () => decoder.end());
  const { bufferedBytes } = decoder;
  if (bufferedBytes !== 0) throw new Broken(DEAD, `it holds ${bufferedBytes} bytes after "${failure.message}"`);
}

const DEAD = "a dead decoder stays dead";

function checkThrows(failure: FrameError, name: string, call: () => unknown): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  if (thrown !== failure) throw new Broken(DEAD, `${name} gave ${thrown ?? "no error"} after "${failure.message}"`);
}

/** An outcome that is wanted; of a bad one only that it is bad. */
export type Expected = Outcome | { readonly invalid: true };

/** Breaks `law` unless the outcomes are those that are expected. */
export function compare(law: string, outcomes: readonly Outcome[], expected: readonly Expected[]): void {
  for (let i = 0; i < Math.max(outcomes.length, expected.length); i++) {
    const [got, wanted] = [outcomes[i], expected[i]];
    if (got === undefined || wanted === undefined || !agree(got, wanted)) {
      throw new Broken(law, `result ${i} is ${inWords(got)}; it should be ${inWords(wanted)}`);
    }
  }
}

function agree(got: Outcome, wanted: Expected): boolean {
  if ("invalid" in got || "invalid" in wanted) return "invalid" in got && "invalid" in wanted;
  return equalMessages(got.message, wanted.message);
}

function inWords(outcome: Expected | undefined): string {
  if (outcome === undefined) return "nothing";
  if ("invalid" in outcome) {
    return outcome.invalid === true ? "a MessageError" : `the error "${outcome.invalid.message}"`;
  }
  const { message } = outcome;
  const text = message instanceof Uint8Array
    ? `${message.constructor.name} of ${show(message)}`
    : Deno.inspect(withoutStacks(message));
  return text.length > 400 ? `${text.slice(0, 400)}...` : text;
}
