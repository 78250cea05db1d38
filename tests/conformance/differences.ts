/** Where our events are meant to differ from Node's. */

/** One scenario that goes another way with us. */
export interface Difference {
  /** Why. */
  readonly reason: string;
  /** Our log, whole. */
  readonly ours: readonly string[];
}

const NO_RESET = "A Deno.TcpConn cannot send a reset: resetAndDestroy() is destroy(), and the peer sees an orderly end";
const STOPS_READING =
  "Without data listeners reading stops, so that nothing is lost between two listeners; Node reads on";
const LEAVES_LATER =
  "Writes of one turn are joined and leave after it, so write() counts them and cannot know yet how they fare; Node has " +
  "handed them to the kernel by then";
const BOUNDED = "The write queue has a bound (limits.maxWriteQueueBytes): a write beyond it destroys the socket";
const SAYS_SO = "close always says true or false; Node's says nothing on a socket that never had a connection";
const CLOSE_IS_LAST =
  "Nothing comes after close: what waits for the connection fails before it, and with what ended it";

/** The differences by the scenario's title. Each must be a difference still, or its test fails. */
export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  "client: write() before connect()": {
    reason: SAYS_SO,
    ours: ["write early gave false", "callback early ERR_SOCKET_CLOSED", "error ERR_SOCKET_CLOSED", "close true"],
  },
  "client: destroy() before connect()": { reason: SAYS_SO, ours: ["is closed pending destroyed", "close false"] },
  "client: resetAndDestroy() before connect()": { reason: SAYS_SO, ours: ["error ERR_SOCKET_CLOSED", "close true"] },
  "client: refused with a write waiting": {
    reason: CLOSE_IS_LAST,
    ours: [
      "write early gave true",
      "callback early ECONNREFUSED",
      "callback end ECONNREFUSED",
      "error ECONNREFUSED",
      "close true",
    ],
  },
  "client: destroy() while connecting with a write waiting": {
    reason: CLOSE_IS_LAST,
    ours: [
      "write early gave true",
      "write too gave true",
      "callback early ERR_SOCKET_CLOSED_BEFORE_CONNECTION",
      "callback too ERR_SOCKET_CLOSED_BEFORE_CONNECTION",
      "close false",
    ],
  },
  "client: write() while connecting": {
    reason: LEAVES_LATER,
    ours: [
      "write early gave true",
      "read 0, written 5, queued 5",
      "connect",
      "ready",
      "callback early",
      "finish",
      "end",
      "close false",
      "peer: 5 bytes, end",
    ],
  },
  "client: connect() after it was destroyed before any connect()": {
    reason: SAYS_SO,
    ours: [
      "error boom",
      "close true",
      "is closed pending destroyed",
      "is opening connecting pending",
      "connect",
      "ready",
      "finish",
      "end",
      "close false",
    ],
  },
  ...both("resetAndDestroy()", NO_RESET, ["close false", "peer: 0 bytes, end"]),
  ...both("our side stays open, the peer is gone and we write", LEAVES_LATER, [
    "end",
    "write first gave true",
    "callback first",
    "write second gave true",
    "callback second EPIPE",
    "error EPIPE",
    "close true",
  ]),
  ...both("a write past the high-water mark that the kernel takes at once", LEAVES_LATER, [
    "write much gave false",
    "drain",
    "callback much",
    "finish",
    "end",
    "close false",
    "peer: 102400 bytes, end",
  ]),
  ...both("two writes of one turn pass the high-water mark together", LEAVES_LATER, [
    "write a gave true",
    "write b gave false",
    "callback a",
    "drain",
    "callback b",
    "finish",
    "end",
    "close false",
    "peer: 81920 bytes, end",
  ]),
  ...both("a write to a queue that holds 32 MiB", BOUNDED, [
    "quiet",
    "write gave false",
    "error EOVERFLOW",
    "close true",
  ]),
  ...both("piped into a socket that is destroyed meanwhile", "Nothing comes after close, unpipe neither", [
    "target unpipe",
    "target close false",
    "paused true",
    "data 5",
    "end",
    "finish",
    "close false",
    "peer: 0 bytes, end",
  ]),
  ...both("piped into a socket that has closed", "A pipe that cannot be says so: Node's waits for ever, silently", [
    "target close false",
    "target unpipe",
    "paused true",
    "close false",
  ]),
  ...both('once("data")', STOPS_READING, [
    "data 5",
    "quiet",
    "data 11",
    "end",
    "finish",
    "close false",
    "peer: 0 bytes, end",
  ]),
  ...both("the only data listener is removed and the peer sends and ends", STOPS_READING, ["quiet", "close false"]),
};

/** The same for a server's socket and for a client's, which connects first. */
function both(scenario: string, reason: string, ours: readonly string[]): Record<string, Difference> {
  return {
    [`server: ${scenario}`]: { reason, ours },
    [`client: ${scenario}`]: { reason, ours: ["connect", "ready", ...ours] },
  };
}
