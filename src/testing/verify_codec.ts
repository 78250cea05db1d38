/** The laws that every codec keeps, checked on one. */

import { equals } from "@std/bytes";
import { typeError } from "../base/argument_errors.ts";
import { checkInteger, checkKeys, invalid, invalidValue } from "../base/check.ts";
import { checkCodec } from "../framing/check_codec.ts";
import type { Codec } from "../framing/codec.ts";
import { Broken, brokenBy, show, showSteps } from "./broken.ts";
import {
  type CaseFrame,
  checkApart,
  checkCuts,
  checkDamage,
  checkEnds,
  checkRest,
  type CodecCase,
} from "./codec_laws.ts";
import { encodeInto } from "./encode_into.ts";
import { checkLimit, checkWork } from "./limit_laws.ts";

/** What {@link verifyCodec} tries a codec with. */
export interface VerifyCodecOptions<In, Out = In> {
  /**
   * Messages to send, at least one. What is received must be deeply equal to them. Errors are equal if their class,
   * message and own properties are, without the stack.
   */
  messages: readonly In[];
  /**
   * The messages as received, where they differ from those that are sent, for example by a schema. Left out, they are
   * `messages`.
   */
  received?: readonly Out[];
  /**
   * The messages as bytes; then `encode` is not called. For codecs that only receive, for codecs whose frames vary, or
   * to check against known bytes.
   */
  wire?: Uint8Array;
  /** Complete frames that are bad: each must give exactly one `MessageError`. Left out, none is tried. */
  invalid?: readonly Uint8Array[];
  /** The codec's limit, and whole frames around it. Without it, limits are not checked. */
  limit?: {
    /** The `maxFrameBytes` that the codec was made with. From 1,000 bytes on, work that is not linear shows surely. */
    maxFrameBytes: number;
    /** A whole frame of that size, as the limit counts it. It is asked for sizes up to 1 % and 3 bytes over the limit. */
    frame: (bytes: number) => Uint8Array;
  };
  /**
   * The seed of the random cuts.
   *
   * @default {1}
   */
  seed?: number;
}

/**
 * Thrown by {@link verifyCodec}: the codec breaks a law. The message has the smallest input found, in hex, how it was
 * cut into chunks, and where `takeRest()` and `end()` were called.
 */
export class CodecLawError extends Error {
  /** The name of the failure. */
  readonly code = "ERR_CODEC_LAW";
  /** Which law. */
  readonly law: string;
  /** The bytes it was broken with, one after the other as they were pushed. */
  readonly chunks: readonly Uint8Array[];

  /** `verifyCodec` makes it. */
  constructor(
    law: string,
    what: string,
    chunks: readonly Uint8Array[],
    steps: readonly (Uint8Array | string)[] = chunks,
  ) {
    super(`The codec breaks a law: ${law}\n  ${what}\n  input: ${showSteps(steps)}`);
    this.name = "CodecLawError";
    this.law = law;
    this.chunks = chunks;
  }
}

/**
 * Checks that a codec, one of your own for example, keeps what `FrameDecoder` promises, and throws a {@link CodecLawError}
 * with the smallest input that shows it does not. The laws:
 *
 * - The messages are the same however the bytes are cut: in two anywhere, byte by byte, all at once, at random; chunks are
 *   windows on larger buffers, as sockets have them.
 * - What was encoded is decoded as it was; `encodeInto`, where there is one, writes the same bytes. A frame is the
 *   caller's for good.
 * - When the bytes end, wherever that is, what came whole is given, nothing is made up, and what is left is a message of
 *   the end or a `FrameError` with `ERR_FRAME_TRUNCATED`.
 * - A dead decoder stays dead: the same error at every call, and nothing is held.
 * - A bad frame is one `MessageError`, and the frames around it are whole.
 * - The limit holds: one byte less and the limit itself pass, one more does not, and never more is held than the limit
 *   and a chunk.
 * - With `copiesMessages` no message changes when a chunk of which nothing is left is overwritten.
 * - The work is linear: counted in bytes that the runtime copies, clears, searches and decodes. A loop by hand is not seen.
 * - `takeRest()` hands back exactly what was not consumed, and the decoder is as new.
 * - The decoders of a codec know nothing of each other.
 * - Damaged bytes give nothing but messages, `MessageError`s and `FrameError`s, and the same ones however they are cut.
 *
 * Everything is tried with each message alone first, the smallest first, and then with all of them.
 *
 * @throws {CodecLawError} For the first law that is broken.
 * @throws {TypeError | RangeError} For options that are not understood. What `encode` throws for a message is thrown on.
 *
 * @example
 * ```ts
 * import { lengthPrefixed } from "@verb/tcp/framing";
 * import { verifyCodec } from "@verb/tcp/testing";
 *
 * const codec = lengthPrefixed({ bytes: 2, maxFrameBytes: 1_000 });
 * verifyCodec(codec, {
 *   messages: [new Uint8Array(0), new Uint8Array([1, 2, 3])],
 *   limit: {
 *     maxFrameBytes: 1_000,
 *     frame: (bytes) => new Uint8Array([bytes >> 8, bytes, ...new Uint8Array(bytes)]),
 *   },
 * });
 * ```
 */
export function verifyCodec<In, Out = In>(codec: Codec<In, Out>, options: VerifyCodecOptions<In, Out>): void {
  checkOptions(codec, options);
  const seed = checkInteger("seed", options.seed, 1, 0, 0xffff_ffff);
  try {
    verify(codec, options, seed);
  } catch (error) {
    if (error instanceof Broken) throw new CodecLawError(error.law, error.message, error.chunks, error.steps);
    throw error;
  }
}

