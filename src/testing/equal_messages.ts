/** When two messages are the same. */

import { equal } from "@std/assert";

/**
 * Deep equality. Errors are equal if their class, message and own properties are; where they were made, which the stack
 * says, does not count. That goes for errors in arrays, plain objects, maps, sets and other errors, too.
 */
export function equalMessages(a: unknown, b: unknown): boolean {
  return equal(a, b) || equal(withoutStacks(a), withoutStacks(b));
}

/** The value with a stand-in for each error in it: of the same class, with all it has of its own but the stack. */
export function withoutStacks(value: unknown, seen: Map<unknown, unknown> = new Map()): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const standIn = containerLike(value);
  if (standIn === undefined) return value;
  seen.set(value, standIn);
  if (value instanceof Map && standIn instanceof Map) {
    for (const [key, item] of value) standIn.set(withoutStacks(key, seen), withoutStacks(item, seen));
  } else if (value instanceof Set && standIn instanceof Set) {
    for (const item of value) standIn.add(withoutStacks(item, seen));
  } else {
    for (const key of Reflect.ownKeys(value)) {
      if (key === "stack" && value instanceof Error) continue;
      if (typeof key === "symbol" && !Object.prototype.propertyIsEnumerable.call(value, key)) continue; // the runtime's
      // Enumerable, so that it is compared and shown, as the message and the cause of an error are not.
      Reflect.defineProperty(standIn, key, {
        value: withoutStacks(Reflect.get(value, key), seen),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
  }
  return standIn;
}

/** Something empty of the same kind; undefined for what is compared as it is. */
function containerLike(value: object): object | undefined {
  const prototype = Object.getPrototypeOf(value);
  if (value instanceof Error || prototype === Object.prototype || prototype === null) return Object.create(prototype);
  if (Array.isArray(value)) return [];
  if (prototype === Map.prototype) return new Map();
  if (prototype === Set.prototype) return new Set();
  return undefined;
}
