/** The places that a client may connect to, in the order in which it tries them. */

import { typeError } from "../base/argument_errors.ts";
import { checkKeys, invalid } from "../base/check.ts";
import { type ClientOptions, type Connector, connector } from "./connector.ts";

/** A server to connect to: `port` (and `host`), or `path` of a unix socket. */
export type Target = Pick<ClientOptions, "port" | "host" | "hostname" | "path">;

const TARGET_KEYS = ["port", "host", "hostname", "path"] as const;

/** A place, and the way to it. */
export interface Route<State> {
  readonly target: Target;
  readonly connect: Connector<State>;
}

/** A route for each of `targets`, or for the one place that the options name themselves. All of them are checked. */
export function routesOf<State>(options: ClientOptions, targets: readonly Target[] | undefined): Route<State>[] {
  if (targets === undefined) return [routeTo({ ...picked(options) }, options)];
  if (!Array.isArray(targets) || targets.length === 0) throw invalid("targets", "an array of one or more", targets);
  for (const key of TARGET_KEYS) {
    if (options[key] !== undefined) {
      throw typeError("ERR_INCOMPATIBLE_OPTION_PAIR", `Option "targets" excludes "${key}": say it in each target`);
    }
  }
  return targets.map((target: Target, index) => {
    checkKeys(`targets[${index}]`, target, TARGET_KEYS);
    return routeTo({ ...target }, options);
  });
}

function picked(options: ClientOptions): Target {
  const target: Record<string, unknown> = {};
  for (const key of TARGET_KEYS) if (options[key] !== undefined) target[key] = options[key];
  return target;
}

function routeTo<State>(target: Target, options: ClientOptions): Route<State> {
  return { target: Object.freeze(target), connect: connector<State>({ ...options, ...target }) };
}
