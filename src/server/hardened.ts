/** Options for servers that strangers reach. */

import type { ServerOptions } from "./options.ts";

/**
 * Options for servers that strangers reach, each against what the defaults leave open; lay your own over them.
 *
 * - `limits.maxConnectionsPerAddress: 100`: one address cannot take all of 10,000 connections, nor all descriptors; an
 *   office or a mobile network behind one address still fits. Behind a balancer set `proxyProtocol`, or its address is
 *   everybody's.
 * - `limits.acceptsPerSecondPerAddress: 50`: connecting and vanishing costs more than it takes from us.
 * - `limits.shedSilent: true`: whoever connects and says nothing makes room for those who want something.
 * - `limits.memoryBudgetBytes: 134_217_728` (128 MiB): 500 peers with a megabyte each of a frame they never finish, or with
 *   answers they never read, do not bring the process down. A broadcast counts once.
 * - `limits.readWhileBlocked: false`: who does not read its answers may not ask on. Not for protocols in which both ends
 *   write much without reading.
 * - `deadlines.firstByteMs: 10_000`: a client that connects has something to say. Not for protocols in which the server
 *   speaks first and the client may wait.
 * - `deadlines.frameMs: 60_000`: a frame that was begun has to end; a mebibyte takes that long at 17 kB/s.
 * - `deadlines.rate: { bytesPerSecond: 500, graceMs: 10_000 }`: a byte a second is an attack, not a slow network.
 * - `deadlines.idleMs: 300_000`: five minutes without a word in either direction; clients that stay longer need a
 *   heartbeat.
 * - `deadlines.flushMs: 30_000`: a peer that takes nothing for half a minute is gone.
 *
 * What needs something else, and how each of these is seen in the metrics, is in the guide `security.md`.
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
