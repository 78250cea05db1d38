import { assertEquals } from "@std/assert";
import {
  canWrite,
  type LifecycleAction,
  type LifecycleEvent,
  type LifecycleState,
  readyStateOf,
  step,
} from "../../src/socket/lifecycle.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const EVENTS: readonly LifecycleEvent[] = ["dial", "connected", "localEnd", "finSent", "peerEnd", "destroy"];

type Cell = readonly [action: LifecycleAction, state: LifecycleState] | "refuse";

const CLOSE = ["close", "closed"] as const;
const REFUSE = "refuse";

// Written from what users are promised, a row for every state, a column for every event in the order of EVENTS. Where a
// cell is refused the state stays.
const EXPECTED: Record<LifecycleState, readonly [Cell, Cell, Cell, Cell, Cell, Cell]> = {
  idle: [
    ["dial", "connecting"],
    ["open", "open"], // a server's socket is born with its connection
    ["none", "connectingEnding"], // end() before connect() is kept in mind
    REFUSE, // no FIN without a connection
    REFUSE,
    CLOSE,
  ],
  connecting: [
    REFUSE, // one connect at a time
    ["open", "open"],
    ["none", "connectingEnding"],
    REFUSE,
    REFUSE,
    CLOSE,
  ],
  connectingEnding: [
    ["dial", "connectingEnding"], // end() came first, connect() second
    ["open+flushThenFin", "ending"], // what was written meanwhile goes out, then FIN
    ["none", "connectingEnding"],
    REFUSE,
    REFUSE,
    CLOSE,
  ],
  open: [
    REFUSE, // a connection is dialled once
    REFUSE,
    ["flushThenFin", "ending"],
    REFUSE, // nobody asked for a FIN
    ["emitEnd+localEnd", "peerEnded"], // half-open off: we follow, behind the "end" listeners
    CLOSE,
  ],
  ending: [
    REFUSE,
    REFUSE,
    ["none", "ending"],
    ["emitFinish", "finished"],
    ["emitEnd", "endingLast"], // both ends at once
    CLOSE,
  ],
  finished: [
    REFUSE,
    REFUSE,
    ["none", "finished"],
    REFUSE, // it is out already
    ["emitEnd+close", "closed"],
    CLOSE,
  ],
  peerEnded: [
    REFUSE,
    REFUSE,
    ["flushThenFin", "endingLast"],
    REFUSE,
    REFUSE, // a peer ends once
    CLOSE,
  ],
  endingLast: [
    REFUSE,
    REFUSE,
    ["none", "endingLast"],
    ["emitFinish+close", "closed"],
    REFUSE,
    CLOSE,
  ],
  closed: [
    REFUSE, // a socket lives once
    REFUSE,
    ["none", "closed"],
    ["none", "closed"], // what was on its way comes too late
    ["none", "closed"],
    ["none", "closed"], // close is emitted once
  ],
};

const STATES = Object.keys(EXPECTED).filter((name): name is LifecycleState => name in EXPECTED);

for (const allowHalfOpen of [false, true]) {
  for (const state of STATES) {
    for (const [column, event] of EVENTS.entries()) {
      // The one difference that half-open makes.
      const cell = allowHalfOpen && state === "open" && event === "peerEnd"
        ? (["emitEnd", "peerEnded"] as const)
        : EXPECTED[state][column];
      const [action, next] = cell === undefined || cell === "refuse" ? ["refuse", state] : cell;
      unit(`step() from ${state} by ${event}${allowHalfOpen ? ", half-open," : ""} is ${action} → ${next}`, () => {
        assertEquals(step(state, event, allowHalfOpen), { action, state: next });
      });
    }
  }
}

unit("step() has a row for nine states", () => assertEquals(STATES.length, 9));

for (const allowHalfOpen of [false, true]) {
  unit(`step() ends and closes at most once on every path${allowHalfOpen ? ", half-open" : ""}`, () => {
    // Every sequence of seven events from the beginning: what users hear of it.
    const visit = (state: LifecycleState, heard: readonly string[], left: number): void => {
      for (const word of ["emitEnd", "emitFinish", "close"]) {
        assertEquals(heard.filter((it) => it === word).length <= 1, true, heard.join(" "));
      }
      const closedAt = heard.indexOf("close");
      if (closedAt >= 0) assertEquals(closedAt, heard.length - 1, `after close came ${heard.slice(closedAt)}`);
      if (left === 0) return;
      for (const event of EVENTS) {
        const next = step(state, event, allowHalfOpen);
        const words = next.action.split("+").filter((it) => ["emitEnd", "emitFinish", "close"].includes(it));
        visit(next.state, [...heard, ...words], left - 1);
      }
    };
    visit("idle", [], 7);
  });
}

unit("step() leads from every state to closed by destroy", () => {
  for (const state of STATES) assertEquals(step(state, "destroy", false).state, "closed");
});

const WRITABLE: Record<LifecycleState, boolean> = {
  idle: false,
  connecting: true, // goes out once connected
  connectingEnding: false,
  open: true,
  ending: false,
  finished: false,
  peerEnded: true, // half-open
  endingLast: false,
  closed: false,
};

const READY: Record<LifecycleState, string> = {
  idle: "open", // as in Node
  connecting: "opening",
  connectingEnding: "opening",
  open: "open",
  ending: "readOnly",
  finished: "readOnly",
  peerEnded: "writeOnly",
  endingLast: "closed",
  closed: "closed",
};

for (const state of STATES) {
  unit(`canWrite() is ${WRITABLE[state]} in ${state}`, () => assertEquals(canWrite(state), WRITABLE[state]));
  unit(`readyStateOf() calls ${state} "${READY[state]}"`, () => assertEquals(readyStateOf(state), READY[state]));
}
