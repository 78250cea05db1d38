/**
 * What one player gets of a live stream. The socket's queue and the kernel's buffers take megabytes ahead of a slow player:
 * minutes of sound that would all come late. So a few chunks are under way at a time, until the player says that it has
 * played them. Behind those some more wait, and when they become too many the oldest go.
 *
 * Nothing to run here; `source.ts` is the source.
 *
 * @module
 */

import { framed, type FramedSocket, type TCPSocket } from "@verb/tcp";
import { type Ack, type Chunk, lostChunk, sourceCodec } from "./wire.ts";

/** Chunks that a player has been sent and has not played yet, at most: 0.2 s of sound. */
export const WINDOW = 10;
/** Chunks that wait behind those, at most: 0.5 s. */
export const BACKLOG = 25;

/** A chunk as it is, and as it looks on the wire: encoded once for all players. */
export interface EncodedChunk {
  readonly chunk: Chunk;
  readonly frame: Uint8Array;
}

/** The chunks for one player. */
export class Feed {
  readonly #peer: FramedSocket<Chunk, Ack>;
  readonly #say: (news: string) => void;
  /** Sequence numbers of those that are under way, oldest first. */
  readonly #unplayed: number[] = [];
  readonly #backlog: EncodedChunk[] = [];
  /** Where the hole behind those under way begins, and how many are missing there. */
  #lostFrom: Chunk | undefined;
  #missing = 0;
  #lost = 0;

  /** Feeds a player; `say` is told how it does. */
  constructor(socket: TCPSocket, say: (news: string) => void) {
    this.#peer = framed(socket, sourceCodec);
    this.#say = say;
    this.#peer.on("message", ({ sequence }) => this.#played(sequence));
    this.#peer.on("error", (error) => {
      say(error.message);
      socket.destroy(); // an ack that is too short is no player's: else one could go on behind it
    });
  }

  /** How many chunks it has lost so far. */
  get lost(): number {
    return this.#lost;
  }

  /** Takes the newest chunk. */
  push(encoded: EncodedChunk): void {
    this.#backlog.push(encoded);
    if (this.#unplayed.length === WINDOW && this.#backlog.length > BACKLOG) this.#drop();
    this.#fill();
  }

  /** An ack counts for all chunks before, too. One for a chunk that is not under way is none. */
  #played(sequence: number): void {
    this.#unplayed.splice(0, this.#unplayed.indexOf(sequence) + 1);
    this.#fill();
  }

  #drop(): void {
    const oldest = this.#backlog.shift()!; // it is longer than BACKLOG
    if (this.#lost++ === 0) this.#say("is too slow: it begins to lose chunks");
    this.#lostFrom ??= oldest.chunk;
    this.#missing++;
  }

  #fill(): void {
    if (this.#peer.socket.writableEnded) return; // the player has said good-bye
    while (this.#unplayed.length < WINDOW) {
      const next = this.#backlog.shift();
      if (next === undefined) return;
      this.#tellLost();
      this.#peer.sendEncoded(next.frame);
      this.#unplayed.push(next.chunk.sequence);
    }
  }

  #tellLost(): void {
    if (this.#lostFrom === undefined) return;
    this.#peer.send(lostChunk(this.#lostFrom, this.#missing));
    this.#lostFrom = undefined;
    this.#missing = 0;
  }
}
