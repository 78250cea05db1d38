/** Options for servers that strangers reach. */

import type { ServerOptions } from "./options.ts";

/**
 * Stricter limits and deadlines, for servers on the open internet. Lay your own options over them:
 *
 * - `limits.maxConnectionsPerAddress: 100`: one address cannot take all of 10,000 connections, nor all descriptors; an
 *   office or a mobile network behind one address still fits. Behind a balancer set `proxyProtocol`, or its address is
 *   everybody's.
 * - `limits.acceptsPerSecondPerAddress: 50`: an address that connects and leaves at once, again and again, is turned
 *   away.
 * - `limits.shedSilent: true`: in a full server a connection that has never sent a byte makes room for a new one.
 * - `limits.memoryBudgetBytes: 134_217_728` (128 MiB): 500 peers with a megabyte each of a frame they never finish, or with
 *   answers they never read, do not bring the process down. A broadcast counts once.
 * - `limits.readWhileBlocked: false`: a peer that does not read its answers cannot send more requests. Not for
 *   protocols in which both ends write much before they read.
 * - `deadlines.firstByteMs: 10_000`: a client has to send something soon after it connects. Not for protocols in which
 *   the server speaks first and the client may wait.
 * - `deadlines.frameMs: 60_000`: a frame that was begun has to end; a mebibyte takes that long at 17 kB/s.
 * - `deadlines.rate: { bytesPerSecond: 500, graceMs: 10_000 }`: a byte a second is an attack, not a slow network.
 * - `deadlines.idleMs: 300_000`: five minutes without a byte in either direction; clients that stay silent for longer
 *   need a heartbeat.
 * - `deadlines.flushMs: 30_000`: a peer that takes nothing for half a minute is gone.
 *
 * The guide `security.md` says which attacks need something else, and how each of these limits is seen in the metrics.
 *
 * @example
 * ```ts
 * import { createServer, hardened } from "@verb/tcp";
 *
 * await using app = createServer().withOptions(hardened).withOptions({ limits: { maxConnectionsPerAddress: 20 } });
 * app.onConnection((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
 * ```
 */
export const hardened: ServerOptions = Object.freeze({
  limits: Object.freeze({
    maxConnectionsPerAddress: 100,
    acceptsPerSecondPerAddress: 50,
    shedSilent: true,
    memoryBudgetBytes: 134_217_728,
    readWhileBlocked: false,
  }),
  deadlines: Object.freeze({
    firstByteMs: 10_000,
    frameMs: 60_000,
    rate: Object.freeze({ bytesPerSecond: 500, graceMs: 10_000 }),
    idleMs: 300_000,
    flushMs: 30_000,
  }),
});
