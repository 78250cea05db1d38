/**
 * Lets everybody have a turn while the program is busy.
 *
 * Deno asks the system what the network has brought only when the program has nothing else to do, or after dozens of
 * rounds of its event loop. A read that finds bytes waiting goes on in a microtask, so a few peers whose messages cost
 * time keep each other going, and everybody else, newcomers included, waits for seconds. Therefore all that read wait for a
 * timer now and then: that makes the runtime look, and then costs next to nothing. Those whose last chunk was cheap go on
 * after one look; those whose chunks cost time go on one after the other, with a look between them. While the program has
 * time between its reads the timer fires by itself, and nobody ever waits.
 *
 * The runtime finishes at most 128 reads at a time. The others wait until it has looked again, and then for those that are
 * new, for ever where these are as many again. Therefore no more than half as many go on after one look, and nobody
 * reads twice before all of them have had their turn; and where there are more connections than that, and much comes, it
 * is seen to twice a second that all of them are read.
 */

import { afterReads, now, startTimer, stopTimer, type Timer } from "./clock.ts";
import { load } from "./read_proof.ts";

// How long the timer runs: what it costs is spread over everything that is read meanwhile.
const LOOK_MS = 5;
// Without a look for this long, everybody waits for one; and this much is done between two looks.
const BUSY_MS = 25;
const READS_AT_A_TIME = 128;
// So many of the cheap ones go on after a look.
const CHEAP_A_LOOK = READS_AT_A_TIME / 2;
// As often as that it is seen to that all are read, if so much has come and gone meanwhile that some may have been left out.
const PROOF_EVERY_MS = 500;
const MUCH = 2_000;
/** From here on a chunk counts as one that costs time. */
export const COSTLY_MS = 2;

interface Costly {
  readonly costMs: number;
  readonly goOn: () => void;
}

let timer: Timer;
let lookedAt = 0;
let looks = 0;
// What costly ones have cost since the last look.
let spentMs = 0;
// Those that wait for a look, and those that have had theirs and go on in small numbers.
const cheap: (() => void)[] = [];
const looked: (() => void)[] = [];
let costly: Costly[] = [];

// When that was last, and how much had come and gone by then.
let transfers = 0;
let provedAt = -Infinity;
let proving: Timer;

/** How many looks there were. */
export function looksTaken(): number {
  return looks;
}

/** Whether the runtime has not looked at the network for too long before `at` of the clock, or some wait for their turn. */
export function isBusy(at: number): boolean {
  if (timer === undefined) look(at);
  return looked.length > 0 || at - lookedAt >= BUSY_MS;
}

/**
 * For whoever has dealt with what it read, at `at` of the clock, which took `costMs`: undefined to go on, or a promise to
 * wait for before the next read.
 */
export function breathe(at: number, costMs: number): Promise<void> | undefined {
  if (!isBusy(at)) return undefined;
  if (costMs >= COSTLY_MS) return takeTurns(costMs);
  return waitForLook();
}

function waitForLook(): Promise<void> {
  load.passing = passing;
  return new Promise((goOn) => void cheap.push(goOn));
}

/** Resolves when the others have had their turn. The caller's last one took `costMs`. */
export function takeTurns(costMs: number): Promise<void> {
  load.passing = passing;
  spentMs += costMs;
  return new Promise((goOn) => {
    costly.push({ costMs, goOn });
    if (timer === undefined) look(now());
  });
}

/** It goes on behind all who wait now. */
async function passing(): Promise<void> {
  await Promise.all([waitForLook(), takeTurns(0)]);
}

/** Nobody reads any more: whoever waits goes on, and the timer is forgotten. */
export function stopBreathing(): void {
  stopTimer(timer);
  timer = undefined;
  for (const { goOn } of costly.splice(0)) goOn();
  for (const goOn of looked.splice(0)) goOn();
  for (const goOn of cheap.splice(0)) goOn();
  load.passing = undefined;
  stopTimer(proving);
  proving = undefined;
}

/** Sees to it, at `at` of the clock, that nobody is left out for long. */
function proveIfMuchCame(at: number): void {
  if (proving !== undefined || at - provedAt < PROOF_EVERY_MS) return;
  const moved = load.transfers - transfers;
  beginAnew(at);
  if (moved >= MUCH) proving = afterReads(() => beginAnew(now()));
}

function beginAnew(at: number): void {
  proving = undefined;
  provedAt = at;
  transfers = load.transfers;
}

/** Begins to measure until the next look. */
function look(at: number): void {
  lookedAt = at;
  // It keeps the process alive, for those that wait have no read under way that would.
  timer = startTimer(haveLooked, costly.length + looked.length > 0 ? 0 : LOOK_MS);
}

function haveLooked(): void {
  timer = undefined;
  looks++;
  const isCrowded = load.sockets > READS_AT_A_TIME;
  // Mostly nobody waits, and it costs no look at the clock.
  if (!isCrowded && costly.length + looked.length + cheap.length === 0) {
    spentMs = 0;
    load.passing = undefined;
    return;
  }
  const at = now();
  if (isCrowded) proveIfMuchCame(at);
  // While the cheap ones take longer, so may the costly ones, or they would hardly ever have a turn.
  let leftMs = Math.max(BUSY_MS, at - lookedAt - spentMs);
  spentMs = 0;
  let count = 0;
  while (count < costly.length && (count === 0 || leftMs > 0)) leftMs -= costly[count++]!.costMs; // count is within
  const going = costly.slice(0, count);
  costly = costly.slice(count);
  looked.push(...cheap.splice(0));
  const goingCheap = looked.splice(0, CHEAP_A_LOOK);
  if (going.length + looked.length > 0) look(at);
  if (costly.length + looked.length === 0) load.passing = undefined;
  for (const goOn of goingCheap) goOn();
  for (const { goOn } of going) goOn();
}
