/** JSON text to checked values and back: below `json` and `ndjson`. */

import { typeError, withCode } from "../base/argument_errors.ts";
import { checkInteger, printable } from "../base/check.ts";
import { asError, MessageError } from "../base/errors.ts";
import { applySchema, checkSchema, type StandardSchema } from "./standard_schema.ts";

/** Which values are accepted; the options that `json` and `ndjson` share. */
export interface JsonValueOptions<In = unknown, Out = In> {
  /**
   * Any Standard Schema validator (Zod, Valibot, ArkType and others). It validates what is received, and the message is
   * its output; what is sent is not validated. Left out, every JSON value is accepted. A value that fails is a
   * `MessageError` (`ERR_MESSAGE_INVALID`) that names its path and has the issues as `cause`, and the stream goes on.
   */
  schema?: StandardSchema<In, Out>;
  /**
   * Largest depth of nested arrays and objects in a received message: `[]` is 1 deep. A deeper one is a `MessageError`.
   *
   * @default {128}
   */
  maxDepth?: number;
}

/** The names that {@link JsonValueOptions} knows. */
export const JSON_VALUE_KEYS: readonly string[] = ["schema", "maxDepth"];

const DEFAULT_MAX_DEPTH = 128;

/** Reads the text of one message after the other. */
export class JsonText<Out> {
  readonly #schema: StandardSchema<unknown, Out> | undefined;
  readonly #maxDepth: number;

  constructor(options: JsonValueOptions<unknown, Out>) {
    checkSchema("schema", options.schema);
    this.#schema = options.schema;
    this.#maxDepth = options.maxDepth === Infinity
      ? Infinity
      : checkInteger("maxDepth", options.maxDepth, DEFAULT_MAX_DEPTH, 1, Number.MAX_SAFE_INTEGER);
  }

  /** The value of a text. Throws a `MessageError` if it is none, too deep or not what the schema wants. */
  read(text: string, frameBytes: number): Out {
    if (isDeeper(text, this.#maxDepth)) {
      throw new MessageError(`Cannot read message: it is more than ${this.#maxDepth} levels deep (maxDepth)`, {
        code: "ERR_MESSAGE_INVALID",
        frameBytes,
      });
    }
    let value;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new MessageError(`Cannot read message: its ${frameBytes} bytes are not JSON`, {
        code: "ERR_MESSAGE_INVALID",
        frameBytes,
        // A copy, because the runtime's own keeps the whole text alive; and a peer has written part of it.
        cause: new SyntaxError(printable(asError(cause).message)),
      });
    }
    return this.#schema === undefined ? value : applySchema(this.#schema, value, frameBytes);
  }
}

/** The text of a value. Throws a TypeError for what JSON cannot say. */
export function jsonTextOf(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw withCode(error); // a cycle, a BigInt, or what a toJSON() throws
  }
  if (text === undefined) {
    throw typeError("ERR_INVALID_ARG_VALUE", `Cannot send message: JSON has no value for ${typeof value}`);
  }
  return text;
}

/** Whether arrays and objects stand more than `maxDepth` deep in each other. */
function isDeeper(text: string, maxDepth: number): boolean {
  // Each level takes two characters, so most messages need no look.
  if (text.length <= 2 * maxDepth) return false;
  if (count(text, "[", maxDepth) + count(text, "{", maxDepth) <= maxDepth) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x22) i = endOfString(text, i + 1);
    else if (unit === 0x5b || unit === 0x7b) { // [ {
      if (++depth > maxDepth) return true;
    } else if (unit === 0x5d || unit === 0x7d) depth--; // ] }
  }
  return false;
}

/** How often a character is there, as far as `enough` needs to know. */
function count(text: string, character: string, enough: number): number {
  let times = 0;
  for (let at = text.indexOf(character); at >= 0 && times <= enough; at = text.indexOf(character, at + 1)) times++;
  return times;
}

/** Where the string that began before `from` has its closing quote. */
function endOfString(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x22) return i;
    if (unit === 0x5c) i++; // a backslash: the next character is not the end
  }
  return text.length;
}
