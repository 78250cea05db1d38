/** Waiting for what a peer brings about, by turns of the event loop. */

const MOST_TURNS = 2_000;

/** One turn, in which timers and sockets get their chance. What is done before it may be written as its argument. */
export function turn(_done?: unknown): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Lets the loop turn until it is so; gives up after some seconds, so that a test fails instead of hanging. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns === MOST_TURNS) throw new Error(`Still not so: ${condition}`);
    await turn();
  }
}
