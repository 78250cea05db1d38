/** Why connections are refused, in the words that events and metrics share. */

/** Every reason there is. */
export const DROP_REASONS = ["denied", "rate", "address", "full"] as const satisfies readonly DropReason[];

/** Why a server closed a connection as soon as it came. Such a connection does not count as accepted. */
export type DropReason =
  | "denied" // `limits.deny`, or not in `limits.allow`, or no balancer that `proxyProtocol` trusts
  | "rate" // `limits.acceptsPerSecondPerAddress`
  | "address" // `limits.maxConnectionsPerAddress`
  | "full"; // `limits.maxConnections`, with `dropWhenFull` or `shedSilent`
