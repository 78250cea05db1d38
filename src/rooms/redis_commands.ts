/** Single commands to Redis through the clients of either package. */

import { invalid } from "../base/check.ts";
import { startTimer, stopTimer } from "../base/clock.ts";
import { TcpError } from "../base/errors.ts";

/** What is used of a client of `ioredis` for commands. */
export interface IoRedisCommands {
  /** Any command. */
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** What is used of a client of node-redis for commands. */
export interface NodeRedisCommands {
  /** Any command. */
  sendCommand(args: string[]): Promise<unknown>;
}

/** A Redis client that runs commands: of `ioredis`, or of node-redis. */
export type RedisCommands = IoRedisCommands | NodeRedisCommands;

/** A client keeps commands while it is not connected, and some never settle them: nobody waits for one for longer. */
const COMMAND_MS = 5_000;

/** Runs one command; rejects with `ETIMEDOUT` if there is no answer in time. */
export async function command(client: RedisCommands, name: string, ...args: string[]): Promise<unknown> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = startTimer(() => reject(lateError(name)), COMMAND_MS);
  try {
    const answer = "call" in client ? client.call(name, ...args) : client.sendCommand([name, ...args]);
    return await Promise.race([answer, late]);
  } finally {
    stopTimer(timer);
  }
}

function lateError(name: string): TcpError {
  return new TcpError(`Redis did not answer ${name} within ${COMMAND_MS} ms`, { code: "ETIMEDOUT" });
}

/** Refuses what is no client of either package. */
export function checkCommands(name: string, client: unknown): asserts client is RedisCommands {
  const shape = client as Partial<IoRedisCommands & NodeRedisCommands> | null | undefined;
  if (typeof shape?.call === "function" || typeof shape?.sendCommand === "function") return;
  throw invalid(name, "a client of ioredis or node-redis", client);
}

/** The fields of a hash, in whatever form the client gives them. */
export function pairsOf(reply: unknown): [field: string, value: string][] {
  if (reply instanceof Map) return [...reply].map(([field, value]) => [String(field), String(value)]);
  if (Array.isArray(reply)) {
    const pairs: [string, string][] = [];
    for (let at = 0; at + 1 < reply.length; at += 2) pairs.push([String(reply[at]), String(reply[at + 1])]);
    return pairs;
  }
  return Object.entries(reply ?? {}).map(([field, value]) => [field, String(value)]);
}
