/** What comes when nobody reads any more: it is thrown away, so that the peer's end is seen behind it. */

import type { ReadConsumer, SocketHost } from "./connection_ports.ts";
import type { ReadLoop } from "./read_loop.ts";

/** Takes what nobody wants; whoever claims the read side takes its place. */
export const NOBODY: ReadConsumer = {
  kind: "nobody",
  unheard: true,
  take: () => "go",
  end() {},
  closed: () => false,
};

/** A connection that somebody may read. */
export interface Unread {
  readonly host: SocketHost | undefined;
  readonly reader: ReadLoop;
  readonly writeFinished: boolean;
  consumer: ReadConsumer | undefined;
  /** `pause()` was called: whoever called it may read later. */
  kept: boolean;
  /** The server is closing. */
  draining: boolean;
  wantMore(): void;
}

/** Throws away what comes from now on, and what has come and was not taken. */
export function throwAway(connection: Unread): void {
  connection.consumer = NOBODY;
  connection.reader.lends = true; // one buffer serves
  connection.wantMore();
}

/** Whether it is a server's socket that nobody reads, now at least. A client may look at an answer whenever it likes. */
export function nobodyReads({ host, consumer, kept, draining }: Unread): boolean {
  if (host === undefined) return false;
  return consumer === undefined ? draining || !kept : consumer.unheard;
}

/**
 * A server's socket that has ended and that nobody reads waits for the peer's end only. Where that has come, behind bytes
 * that nobody has claimed, and while the server closes, these are thrown away.
 */
export function letGo(connection: Unread): void {
  const { consumer, draining, reader } = connection;
  if (!connection.writeFinished || !nobodyReads(connection)) return;
  if (draining || (consumer === undefined && reader.ended)) throwAway(connection);
}
