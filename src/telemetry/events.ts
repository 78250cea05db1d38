/** What a server tells its observers: a closed list of facts. */

import type { CloseReason, CloseReceipt } from "./close_receipt.ts";
import type { DrainReport } from "./drain_report.ts";
import type { DropReason } from "./drop_reason.ts";

/** The peer of a connection. Both are undefined for peers of a unix socket. */
export interface TelemetryPeer {
  /** The peer's address; where a PROXY header was read, the client's. */
  readonly remoteAddress: string | undefined;
  /** The peer's port. */
  readonly remotePort: number | undefined;
}

/**
 * What the server does after an accept that failed.
 *
 * - `next`: the peer was gone before it was accepted; the server accepts the next one;
 * - `pause`: descriptors or memory ran out; the server goes on a little later;
 * - `unknown`: an error that is not known; the server goes on a little later.
 */
export type AcceptErrorVerdict = "next" | "pause" | "unknown";

/** The events by their types, with what belongs to each. Sizes, codes and addresses, never what was sent. */
export interface TelemetryEvents {
  /** A connection was accepted and reaches `onConnection` now. It is followed by one `connection.close`. */
  "connection.open": TelemetryPeer & {
    /** `socket.id`. */
    readonly id: number;
    /** Whether it speaks TLS. */
    readonly encrypted: boolean;
  };
  /** A connection is over: once for each `connection.open`, however it ended. */
  "connection.close": TelemetryPeer & {
    /** `socket.id`. */
    readonly id: number;
    /** How it ended, and what went through it. */
    readonly receipt: CloseReceipt;
    /** How long it was open, in milliseconds. */
    readonly openMs: number;
  };
  /**
   * A connection was accepted and ended before it reached `onConnection`: its PROXY header or handshake failed, or the
   * server was closed.
   */
  "connection.fail": TelemetryPeer & {
    /** Why. */
    readonly reason: CloseReason;
    /** The error's code. */
    readonly code: string;
  };
  /** A connection was refused and closed at once. It counts as neither accepted nor closed. */
  "connection.drop": TelemetryPeer & {
    /** Why. */
    readonly reason: DropReason;
  };
  /** A TLS handshake is over, that of `upgradeTls` too. */
  "handshake.end": TelemetryPeer & {
    /** How long it took, in milliseconds, the wait for the peer's first byte included. */
    readonly ms: number;
    /** `"TLSv1.2"` or `"TLSv1.3"`; undefined if it failed, and where the engine is `"deno"`, which does not say. */
    readonly protocol: string | undefined;
    /** Why it failed; undefined if it did not. */
    readonly code: string | undefined;
  };
  /** An accept failed, and the server goes on. */
  "accept.error": {
    /** The error's code. */
    readonly code: string;
    /** What is done about it. */
    readonly verdict: AcceptErrorVerdict;
  };
  /** A write has filled a socket's queue up to its high-water mark. */
  "queue.high": {
    /** `socket.id`. */
    readonly id: number;
    /** How much is queued. */
    readonly queuedBytes: number;
  };
  /** That queue is empty again. Not emitted if the connection ends before that. */
  "queue.low": {
    /** `socket.id`. */
    readonly id: number;
  };
  /** Messages of `framed` or `MessageProtocol`: a frame was bad. */
  "frame.error": {
    /** `socket.id`. */
    readonly id: number;
    /** `ERR_MESSAGE_INVALID`, `ERR_FRAME_TOO_LARGE`, ... */
    readonly code: string;
    /** Whether the stream goes on behind it; if not, the connection ends. */
    readonly recoverable: boolean;
  };
  /** `close` or `destroy` was called: the server is not ready any more. */
  "drain.start": {
    /** How many connections are open. */
    readonly open: number;
  };
  /** The last connection is over. */
  "drain.end": {
    /** How they ended. */
    readonly report: DrainReport;
  };
  /** An option was given that the runtime cannot honour. */
  "option.unsupported": {
    /** Its name. */
    readonly option: string;
  };
}

/**
 * One event, as observers and the channel `"verb:tcp"` get it: `switch (event.type)` tells what belongs to it. Later
 * versions only add types.
 */
export type TelemetryEvent = {
  readonly [Type in keyof TelemetryEvents]:
    & {
      /** What happened. */
      readonly type: Type;
      /** When, in milliseconds since 1970. */
      readonly at: number;
      /** Where the server listens or has listened last, `"127.0.0.1:3000"` or a path; undefined where it never has. */
      readonly server: string | undefined;
    }
    & TelemetryEvents[Type];
}[keyof TelemetryEvents];

/** A function that is called with every event of a server; see `app.observe`. */
export type Observer = (event: TelemetryEvent) => void;
