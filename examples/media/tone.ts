/**
 * The sound: mono, 16,000 samples of 16 bits a second, in pieces of 20 ms, and a tone made of it in place of a microphone.
 *
 * @module
 */

/** Samples per second. */
export const SAMPLE_RATE = 16_000;
/** Milliseconds of sound in one chunk. */
export const CHUNK_MS = 20;
/** Samples in one chunk. */
export const CHUNK_SAMPLES = SAMPLE_RATE * CHUNK_MS / 1_000;

const HERTZ = 440;
const LOUDNESS = 0.5;

/** Piece `index` of a tone that goes on for ever, as samples in little-endian order, like in a WAV file. */
export function tone(index: number): Uint8Array {
  const bytes = new Uint8Array(CHUNK_SAMPLES * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < CHUNK_SAMPLES; i++) {
    const seconds = (index * CHUNK_SAMPLES + i) / SAMPLE_RATE;
    view.setInt16(i * 2, Math.round(Math.sin(2 * Math.PI * HERTZ * seconds) * LOUDNESS * 32_767), true);
  }
  return bytes;
}
