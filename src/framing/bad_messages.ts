/** How faces keep one peer's bad messages from standing in everybody's way. */

import { startTimer } from "../base/clock.ts";

/**
 * Bad messages in a row, good ones between them or not, after which a face lets everybody else have a turn: one costs as
 * much as fifty good ones, mostly for its error, and takes the peer two bytes.
 */
export const BAD_MESSAGES_A_TURN = 64;

/** Calls back after the others have had their turn. */
export function nextTurn(goOn: () => void): void {
  startTimer(goOn, 0);
}
