/** The rooms of this process and those of others: what goes out to the bus, and what comes in from it. */

import { startTimer, stopTimer, wallTime } from "../base/clock.ts";
import { openEnvelope, sealEnvelope } from "./envelope.ts";
import { openRollCall, type RollCallResult, RollCalls, sealAnswers, sealQuestion } from "./roll_call.ts";
import type { BusState, RoomBus } from "./room_bus.ts";
import { Hearing, Numbering } from "./sequence.ts";
import { Subscription } from "./subscription.ts";

/** What one turn broadcasts to a room leaves in pieces of at most that many bytes, unless one message has more. */
const JOINED_BYTES = 65_536;
/** Bytes that may be under way to the engine; what is beyond is dropped. */
const MAX_UNDER_WAY_BYTES = 16 * 1_024 * 1_024;
/** How long the answers of other processes are waited for. */
const ROLL_CALL_MS = 500;
/** How long the engine is told of the end; it may not be there. */
const END_MS = 1_000;

/** What rooms count of their bus. */
export interface BusCounts {
  /** Messages that were handed to the engine. */
  published: number;
  /** Messages that could not be handed to it: it was not reachable, or too many were under way. */
  dropped: number;
  /** Messages that came from other processes. */
  received: number;
  /** Messages of other processes that were lost, as far as later messages showed it. */
  missed: number;
  /** Payloads that were ignored: of another `wire`, damaged, or received before. */
  ignored: number;
}

/** Whom a link works for. */
export interface BusLinkOwner {
  /** Messages from elsewhere, as they go to members, but to those that are in one of `others`. */
  arrived(room: string, frames: Uint8Array, others: readonly string[]): void;
  missed(room: string, origin: string, count: number): void;
  /** What is said of the members of that room here. */
  present(room: string): string[];
  stateChanged(state: BusState): void;
  /** A call of the engine failed; it is tried again where that makes sense. */
  failed(error: unknown): void;
}

interface Batch {
  readonly room: string;
  readonly others: readonly string[];
  readonly frames: Uint8Array[];
  bytes: number;
}

interface Listening {
  readonly subscription: Subscription;
  readonly hearing: Hearing;
}

/** See the module's comment. */
export class BusLink {
  readonly counts: BusCounts = { published: 0, dropped: 0, received: 0, missed: 0, ignored: 0 };
  state: BusState = "up";
  /** What others know this process by. */
  readonly origin: string = crypto.getRandomValues(new Uint8Array(16)).toHex();
  readonly #bus: RoomBus;
  readonly #wire: string;
  readonly #owner: BusLinkOwner;
  readonly #rollCalls = new RollCalls();
  // How many questions are under way in each room.
  readonly #asking = new Map<string, number>();
  readonly #numbering = new Numbering(wallTime());
  readonly #rooms = new Map<string, Listening>();
  readonly #stopHearing: (() => void) | undefined;
  #batches: Batch[] = [];
  #underWayBytes = 0;

  constructor(bus: RoomBus, wire: string, owner: BusLinkOwner) {
    this.#bus = bus;
    this.#wire = wire;
    this.#owner = owner;
    this.#stopHearing = bus.onState?.((state) => this.#change(state));
  }

