/** How much a server takes on: defaults, checks, one frozen record, and the changes to it while the server listens. */

import { rangeError } from "../base/argument_errors.ts";
import { checkBoolean, checkBound, checkKeys, invalid } from "../base/check.ts";
import { AddressList } from "../limits/address_list.ts";
import { SOCKET_LIMIT_KEYS, type SocketLimits } from "../socket/settings.ts";

/** Limits of a server, and of each of its sockets. */
export interface ServerLimits extends SocketLimits {
  /**
   * Most connections at once. When they are reached, further peers wait in the kernel's backlog until one leaves.
   * `Infinity` is no bound.
   *
   * @default {10_000}
   */
  maxConnections?: number;
  /**
   * Closes peers that come when the server is full at once, with a `drop` event, instead of letting them wait.
   *
   * @default {false}
   */
  dropWhenFull?: boolean;
  /**
   * When the server is full, closes a silent connection to make room for a new one. A connection is silent if it has
   * never sent a byte; one whose handshake is not done counts, too. The address with most silent connections loses its
   * oldest one, with the reason `shed`. If there is none, the new connection is dropped, reason `full`; so no peer
   * waits in the kernel's backlog for room. Where `maxHandshakes` are not done, one of these is closed in the same way.
   * When the system has no descriptors left, room is made in the same way, as long as an address has two silent
   * connections; else new connections wait for a descriptor.
   *
   * @default {false}
   */
  shedSilent?: boolean;
  /**
   * Most connections at once whose TLS handshake or PROXY header is not done. Further peers wait in the kernel's backlog,
   * or `shedSilent` makes room for them. `Infinity` is no bound.
   *
   * @default {1_000}
   */
  maxHandshakes?: number;
  /**
   * Most connections at once from one address, those whose handshake is not done included. An address is an IPv4
   * address, or the /64 of an IPv6 address. IPv4 mapped into IPv6 is IPv4; peers of a unix socket have no address.
   * Further connections are dropped, reason `address`.
   *
   * @default {Infinity}
   */
  maxConnectionsPerAddress?: number;
  /**
   * Connections per second from one address. As many may come at once after a second without any. Further ones are
   * dropped, reason `rate`, and do not count. Fractions are allowed: 0.2 is one in five seconds.
   *
   * @default {Infinity}
   */
  acceptsPerSecondPerAddress?: number;
  /**
   * Most bytes that the library holds for all connections together: parts of frames, messages that wait, chunks that
   * were not read, and what waits to be sent; what is queued for many by reference (`sendEncoded`, a large `write`)
   * counts once. From 80 % on new connections wait, for a second at most, so that peers that hold much cannot keep
   * others out. Above 100 % the largest holder of the address that holds most is destroyed with `EOVERFLOW`, reason
   * `overflow`, one after the other, down to 90 %. What the kernel and the TLS engine hold is not counted, nor what the
   * program itself keeps. The process takes more than that: see the guide `security.md`.
   *
   * @default {Infinity}
   */
  memoryBudgetBytes?: number;
  /**
   * Only these addresses may connect: addresses and ranges such as `"192.0.2.7"`, `"10.0.0.0/8"`, `"2001:db8::/32"`.
   * Connections from others are dropped, reason `denied`. Left out, every address may connect.
   */
  allow?: readonly string[];
  /**
   * These addresses and ranges may not connect, even if `allow` has them. They are dropped, reason `denied`. Left out,
   * none is.
   */
  deny?: readonly string[];
}

/**
 * What `app.updateLimits` takes: the limits to change, `null` for no limit. What is left out, or undefined, stays as it
 * was.
 */
export type LimitsUpdate = { [Name in keyof ServerLimits]?: ServerLimits[Name] | null };

/** The limits of a server, besides those of each socket. */
export interface ResolvedServerLimits {
  readonly maxConnections: number;
  readonly dropWhenFull: boolean;
  readonly shedSilent: boolean;
  readonly maxHandshakes: number;
  readonly maxConnectionsPerAddress: number;
  readonly acceptsPerSecondPerAddress: number;
  readonly memoryBudgetBytes: number;
  readonly allow: AddressList | undefined;
  readonly deny: AddressList | undefined;
}

// What `null` stands for.
const NO_LIMITS: { readonly [Name in keyof Required<ServerLimits>]: ServerLimits[Name] | undefined } = {
  maxConnections: Infinity,
  dropWhenFull: false,
  shedSilent: false,
  maxHandshakes: Infinity,
  maxConnectionsPerAddress: Infinity,
  acceptsPerSecondPerAddress: Infinity,
  memoryBudgetBytes: Infinity,
  allow: undefined,
  deny: undefined,
  maxWriteQueueBytes: Infinity,
  highWaterMarkBytes: Infinity,
  readWhileBlocked: true,
  readBytesPerSecond: Infinity,
  writeBytesPerSecond: Infinity,
};

/** The names that {@link ServerLimits} knows. */
export const LIMIT_KEYS: readonly string[] = [
  ...SOCKET_LIMIT_KEYS,
  ...Object.keys(NO_LIMITS).filter((name) => !SOCKET_LIMIT_KEYS.includes(name)),
];

/** Checks the group, whose names are known, and fills in the defaults. */
export function resolveServerLimits(limits: ServerLimits | undefined): ResolvedServerLimits {
  return Object.freeze({
    maxConnections: checkBound("limits.maxConnections", limits?.maxConnections, 10_000, 1),
    dropWhenFull: checkBoolean("limits.dropWhenFull", limits?.dropWhenFull, false),
    shedSilent: checkBoolean("limits.shedSilent", limits?.shedSilent, false),
    maxHandshakes: checkBound("limits.maxHandshakes", limits?.maxHandshakes, 1_000, 1),
    maxConnectionsPerAddress: checkBound(
      "limits.maxConnectionsPerAddress",
      limits?.maxConnectionsPerAddress,
      Infinity,
      1,
    ),
    acceptsPerSecondPerAddress: checkRate("limits.acceptsPerSecondPerAddress", limits?.acceptsPerSecondPerAddress),
    memoryBudgetBytes: checkBound("limits.memoryBudgetBytes", limits?.memoryBudgetBytes, Infinity, 1),
    allow: readList("limits.allow", limits?.allow),
    deny: readList("limits.deny", limits?.deny),
  });
}

/** `value` is undefined (then Infinity) or a number above 0, `Infinity` included. */
function checkRate(name: string, value: unknown): number {
  if (value === undefined) return Infinity;
  if (typeof value !== "number") throw invalid(name, "a number above 0", value);
  if (!(value > 0)) throw rangeError(`Option "${name}" must be a number above 0; it is ${value}`);
  return value;
}

function readList(name: string, value: unknown): AddressList | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw invalid(name, "an array of addresses and ranges", value);
  return new AddressList(name, value);
}

/** Lays an update over the limits given so far. Throws a TypeError for an unknown name. */
export function mergeLimits(base: ServerLimits | undefined, update: LimitsUpdate): ServerLimits {
  if (update === undefined) throw invalid("limits", "an object", update);
  checkKeys("limits", update, LIMIT_KEYS);
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(update)) {
    if (value === null) merged[name] = NO_LIMITS[name as keyof ServerLimits]; // the keys are checked
    else if (value !== undefined) merged[name] = value;
  }
  return merged;
}
