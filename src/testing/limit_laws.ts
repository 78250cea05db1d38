/** The laws of size: the limit, and work in proportion to the bytes. */

import { concat } from "@std/bytes";
import { FrameError } from "../base/errors.ts";
import { attempt, Broken } from "./broken.ts";
import { type CodecCase, wireOf } from "./codec_laws.ts";
import { checkDead, compare, drain, type Outcome, type Run, runChunks, windowsOn } from "./codec_run.ts";
import { countWork } from "./count_work.ts";
import { cutEvery, everyByte } from "./cuts.ts";

/** A limit, and frames that count as any number of bytes. */
export interface CaseLimit {
  readonly maxFrameBytes: number;
  readonly frame: (bytes: number) => Uint8Array;
}

/** The limit holds: it passes itself, one byte more does not, and the stream behind that is whole or dead. */
export function checkLimit(one: CodecCase, { maxFrameBytes, frame }: CaseLimit): void {
  const behind = one.frames[0]?.bytes ?? new Uint8Array(0);
  // Pieces so small that one who waits for the end of a frame far over the limit is caught holding too much.
  const pieceBytes = Math.ceil(maxFrameBytes / 1_000) || 1;
  const check = (law: string, bytes: number, judge: (run: Run) => void): void => {
    const wire = concat([frame(bytes), behind]);
    for (const chunks of [[wire], cutEvery(wire, pieceBytes)]) {
      attempt(law, (chunks, steps) => judge(runChunks(one.codec, chunks, one.maxBufferedBytes, steps)), chunks);
    }
  };
  const expected = runChunks(one.codec, [behind]).outcomes;
  for (const bytes of [maxFrameBytes - 1, maxFrameBytes]) {
    const law = "a frame of the limit passes";
    if (bytes < 0) continue;
    check(law, bytes, ({ outcomes: [first, ...others], failure }) => {
      if (failure !== undefined) throw failure;
      if (first !== undefined && "invalid" in first) throw first.invalid;
      if (first === undefined) throw new Broken(law, `a frame of ${bytes} bytes gave nothing`);
      compare(law, others, expected);
    });
  }
  for (const bytes of [maxFrameBytes + 1, maxFrameBytes + 3 * pieceBytes]) {
    const law = "a frame over the limit does not pass";
    check(law, bytes, (run) => {
      const [first, ...others] = run.outcomes;
      if (run.failure !== undefined && first === undefined) return checkDead(run);
      if (first === undefined || "message" in first) {
        throw new Broken(law, `a frame of ${bytes} bytes passed; the limit is ${maxFrameBytes}`);
      }
      compare("a bad frame is one MessageError, and the frames around it are whole", others, expected);
    });
  }
}

/** Bytes that a decoder's work may count for each byte of input, and for each chunk. */
const WORK_PER_BYTE = 16;
const WORK_PER_CHUNK = 64;
/** So many bytes of frames in one chunk, and so many chunks. */
const WORK_BYTES = 2_048;
const WORK_CHUNKS = 256;

/** The work is linear in the bytes: for many frames, for the largest, and for one over the limit. */
export function checkWork(one: CodecCase, limit: CaseLimit | undefined): void {
  const wire = wireOf(one);
  const many = (bytes: number) => concat(Array(Math.ceil(bytes / Math.max(1, wire.length))).fill(wire));
  const inputs: Uint8Array[][] = [[many(WORK_BYTES)], everyByte(many(WORK_CHUNKS))];
  if (limit !== undefined) {
    for (const bytes of [limit.maxFrameBytes, limit.maxFrameBytes + 1]) {
      const frame = limit.frame(bytes);
      inputs.push([frame], cutEvery(frame, Math.ceil(frame.length / WORK_CHUNKS) || 1));
    }
  }
  for (const chunks of inputs) {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    const owned = windowsOn(chunks);
    const work = countWork(() => decode(one, owned, bytes));
    const most = WORK_PER_BYTE * bytes + WORK_PER_CHUNK * chunks.length;
    if (work <= most) continue;
    const what = `${bytes} bytes in ${chunks.length} chunks were ${work} bytes of work; ${most} would be linear`;
    throw new Broken("the work is linear in the bytes", what, [concat(chunks)]);
  }
}

/** What the bytes are has been looked at before. */
function decode({ codec }: CodecCase, chunks: readonly Uint8Array[], bytes: number): void {
  const decoder = codec.decoder();
  const outcomes: Outcome[] = [];
  try {
    for (const chunk of chunks) {
      decoder.push(chunk);
      drain(decoder, outcomes, bytes);
    }
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
  }
}
