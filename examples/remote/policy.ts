/**
 * Who may run what, by the name in the certificate:
 *
 *     {
 *       "devices": ["lamp", "door"],
 *       "operators": { "ann": { "lamp": ["uptime", "disk"], "door": ["uptime"] } }
 *     }
 *
 * Whatever is not there is forbidden.
 *
 * @module
 */

import type { TCPSocket } from "@verb/tcp";

/** The rules, as read from a file. */
export class Policy {
  readonly #devices: ReadonlySet<string>;
  /** The commands by operator and device. */
  readonly #allowed: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

  /** Throws for rules that are not understood, for half of them would be worse than none. */
  constructor(rules: { readonly devices: string[]; readonly operators: Record<string, Record<string, string[]>> }) {
    this.#devices = new Set(texts("devices", rules.devices));
    this.#allowed = new Map(
      Object.entries(rules.operators).map(([name, devices]) => {
        if (this.#devices.has(name)) throw new Error(`"${name}" is a device: it cannot be an operator, too`);
        return [name, new Map(Object.entries(devices).map(([device, commands]) => [device, texts(device, commands)]))];
      }),
    );
  }

  /** Reads the rules from a file. */
  static async load(path: string): Promise<Policy> {
    return new Policy(JSON.parse(await Deno.readTextFile(path)));
  }

  /** What somebody of that name is; undefined is nobody. */
  roleOf(name: string): "device" | "operator" | undefined {
    return this.#devices.has(name) ? "device" : this.#allowed.has(name) ? "operator" : undefined;
  }

  /** Whether an operator may run that command on that device. */
  allows(operator: string, device: string, command: string): boolean {
    return this.#allowed.get(operator)?.get(device)?.includes(command) === true;
  }
}

/** The name in the verified certificate of a peer; empty if there is not exactly one. */
export function nameOf(socket: TCPSocket): string {
  const name = socket.authorized ? socket.getPeerCertificate()?.subject.CN : undefined;
  return typeof name === "string" ? name : "";
}

function texts(name: string, value: unknown): string[] {
  if (Array.isArray(value) && value.every((text) => typeof text === "string")) return value;
  throw new Error(`"${name}" must be a list of names`);
}