const NOTHING = new Uint8Array(0);
const LAWS = [checkCuts, checkEnds, checkRest, checkApart];

function verify<In, Out>(codec: Codec<In, Out>, options: VerifyCodecOptions<In, Out>, seed: number): void {
  const { messages, received = messages, wire, limit } = options;
  const good: CaseFrame[] = wire === undefined
    ? checkEncoding(codec, messages).map((bytes, i) => ({ bytes, received: [received[i]] }))
    : [{ bytes: new Uint8Array(wire), received }];
  const bad = (options.invalid ?? []).map((bytes): CaseFrame => ({ bytes, received: [], invalid: true }));
  const maxBufferedBytes = limit === undefined
    ? Math.max(...[...good, ...bad].map(({ bytes }) => bytes.length))
    : limit.frame(limit.maxFrameBytes).length;
  const caseOf = (frames: readonly CaseFrame[]): CodecCase => ({ codec, frames, maxBufferedBytes, seed });

  // The smallest first, so that what fails with one small message is shown with that and not with all of them.
  const sorted = good.toSorted((a, b) => a.bytes.length - b.bytes.length);
  const inputs = [...sorted, ...bad].map((frame) => [frame]);
  for (const frame of bad) inputs.push([...sorted.slice(0, 1), frame, ...sorted.slice(0, 1)]);
  if (good.length > 1) inputs.push(sorted);
  if (bad.length > 1) inputs.push([...bad, ...sorted, ...bad]);
  for (const law of LAWS) for (const input of inputs) checkLaw(law, caseOf(input));
  if (limit !== undefined) checkLimit(caseOf(sorted), limit);
  checkWork(caseOf(good), limit);
  checkDamage(inputs.map(caseOf));
}

/** Leaves out the frames that a law is broken without. */
function checkLaw(law: (one: CodecCase) => void, one: CodecCase): void {
  let broken = brokenBy(law.name, () => law(one));
  if (broken === undefined) return;
  // The largest, which come last, go first.
  for (let frames = one.frames, i = frames.length - 1; i >= 0 && frames.length > 1; i--) {
    const fewer = frames.toSpliced(i, 1);
    const still = brokenBy(law.name, () => law({ ...one, frames: fewer }));
    if (still?.law === broken.law) [broken, frames] = [still, fewer];
  }
  throw broken;
}

/** Gives the frames. A frame stays as it was encoded, whatever becomes of others, and `encodeInto` writes the same. */
function checkEncoding<In>(codec: Codec<In, unknown>, messages: readonly In[]): Uint8Array[] {
  const frames = messages.map((message) => new Uint8Array(codec.encode(message)));
  const encoded = messages.map((message) => codec.encode(message));
  const kept = encoded.map((frame, i) => equals(frame, frames[i] ?? frame));
  // What the caller does to a frame must not reach messages, other frames or the codec.
  for (const frame of encoded) frame.fill(0x55);
  const again = messages.map((message) => codec.encode(message));
  for (const [i, frame] of frames.entries()) {
    const untouched = encoded[i]?.every((byte) => byte === 0x55);
    if (kept[i] && untouched && equals(again[i] ?? NOTHING, frame)) continue;
    throw new Broken(
      "an encoded frame is the caller's for good",
      `the frame of message ${i} changed, or is another one the next time`,
      [frame],
    );
  }
  for (const [i, message] of messages.entries()) {
    const frame = frames[i] ?? NOTHING;
    const written = encodeInto(codec, message);
    if (written === undefined || equals(written, frame)) continue;
    throw new Broken("encodeInto() writes what encode() gives", `message ${i} is ${show(written)}`, [frame]);
  }
  return frames;
}

function checkOptions(codec: unknown, options: VerifyCodecOptions<unknown, unknown>): void {
  checkCodec("codec", codec);
  if (options === undefined) throw invalid("options", "an object with messages", options);
  checkKeys("options", options, ["messages", "received", "wire", "invalid", "limit", "seed"]);
  const { messages, received, wire, limit, invalid: bad } = options;
  const rule = "an array with at least one message";
  if (!Array.isArray(messages)) throw invalid("messages", rule, messages);
  if (messages.length === 0) throw invalidValue("messages", rule, messages);
  if (received !== undefined && !Array.isArray(received)) throw invalid("received", "an array", received);
  if (wire === undefined && received !== undefined && received.length !== messages.length) {
    throw typeError(
      "ERR_INVALID_ARG_VALUE",
      `Option "received" must be as long as "messages" (${messages.length}); it has ${received.length}`,
    );
  }
  if (wire !== undefined && !(wire instanceof Uint8Array)) throw invalid("wire", "a Uint8Array", wire);
  if (bad !== undefined && !(Array.isArray(bad) && bad.every((frame) => frame instanceof Uint8Array))) {
    throw invalid("invalid", "an array of Uint8Arrays", bad);
  }
  if (limit === undefined) return;
  checkKeys("limit", limit, ["maxFrameBytes", "frame"]);
  if (limit.maxFrameBytes === undefined) throw invalid("limit.maxFrameBytes", "an integer from 0 on", undefined);
  checkInteger("limit.maxFrameBytes", limit.maxFrameBytes, 0, 0, 0x7fff_ffff);
  if (typeof limit.frame !== "function") throw invalid("limit.frame", "a function", limit.frame);
}
