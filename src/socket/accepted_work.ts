/** The end of a socket whose server closes: those who work on what was read are waited for. */

import { canWrite, type LifecycleState } from "./lifecycle.ts";
import type { ReadLoop } from "./read_loop.ts";
import { Traffic } from "./traffic.ts";

/** See the module's comment. */
export abstract class AcceptedWork extends Traffic {
  abstract state: LifecycleState;
  abstract readonly reader: ReadLoop;
  /** The server is closing. */
  draining = false;
  /** The server ends the socket, because the user does not. */
  protected shutDown = false;
  /** What was read before the shutdown is being handed over: an accepted request. */
  protected handsOverLate = false;
  #working = 0;
  /** See {@link letMessagesWait}. */
  messagesWait = false;
  #waitCounts = false;
  #endCame = false;

  abstract end(): void;
  abstract wantMore(): void;
  abstract peerHasEnded(): void;

  /**
   * The server's end, not the user's: as `end()`, but only once a chunk that was read has been handed over and those who
   * work on what was read are done. A handler that writes afterwards is told so and loses nothing but that write.
   */
  endForShutdown(): void {
    this.shutDown = true;
    this.endIfDone();
  }

  /** Somebody works on what was read. True if the drain waits for him: then he calls `workDone` once. */
  workBegun(): boolean {
    if (this.shutDown && !this.handsOverLate) return false;
    this.#working++;
    return true;
  }

  workDone(): void {
    this.#working--;
    this.endIfDone();
  }

  /**
   * Messages that have come wait for their turn: meanwhile nothing more is read, the peer's end is told behind them, and a
   * drain waits for them. Afterwards reading goes on, if it `wantsMore`.
   */
  letMessagesWait(on: boolean, wantsMore: boolean): void {
    if (on === this.messagesWait) return;
    this.messagesWait = on;
    if (on) {
      this.#waitCounts = this.workBegun();
      return;
    }
    if (wantsMore) this.wantMore();
    if (this.#endCame) this.peerHasEnded();
    if (this.#waitCounts) this.workDone();
  }

  /** Whether the peer's end has to wait; then it is told later. */
  protected keepsEnd(): boolean {
    return this.#endCame = this.messagesWait;
  }

  protected endIfDone(): void {
    if (this.shutDown && this.#working === 0 && this.reader.held === undefined && canWrite(this.state)) this.end();
  }
}
