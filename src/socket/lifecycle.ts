/**
 * The life of one connection as a pure machine: events in, next state and one action out. It does no I/O; the shell
 * (`connection.ts`) stores the state and then performs the action.
 *
 *                dial            connected
 *   idle ───────────▶ connecting ─────────▶ open ──localEnd──▶ ending ──finSent──▶ finished
 *                       │ localEnd           │                   │                   │
 *                       ▼                    │ peerEnd           │ peerEnd           │ peerEnd
 *                  connectingEnding          ▼                   ▼                   ▼
 *                       │ connected      peerEnded ─localEnd─▶ endingLast ─finSent─▶ closed
 *                       └──▶ ending
 *                                  (half-open off: localEnd follows soon)      destroy: any ──▶ closed
 */
export type LifecycleState =
  | "idle" // no connection yet
  | "connecting"
  | "connectingEnding" // `end()` came before the connection did, perhaps before `connect()`
  | "open"
  | "ending" // `end()` was called: what is queued goes out, then FIN
  | "finished" // FIN sent, the peer still talks
  | "peerEnded" // the peer is done, we still write
  | "endingLast" // both are done, our queue still has to go out
  | "closed";

/** What can happen to it. */
export type LifecycleEvent = "dial" | "connected" | "localEnd" | "finSent" | "peerEnd" | "destroy";

/** What the shell does about it. */
export type LifecycleAction =
  | "none"
  | "dial"
  | "open"
  | "open+flushThenFin"
  | "flushThenFin"
  | "emitEnd"
  | "emitEnd+localEnd"
  | "emitFinish"
  | "emitEnd+close"
  | "emitFinish+close"
  | "close"
  | "refuse"; // this event makes no sense in this state

/** One step of the machine. */
export interface Transition {
  readonly state: LifecycleState;
  readonly action: LifecycleAction;
}

type Row = Readonly<Partial<Record<LifecycleEvent, Transition>>>;

const CLOSE: Transition = { state: "closed", action: "close" };

// A missing cell is refused: see `step`.
const TABLE: Readonly<Record<LifecycleState, Row>> = {
  idle: {
    dial: { state: "connecting", action: "dial" },
    connected: { state: "open", action: "open" },
    localEnd: { state: "connectingEnding", action: "none" },
    destroy: CLOSE,
  },
  connecting: {
    connected: { state: "open", action: "open" },
    localEnd: { state: "connectingEnding", action: "none" },
    destroy: CLOSE,
  },
  connectingEnding: {
    dial: { state: "connectingEnding", action: "dial" },
    connected: { state: "ending", action: "open+flushThenFin" },
    localEnd: { state: "connectingEnding", action: "none" },
    destroy: CLOSE,
  },
  open: {
    localEnd: { state: "ending", action: "flushThenFin" },
    // Our side ends behind the "end" listeners, which may still write.
    peerEnd: { state: "peerEnded", action: "emitEnd+localEnd" },
    destroy: CLOSE,
  },
  ending: {
    localEnd: { state: "ending", action: "none" },
    finSent: { state: "finished", action: "emitFinish" },
    peerEnd: { state: "endingLast", action: "emitEnd" },
    destroy: CLOSE,
  },
  finished: {
    localEnd: { state: "finished", action: "none" },
    peerEnd: { state: "closed", action: "emitEnd+close" },
    destroy: CLOSE,
  },
  peerEnded: {
    localEnd: { state: "endingLast", action: "flushThenFin" },
    destroy: CLOSE,
  },
  endingLast: {
    localEnd: { state: "endingLast", action: "none" },
    finSent: { state: "closed", action: "emitFinish+close" },
    destroy: CLOSE,
  },
  closed: {
    localEnd: { state: "closed", action: "none" },
    finSent: { state: "closed", action: "none" },
    peerEnd: { state: "closed", action: "none" },
    destroy: { state: "closed", action: "none" },
  },
};

const HALF_OPEN_END: Transition = { state: "peerEnded", action: "emitEnd" };

/** The next state and what to do. With `allowHalfOpen` a peer's FIN does not end our side. */
export function step(state: LifecycleState, event: LifecycleEvent, allowHalfOpen: boolean): Transition {
  if (allowHalfOpen && state === "open" && event === "peerEnd") return HALF_OPEN_END;
  return TABLE[state][event] ?? { state, action: "refuse" };
}

/** Whether a write is still taken. */
export function canWrite(state: LifecycleState): boolean {
  return state === "open" || state === "connecting" || state === "peerEnded";
}

/** The states in the words of node:net. */
export function readyStateOf(state: LifecycleState): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
  switch (state) {
    case "idle":
      return "open"; // as in Node
    case "connecting":
    case "connectingEnding":
      return "opening";
    case "open":
      return "open";
    case "ending":
    case "finished":
      return "readOnly";
    case "peerEnded":
      return "writeOnly";
    default:
      return "closed";
  }
}
