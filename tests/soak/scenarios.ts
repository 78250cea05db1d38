/** What is played: all attacks at once, and some by themselves that once were the worst. */

import type { Scenario } from "./under_attack.ts";

/** By name. */
export const scenarios = {
  /** All attacks at once. */
  hour: {
    attackers: [
      ["slowLoris", "vanish", "flood", "mute", "zombie"],
      ["oversize", "garbage", "greedy", "neverRead", "proxyDrip", "tlsStall"],
    ],
    descriptors: 2_048,
    complete(made, { closed, dropped, acceptErrors = 0 }) {
      const { slowLoris = 0, vanish = 0, flood = 0, mute = 0, zombie = 0 } = made;
      const { oversize = 0, garbage = 0, greedy = 0, neverRead = 0, proxyDrip = 0, tlsStall = 0 } = made;
      return slowLoris >= 1_000 && vanish >= 5_000 && flood > 100 && mute >= 200 && zombie >= 200 &&
        oversize >= 20 && garbage > 60 && greedy >= 3_000 && neverRead >= 30 && proxyDrip >= 200 && tlsStall >= 200 &&
        // The loris, zombies, drips of what is no header, garbage; whoever says nothing; too many of one address.
        ["deadline:rate", "deadline:idle", "protocol", "tls", "shed"].every((it) => (closed[it] ?? 0) > 0) &&
        (dropped.address ?? 0) + (dropped.rate ?? 0) > 0 && acceptErrors > 0;
    },
  },
  /** Thirty peers that ask for 100 kB, time and again, and never read. */
  readers: {
    attackers: [["neverRead"]],
    descriptors: 4_096,
    complete: (_made, _last, all) => all.some(({ queuedBytes = 0 }) => queuedBytes >= 30 * 100_000),
  },
  /** Five hundred peers with a megabyte each of a frame that does not end: four times the budget. */
  unfinished: {
    attackers: [["unfinished"]],
    descriptors: 4_096,
    complete: ({ unfinished = 0 }, { closed }) => unfinished >= 500 && (closed.overflow ?? 0) > 0,
  },
  /** Three thousand connections that do nothing wrong, of three addresses. */
  greedy: {
    attackers: [["greedy"]],
    descriptors: 2_048,
    complete: ({ greedy = 0 }, { open = 0 }) => greedy >= 3_000 && open >= 300 + 60,
  },
} satisfies Record<string, Scenario>;
