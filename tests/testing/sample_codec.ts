/** A codec to break: one byte of length and the bytes behind it, written as one outside of the library would. */

import { concat } from "@std/bytes";
import { type Codec, type FrameDecoder, FrameError } from "../../src/framing/mod.ts";

export const SAMPLE_LIMIT = 200;

/** Correct. Tests override what they break. */
export class SampleDecoder implements FrameDecoder<Uint8Array> {
  chunks: Uint8Array[] = [];
  bufferedBytes = 0;
  failure: FrameError | undefined;

  push(chunk: Uint8Array): void {
    if (this.failure !== undefined) return;
    this.chunks.push(chunk);
    this.bufferedBytes += chunk.length;
  }

  next(): Uint8Array | undefined {
    if (this.failure !== undefined) throw this.failure;
    if (this.bufferedBytes === 0) return undefined;
    const bodyBytes = this.length();
    if (bodyBytes > SAMPLE_LIMIT) throw this.fail("ERR_FRAME_TOO_LARGE");
    return this.bufferedBytes > bodyBytes ? this.consume(1 + bodyBytes).subarray(1) : undefined;
  }

  end(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.bufferedBytes > 0) throw this.fail("ERR_FRAME_TRUNCATED");
  }

  takeRest(): Uint8Array {
    return this.consume(this.bufferedBytes);
  }

  /** What the first byte says. */
  length(): number {
    return this.chunks.find((chunk) => chunk.length > 0)?.[0] ?? 0;
  }

  /** The first `bytes`; joins chunks only when a whole frame is there. */
  consume(bytes: number): Uint8Array {
    const [only, ...others] = this.chunks;
    const joined = only !== undefined && others.length === 0 ? only : concat(this.chunks);
    this.chunks = [joined.subarray(bytes)];
    this.bufferedBytes -= bytes;
    return joined.subarray(0, bytes);
  }

  fail(code: string): FrameError {
    this.chunks = [];
    this.bufferedBytes = 0;
    return this.failure = new FrameError(`the sample died of ${code}`, { code });
  }
}

/** The codec of a decoder like the sample's, with whatever else is to be different. */
export function sampleCodec(
  decoder: () => FrameDecoder<Uint8Array> = () => new SampleDecoder(),
  others: Partial<Codec<Uint8Array>> = {},
): Codec<Uint8Array> {
  return { decoder, encode: sampleFrame, ...others };
}

/** A frame; too large ones, too. */
export function sampleFrame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array([message.length, ...message]);
}

/** A frame of as many bytes. */
export function sampleFrameOf(bytes: number): Uint8Array<ArrayBuffer> {
  return sampleFrame(new Uint8Array(bytes));
}
