/** The messages of the live page: one a second for all viewers, none without. */

import { now, startBackgroundTimer, stopTimer, type Timer } from "../base/clock.ts";
import { type Inspection, type Sample, sampleOf, type Snapshot } from "./inspect_snapshot.ts";

/** How many may look at once. */
export const MAX_VIEWERS = 16;

const TICK_MS = 1_000;
/** For how long samples are kept for those who come later. */
const WINDOW_MS = 300_000;
/** Messages that may wait for one viewer. It misses what comes then: each message says everything. */
const MAX_WAITING = 2;
/** A viewer that has missed so many in a row is gone. */
const MAX_MISSED = 30;

interface Viewer {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  missed: number;
}

/** See the module's comment. */
export class InspectFeed {
  readonly #inspection: Inspection;
  readonly #viewers = new Set<Viewer>();
  readonly #encoder = new TextEncoder();
  readonly #samples: Sample[] = [];
  #last!: Snapshot; // since the first viewer
  #timer: Timer;
  #nextAt = 0;

  constructor(inspection: Inspection) {
    this.#inspection = inspection;
  }

  /** How many look. */
  get viewers(): number {
    return this.#viewers.size;
  }

  /** Whether all seats are taken. */
  get full(): boolean {
    return this.#viewers.size >= MAX_VIEWERS;
  }

  /** One more looks, until the stream is cancelled or left unread. */
  open(): ReadableStream<Uint8Array> {
    let viewer: Viewer;
    return new ReadableStream({
      start: (controller) => {
        viewer = { controller, missed: 0 };
        this.#enter(viewer);
      },
      cancel: () => this.#leave(viewer),
    }, { highWaterMark: MAX_WAITING });
  }

  /** Ends all streams. */
  close(): void {
    for (const viewer of [...this.#viewers]) this.#end(viewer);
  }

  #enter(viewer: Viewer): void {
    this.#viewers.add(viewer);
    // While others look the last message is new enough: nobody who comes and goes makes work.
    const last = this.#timer === undefined ? this.#look() : this.#last;
    viewer.controller.enqueue(this.#frame(last, this.#samples));
    if (this.#timer !== undefined) return;
    this.#nextAt = now() + TICK_MS;
    this.#wait();
  }

  #leave(viewer: Viewer): void {
    if (!this.#viewers.delete(viewer) || this.#viewers.size > 0) return;
    stopTimer(this.#timer);
    this.#timer = undefined;
    this.#inspection.forget();
  }

  #end(viewer: Viewer): void {
    this.#leave(viewer);
    viewer.controller.close();
  }

  #wait(): void {
    this.#timer = startBackgroundTimer(() => this.#tick(), Math.max(0, this.#nextAt - now()));
  }

  #tick(): void {
    const frame = this.#frame(this.#look(), this.#samples.slice(-1));
    for (const viewer of [...this.#viewers]) {
      if ((viewer.controller.desiredSize ?? 0) > 0) {
        viewer.controller.enqueue(frame);
        viewer.missed = 0;
      } else if (++viewer.missed >= MAX_MISSED) this.#end(viewer);
    }
    if (this.#viewers.size === 0) return;
    // Seconds that a busy process has slept through are not made up for.
    this.#nextAt = Math.max(this.#nextAt + TICK_MS, now());
    this.#wait();
  }

  #look(): Snapshot {
    const snapshot = this.#last = this.#inspection.look();
    this.#samples.push(sampleOf(snapshot));
    const oldest = snapshot.at - WINDOW_MS;
    while (this.#samples[0]!.at < oldest) this.#samples.shift(); // the newest one stays
    return snapshot;
  }

  #frame(snapshot: Snapshot, samples: readonly Sample[]): Uint8Array {
    const viewers = { now: this.#viewers.size, max: MAX_VIEWERS };
    return this.#encoder.encode(`data: ${JSON.stringify({ ...snapshot, viewers, samples })}\n\n`);
  }
}