  /** What is said in that room elsewhere is wanted. True once it arrives, false if it is not wanted any more by then. */
  open(room: string): Promise<boolean> {
    let listening = this.#rooms.get(room);
    if (listening === undefined) {
      const hearing = new Hearing();
      const subscription = new Subscription(this.#bus, channelOf(room), {
        receive: (payload, wanted) => this.#receive(room, hearing, payload, wanted),
        ended: () => hearing.clear(),
        failed: (error) => this.#owner.failed(error),
      });
      this.#rooms.set(room, listening = { subscription, hearing });
    }
    return listening.subscription.want();
  }

  /** It is not wanted any more, unless somebody waits for answers. */
  async close(room: string): Promise<void> {
    if (!this.#asking.has(room)) await this.#drop(room);
  }

  async #drop(room: string): Promise<void> {
    const subscription = this.#rooms.get(room)?.subscription;
    await subscription?.drop();
    if (subscription?.over === true && this.#rooms.get(room)?.subscription === subscription) this.#rooms.delete(room);
  }

  /** Sends a message to that room in all other processes, behind this turn. */
  publish(room: string, frame: Uint8Array, others: readonly string[]): void {
    const last = this.#batches.findLast((batch) => batch.room === room);
    if (last !== undefined && last.bytes + frame.length <= JOINED_BYTES && sameNames(last.others, others)) {
      last.frames.push(frame);
      last.bytes += frame.length;
      return;
    }
    if (this.#batches.push({ room, others, frames: [frame], bytes: frame.length }) === 1) {
      queueMicrotask(() => this.#flush());
    }
  }

  /** Asks all other processes who is in that room, and waits for their answers for at most half a second. */
  async ask(room: string): Promise<RollCallResult> {
    const { id, whole } = this.#rollCalls.begin();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = startTimer(resolve, ROLL_CALL_MS);
    this.#asking.set(room, (this.#asking.get(room) ?? 0) + 1);
    try {
      await Promise.race([late, this.#question(room, id, whole)]);
    } catch (error) {
      this.#owner.failed(error);
    }
    stopTimer(timer);
    const others = (this.#asking.get(room) ?? 1) - 1;
    if (others > 0) this.#asking.set(room, others);
    else this.#asking.delete(room);
    if (this.#owner.present(room).length === 0) void this.close(room); // it was opened for the answers
    return this.#rollCalls.end(id);
  }

  async #question(room: string, id: string, whole: Promise<void>): Promise<void> {
    await this.open(room);
    const reached = await this.#bus.publish(
      channelOf(room),
      sealQuestion({ wire: this.#wire, origin: this.origin }, id),
    );
    if (typeof reached === "number") this.#rollCalls.expect(id, reached - 1); // but for ourselves
    await whole;
  }

  #hearRollCall(room: string, payload: Uint8Array): boolean {
    const head = { wire: this.#wire, origin: this.origin };
    const heard = openRollCall(payload, head);
    if (heard === undefined) return false;
    if (heard === "own") return true;
    if (heard.kind === "answer") this.#rollCalls.collect(heard.id, heard.members, heard.last);
    else for (const answer of sealAnswers(head, heard.id, this.#owner.present(room))) void this.#answer(room, answer);
    return true;
  }

  // Never rejects.
  async #answer(room: string, payload: Uint8Array): Promise<void> {
    if (this.#underWayBytes + payload.length > MAX_UNDER_WAY_BYTES) return;
    this.#underWayBytes += payload.length;
    try {
      await this.#bus.publish(channelOf(room), payload);
    } catch (error) {
      this.#owner.failed(error);
    } finally {
      this.#underWayBytes -= payload.length;
    }
  }

  /** Ends every subscription and the bus. */
  async end(): Promise<void> {
    this.#stopHearing?.();
    this.#flush();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = startTimer(resolve, END_MS);
    await Promise.race([late, Promise.all([...this.#rooms.keys()].map((room) => this.#drop(room)))]);
    stopTimer(timer);
    for (const { subscription } of this.#rooms.values()) subscription.stop();
    await this.#bus.close();
  }

  #flush(): void {
    const batches = this.#batches;
    this.#batches = [];
    for (const batch of batches) void this.#send(batch);
  }

  // Never rejects.
  async #send({ room, others, frames, bytes }: Batch): Promise<void> {
    const count = frames.length;
    // Numbers are taken for what is dropped, too: so the others hear of the hole.
    const { epoch, next } = this.#numbering.take(room, count);
    if (this.state === "down" || this.#underWayBytes + bytes > MAX_UNDER_WAY_BYTES) {
      this.counts.dropped += count;
      return;
    }
    this.#underWayBytes += bytes;
    try {
      const head = { wire: this.#wire, origin: this.origin, epoch, first: next, count, others };
      await this.#bus.publish(channelOf(room), sealEnvelope(head, frames));
      this.counts.published += count;
    } catch (error) {
      this.counts.dropped += count;
      this.#owner.failed(error);
    } finally {
      this.#underWayBytes -= bytes;
    }
  }

  #receive(room: string, hearing: Hearing, payload: Uint8Array, wanted: boolean): void {
    if (wanted && payload instanceof Uint8Array && this.#hearRollCall(room, payload)) return;
    const envelope = payload instanceof Uint8Array ? openEnvelope(payload) : undefined;
    if (envelope === undefined || envelope.wire !== this.#wire) {
      if (wanted) this.counts.ignored++;
      return;
    }
    const { origin, epoch, first, count, frames, others } = envelope;
    if (origin === this.origin) return; // our own, which everybody here has
    const finding = hearing.judge(origin, epoch, first, count);
    if (!wanted) return; // it is no hole if the room is wanted again
    if (finding === "old") return void this.counts.ignored++;
    if (finding.missed > 0) {
      this.counts.missed += finding.missed;
      this.#owner.missed(room, origin, finding.missed);
    }
    this.counts.received += count;
    this.#owner.arrived(room, frames, others);
  }

  #change(state: BusState): void {
    if (state === this.state) return;
    this.state = state;
    this.#owner.stateChanged(state);
    if (state === "down") return;
    for (const { subscription } of this.#rooms.values()) subscription.retry();
  }
}

/** Nothing in a name has a meaning for an engine then: no wildcard, no dot, no space. */
function channelOf(room: string): string {
  return new TextEncoder().encode(room).toBase64({ alphabet: "base64url", omitPadding: true });
}

function sameNames(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((name, index) => name === others[index]);
}
