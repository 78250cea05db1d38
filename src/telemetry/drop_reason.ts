/** Why connections are refused, in the words that events and metrics share. */

/** Every reason there is. */
export const DROP_REASONS = ["denied", "rate", "address", "full"] as const satisfies readonly DropReason[];

/**
 * Why a server closed a connection as soon as it came. Such a connection does not count as accepted.
 *
 * - `denied`: its address is in `limits.deny`, is not in `limits.allow`, or is not a balancer of `proxyProtocol`;
 * - `rate`: `limits.acceptsPerSecondPerAddress`;
 * - `address`: `limits.maxConnectionsPerAddress`;
 * - `full`: `limits.maxConnections`, with `dropWhenFull` or `shedSilent`.
 */
export type DropReason = "denied" | "rate" | "address" | "full";
