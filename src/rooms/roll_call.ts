/**
 * Who is in a room, asked over the bus: for rooms without a presence. A question goes to everybody who is subscribed, and
 * each process answers with its members. Where the engine tells how many it has reached, the end of the answers is known.
 *
 *     version 2 | JSON: { wire, origin, ask } or { wire, origin, answer, members, last }
 */

const VERSION = 2;
/** Members that go into one payload. */
const MEMBERS_AN_ANSWER = 256;
/** The most that is kept of the answers to one question. */
const MAX_MEMBERS = 100_000;

/** A question or a part of an answer; `id` is the question's. */
export type RollCall =
  | { readonly kind: "ask"; readonly id: string }
  | {
    readonly kind: "answer";
    readonly id: string;
    readonly members: readonly string[];
    /** Nothing more comes of that process. */
    readonly last: boolean;
  };

interface Head {
  readonly wire: string;
  readonly origin: string;
}

/** The payload of a question. */
export function sealQuestion({ wire, origin }: Head, ask: string): Uint8Array {
  return seal({ wire, origin, ask });
}

/** The payloads of an answer. */
export function sealAnswers({ wire, origin }: Head, answer: string, members: readonly string[]): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  let at = 0;
  do {
    const some = members.slice(at, at + MEMBERS_AN_ANSWER);
    at += MEMBERS_AN_ANSWER;
    payloads.push(seal({ wire, origin, answer, members: some, last: at >= members.length }));
  } while (at < members.length);
  return payloads;
}

/** Reads a payload of another process; undefined for what is none. Anybody may have written it. */
export function openRollCall(payload: Uint8Array, { wire, origin }: Head): RollCall | "own" | undefined {
  if (payload[0] !== VERSION) return undefined;
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(new TextDecoder().decode(payload.subarray(1))));
  } catch {
    return undefined;
  }
  if (value.wire !== wire) return undefined;
  if (value.origin === origin) return "own";
  if (typeof value.ask === "string") return { kind: "ask", id: value.ask };
  if (typeof value.answer !== "string" || !Array.isArray(value.members)) return undefined;
  const members = value.members.filter((member) => typeof member === "string");
  return { kind: "answer", id: value.answer, members, last: value.last === true };
}

function seal(value: object): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const payload = new Uint8Array(1 + text.length);
  payload[0] = VERSION;
  payload.set(text, 1);
  return payload;
}

/** One question that is under way. */
interface Asked {
  readonly members: string[];
  answered: number;
  /** How many have to answer, once that is known. */
  expected: number;
  readonly whole: () => void;
}

/** What a question brought. */
export interface RollCallResult {
  readonly members: readonly string[];
  /** Whether all whom the engine has reached have answered. */
  readonly complete: boolean;
}

/** The answers to questions that are under way. */
export class RollCalls {
  readonly #asked = new Map<string, Asked>();

  /** Begins to collect. `whole` resolves when everybody has answered. */
  begin(): { id: string; whole: Promise<void> } {
    const id = crypto.randomUUID();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asked.set(id, { members: [], answered: 0, expected: Infinity, whole: resolve });
    return { id, whole: promise };
  }

  /** That many have heard the question. */
  expect(id: string, answers: number): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return;
    asked.expected = answers;
    if (asked.answered >= answers) asked.whole();
  }

  collect(id: string, members: readonly string[], last: boolean): void {
    const asked = this.#asked.get(id);
    if (asked === undefined || asked.members.length + members.length > MAX_MEMBERS) return;
    for (const member of members) asked.members.push(member); // they may be too many for one call
    if (last && ++asked.answered >= asked.expected) asked.whole();
  }

  /** Ends the collecting. */
  end(id: string): RollCallResult {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (asked === undefined) return { members: [], complete: false };
    return { members: asked.members, complete: asked.answered >= asked.expected };
  }
}
