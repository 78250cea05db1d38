/** The order of one room's messages: numbers given to our own, and holes found in those of others. Pure. */

// Origins that are remembered for each room: processes come and go, and each start is a new origin.
const MAX_ORIGINS = 1_024;
// Rooms whose count is kept although nobody here is in them: for processes that only broadcast.
const MAX_COUNTS = 65_536;
const LAST_NUMBER = 2 ** 32 - 1;

/** Where our own messages of one room stand. */
export interface Position {
  epoch: number;
  /** The number of the next message. */
  next: number;
}

/** Gives numbers to our own messages, room by room. */
export class Numbering {
  readonly #rooms = new Map<string, Position>();
  #epochs: number;

  /** `startedAt` is larger for every start of a process: milliseconds since 1970. */
  constructor(startedAt: number) {
    // Several thousand a millisecond, and still an integer for a hundred thousand years.
    this.#epochs = Math.floor(startedAt) * 1_000;
  }

  /** Takes `count` numbers; gives the first of them. */
  take(room: string, count: number): Readonly<Position> {
    let position = this.#rooms.get(room);
    if (position === undefined || position.next > LAST_NUMBER - count) position = { epoch: ++this.#epochs, next: 0 };
    const first = { ...position };
    position.next += count;
    // At the end of the map: the one that was not used for longest is the first to be forgotten.
    this.#rooms.delete(room);
    this.#rooms.set(room, position);
    if (this.#rooms.size > MAX_COUNTS) this.#rooms.delete(this.#rooms.keys().next().value!); // there is one
    return first;
  }
}

/** What became of a payload: it is new, behind that many that never came, or nothing new. */
export type Finding = { readonly missed: number } | "old";

/** What was heard last of each origin, for one room. */
export class Hearing {
  readonly #origins = new Map<string, Position>();

  /** Nothing was heard for a while: the next messages of each origin are its baseline. */
  clear(): void {
    this.#origins.clear();
  }

  /** Judges messages `first` to `first + count - 1` of an origin. The first ones that are heard of it are the baseline. */
  judge(origin: string, epoch: number, first: number, count: number): Finding {
    const last = this.#origins.get(origin);
    if (last !== undefined && (epoch < last.epoch || (epoch === last.epoch && first < last.next))) return "old";
    this.#origins.delete(origin);
    this.#origins.set(origin, { epoch, next: first + count });
    if (this.#origins.size > MAX_ORIGINS) this.#origins.delete(this.#origins.keys().next().value!); // there is one
    return { missed: last === undefined || epoch > last.epoch ? 0 : first - last.next };
  }
}
