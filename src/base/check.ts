/** Checks of options and arguments: five small checkers, one form of message (what, rule, value). */

import { type Coded, rangeError, typeError } from "./argument_errors.ts";

/** A value as messages show it: short, and never an object's content. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}...` : value);
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value) ? "an array" : "an object";
}

/** A text that a peer may have written, for messages: short, and without what could forge a line of a log. */
export function printable(text: string): string {
  const short = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return short.replace(
    /[\p{Cc}\u2028\u2029\p{Bidi_Control}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** A TypeError in the form that all checks share, for a value of a wrong type. */
export function invalid(name: string, rule: string, value: unknown): Coded<TypeError> {
  return typeError("ERR_INVALID_ARG_TYPE", `Option "${name}" must be ${rule}; it is ${show(value)}`);
}

/** The same for a value of the right type that is none of those allowed. */
export function invalidValue(name: string, rule: string, value: unknown): Coded<TypeError> {
  return typeError("ERR_INVALID_ARG_VALUE", `Option "${name}" must be ${rule}; it is ${show(value)}`);
}

/** `value` is undefined (then `fallback`) or an integer from `min` to `max`. */
export function checkInteger(name: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number") throw invalid(name, `an integer from ${min} to ${max}`, value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw rangeError(`Option "${name}" must be an integer from ${min} to ${max}; it is ${value}`);
  }
  return value;
}

/** `value` is undefined (then `fallback`), an integer from `min` on, or `Infinity` spelled out. */
export function checkBound(name: string, value: unknown, fallback: number, min: number): number {
  return value === Infinity ? Infinity : checkInteger(name, value, fallback, min, Number.MAX_SAFE_INTEGER);
}

/** The longest wait a timer of the runtime can hold: 2^31 - 1 ms, about 24.8 days. */
export const MAX_TIMER_MS = 2_147_483_647;

/** `value` is undefined (then `fallback`) or milliseconds that a timer can hold; 0 is for "off". */
export function checkMs(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number") throw invalid(name, "a number of milliseconds", value);
  if (!(value >= 0 && value <= MAX_TIMER_MS)) {
    throw rangeError(`Option "${name}" must be from 0 to ${MAX_TIMER_MS} milliseconds; it is ${value}`);
  }
  return value;
}

/** `value` is undefined (then `fallback`) or a boolean. */
export function checkBoolean(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw invalid(name, "true or false", value);
  return value;
}

/** `value` is undefined or a non-empty string. */
export function checkString(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw invalid(name, "a non-empty string", value);
  if (value === "") throw invalidValue(name, "a non-empty string", value);
  return value;
}

/** `value` is a function. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") {
    throw typeError("ERR_INVALID_ARG_TYPE", `Argument "${name}" must be a function; it is ${show(value)}`);
  }
}

/** `value` is undefined or an object whose keys are all in `known`; a stranger is refused by its name. */
export function checkKeys(name: string, value: unknown, known: readonly string[]): void {
  if (value === undefined) return;
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid(name, "an object", value);
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      const where = name === "options" ? key : `${name}.${key}`;
      throw typeError("ERR_INVALID_ARG_VALUE", `Option "${where}" is unknown; "${name}" takes ${known.join(", ")}`);
    }
  }
}

/** `value` is a port: an integer from 0 to 65535, or the same as a string of digits (from the environment, say). */
export function checkPort(value: unknown, name = "port"): number {
  const port = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    const message = `Option "${name}" must be an integer from 0 to 65535; it is ${show(value)}`;
    if (typeof value !== "number" && typeof value !== "string") throw typeError("ERR_INVALID_ARG_TYPE", message);
    throw rangeError(message, "ERR_SOCKET_BAD_PORT");
  }
  return port;
}
