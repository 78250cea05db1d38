/** Whose connections begin with a PROXY header. */

import { checkKeys, invalid, invalidValue } from "../base/check.ts";
import { AddressList } from "../limits/address_list.ts";
import { endpointOf } from "../transport/transport.ts";

/** Which peers are balancers that send a PROXY header, and what happens to other peers. */
export interface ProxyProtocolOptions {
  /**
   * The balancers: addresses and ranges such as `"10.0.0.0/8"`, and `"unix"` for peers of a unix socket. Their connections
   * must begin with a header.
   */
  trusted: readonly string[];
  /**
   * What happens to other peers. `"refuse"` drops them, reason `denied`. `"direct"` accepts them as clients, and bytes
   * that look like a header are data like any other.
   */
  others: "refuse" | "direct";
}

/** The rule, checked. */
export interface ProxyRule {
  /** Whether a connection from there has to begin with a header. */
  trusts(addr: Deno.Addr): boolean;
  readonly refusesOthers: boolean;
}

const EVERYBODY: ProxyRule = Object.freeze({ trusts: () => true, refusesOthers: true });

/** Checks the option; undefined where no headers are read. */
export function resolveProxyRule(option: "off" | "required" | ProxyProtocolOptions = "off"): ProxyRule | undefined {
  if (option === "off") return undefined;
  if (option === "required") return EVERYBODY;
  if (typeof option !== "object" || option === null) {
    const wrong = typeof option === "string" ? invalidValue : invalid;
    throw wrong("proxyProtocol", '"off", "required" or { trusted, others }', option);
  }
  checkKeys("proxyProtocol", option, ["trusted", "others"]);
  const { trusted, others } = option;
  if (!Array.isArray(trusted)) {
    throw invalid("proxyProtocol.trusted", 'an array of addresses, ranges and "unix"', trusted);
  }
  if (others !== "refuse" && others !== "direct") {
    throw invalidValue("proxyProtocol.others", '"refuse" or "direct"', others);
  }
  const unix = trusted.includes("unix");
  const list = new AddressList("proxyProtocol.trusted", trusted.filter((entry) => entry !== "unix"));
  return Object.freeze({
    trusts(addr: Deno.Addr): boolean {
      const { address } = endpointOf(addr);
      return address === undefined ? unix : list.has(address);
    },
    refusesOthers: others === "refuse",
  });
}
