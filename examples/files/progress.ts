/**
 * How far it is: a line that changes on a terminal, and plain lines now and then elsewhere.
 *
 * @module
 */

/** Where it is shown. */
export interface ProgressOptions {
  /** Whether a line may be overwritten. */
  terminal: boolean;
  /** Writes a text. */
  write: (text: string) => void;
  /** The time in milliseconds. */
  now?: () => number;
}

// The rate is that of the last seconds.
const RATE_MS = 5_000;
const TERMINAL_INTERVAL_MS = 200;
const PLAIN_INTERVAL_MS = 5_000;

// Control characters, line separators, and the marks that reverse the direction of text.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** Shows itself from when it is made until it is disposed. */
export class Progress implements Disposable {
  readonly #options: Required<ProgressOptions>;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #samples: { at: number; moved: number }[] = [];
  #total = 0;
  #done = 0;
  // Without what an earlier connection brought: that says nothing about the rate.
  #moved = 0;

  /** Begins. */
  constructor(options: ProgressOptions) {
    this.#options = { now: () => performance.now(), ...options };
    this.#samples.push({ at: this.#options.now(), moved: 0 });
    this.#timer = setInterval(() => this.show(), options.terminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS);
  }

  /** There are so many bytes more to move. */
  expect(bytes: number): void {
    this.#total += bytes;
  }

  /** So many bytes more are there; `moved` of them have just come, the others were there. */
  add(bytes: number, moved: number): void {
    this.#done += bytes;
    this.#moved += moved;
  }

  /** Prints a line of its own. */
  say(line: string): void {
    const { terminal, write } = this.#options;
    write(`${terminal ? "\r\x1b[K" : ""}${printable(line)}\n`);
    if (terminal) this.show();
  }

  /** Shows how far it is. */
  show(): void {
    const { terminal, write, now } = this.#options;
    this.#samples.push({ at: now(), moved: this.#moved });
    while (this.#samples.length > 2 && this.#samples[1]!.at <= now() - RATE_MS) this.#samples.shift(); // has two
    const first = this.#samples[0]!; // there is one
    const seconds = (now() - first.at) / 1_000;
    const line = describe(this.#done, this.#total, seconds > 0 ? (this.#moved - first.moved) / seconds : 0);
    write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#options.terminal) this.#options.write("\r\x1b[K");
  }
}

/** A text without what could move the cursor or forge a line. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, "\uFFFD");
}

function describe(done: number, total: number, bytesPerSecond: number): string {
  const percent = total === 0 ? 100 : Math.floor(done / total * 100);
  const left = bytesPerSecond > 0 ? durationText((total - done) / bytesPerSecond) : "?";
  return `${percent} % of ${sizeText(total)}, ${sizeText(bytesPerSecond)}/s, ${left} left`;
}

/** `1.5 MB`: thousands, as disks and networks count them. */
export function sizeText(bytes: number): string {
  const units = ["kB", "MB", "GB", "TB"];
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  let unit = -1;
  do bytes /= 1_000, unit++; while (bytes >= 999.95 && unit < units.length - 1);
  return `${bytes.toFixed(1)} ${units[unit]}`;
}

/** `1:02:03`. */
export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
