/**
 * WAV files of 16-bit mono sound, written while the sound comes in.
 *
 * @module
 */

const HEADER_BYTES = 44;

/** A WAV file under way; `close` makes it a whole one. */
export class WavFile {
  readonly #file: Deno.FsFile;
  readonly #sampleRate: number;
  #bytes = 0;

  private constructor(file: Deno.FsFile, sampleRate: number) {
    this.#file = file;
    this.#sampleRate = sampleRate;
  }

  /** Makes the file, or empties one that is there. */
  static async create(path: string, sampleRate: number): Promise<WavFile> {
    const wav = new WavFile(await Deno.open(path, { write: true, create: true, truncate: true }), sampleRate);
    await wav.#writeAll(new Uint8Array(HEADER_BYTES)); // filled in at the end, when the length is known
    return wav;
  }

  /** Appends samples, little-endian. */
  async write(samples: Uint8Array): Promise<void> {
    await this.#writeAll(samples);
    this.#bytes += samples.length;
  }

  /** Writes the header and closes the file. */
  async close(): Promise<void> {
    await this.#file.seek(0, Deno.SeekMode.Start);
    await this.#writeAll(this.#header());
    this.#file.close();
  }

  #header(): Uint8Array {
    const bytes = new Uint8Array(HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    const text = (at: number, name: string) => bytes.set(new TextEncoder().encode(name), at);
    text(0, "RIFF");
    view.setUint32(4, HEADER_BYTES - 8 + this.#bytes, true);
    text(8, "WAVEfmt ");
    view.setUint32(16, 16, true); // bytes of the format
    view.setUint16(20, 1, true); // plain samples
    view.setUint16(22, 1, true); // one channel
    view.setUint32(24, this.#sampleRate, true);
    view.setUint32(28, this.#sampleRate * 2, true); // bytes per second
    view.setUint16(32, 2, true); // bytes per sample of all channels
    view.setUint16(34, 16, true); // bits per sample
    text(36, "data");
    view.setUint32(40, this.#bytes, true);
    return bytes;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#file.write(rest));
  }
}
