/** What a read loop tells its connection, written down, with answers that the test chooses. */

import { ReadLoop, type ReadPort, type Taken } from "../../src/socket/read_loop.ts";
import { codeOf } from "../../src/transport/error_codes.ts";

/** See the module's comment. */
export class RecordingReader implements ReadPort {
  /** Everything that was told, in order. */
  readonly told: string[] = [];
  /** Every chunk that was offered, as it came. */
  readonly chunks: Buffer[] = [];
  /** Copies of the chunks that were taken. */
  readonly taken: Uint8Array[] = [];
  /** Bytes that came behind a held chunk. */
  arrivedBytes = 0;
  /** How often reading went on after a pause. */
  resumed = 0;
  /** When bytes last came, for the size of the next buffer. */
  movedAt = 0;
  /** What to say to a chunk. */
  answer: (chunk: Buffer) => Taken = () => "go";

  deliver(chunk: Buffer, fresh: boolean): Taken {
    this.told.push(`${fresh ? "fresh" : "again"} ${chunk.length}`);
    this.chunks.push(chunk);
    const answer = this.answer(chunk);
    if (answer !== "hold") this.taken.push(new Uint8Array(chunk));
    return answer;
  }

  arrived(bytes: number): void {
    this.arrivedBytes += bytes;
  }

  breathe(): undefined {}

  reads(): void {
    this.resumed++;
  }

  endWaits(): void {
    this.told.push("end waits");
  }

  peerEnded(): void {
    this.told.push("end");
  }

  readFailed(error: unknown): void {
    this.told.push(`failed ${codeOf(error)}`);
  }
}

/** A loop and its port. */
export function makeReader(): { loop: ReadLoop; port: RecordingReader } {
  const port = new RecordingReader();
  return { loop: new ReadLoop(port), port };
}
