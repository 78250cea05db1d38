/** Validators of messages, whoever made them: the Standard Schema interface, version 1 (standardschema.dev). */

import { typeError } from "../base/argument_errors.ts";
import { MessageError } from "../base/errors.ts";
import { invalid, printable, show } from "../base/check.ts";

/** Why a value is not valid. */
export interface StandardIssue {
  /** In words. */
  readonly message: string;
  /** Where in the value, from its top. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The result of a validator. */
export type StandardResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/**
 * A validator by the Standard Schema specification, such as those of Zod, Valibot and ArkType. `In` is the type of its
 * input, `Out` of its output. Its `validate` must not return a promise.
 */
export interface StandardSchema<In = unknown, Out = In> {
  /** The validator. */
  readonly "~standard": {
    /** The version of the interface. */
    readonly version: 1;
    /** Who made it. */
    readonly vendor: string;
    /** Judges a value. */
    readonly validate: (value: unknown) => StandardResult<Out> | Promise<StandardResult<Out>>;
    /** For the type checker alone. */
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

/** `schema` is undefined or a Standard Schema. */
export function checkSchema(name: string, schema: unknown): void {
  if (schema === undefined) return;
  const carrier = typeof schema === "function" || typeof schema === "object" && schema !== null;
  const standard = carrier ? Reflect.get(Object(schema), "~standard") : undefined;
  if (typeof standard?.validate !== "function" || standard.version !== 1) {
    throw invalid(name, 'a Standard Schema (version 1, with "~standard".validate)', schema);
  }
}

/** What the schema makes of a value. Throws a `MessageError` with the path if it is not valid. */
export function applySchema<Out>(schema: StandardSchema<unknown, Out>, value: unknown, frameBytes: number): Out {
  let result: StandardResult<Out> | Promise<StandardResult<Out>>;
  try {
    result = schema["~standard"].validate(value);
  } catch (cause) {
    throw invalidMessage("the schema threw", frameBytes, cause);
  }
  if (typeof result !== "object" || result === null) {
    const message = `Option "schema" must be a validator that returns a result; it returned ${show(result)}`;
    throw typeError("ERR_INVALID_RETURN_VALUE", message);
  }
  if ("then" in result) {
    Promise.resolve(result).catch(() => {}); // nobody will hear of it
    throw typeError(
      "ERR_INVALID_RETURN_VALUE",
      'Option "schema" must not be asynchronous; its validate() returned a promise',
    );
  }
  if (result.issues === undefined) {
    // For a decoder undefined is no message but the wish for more bytes.
    if (result.value === undefined) throw invalidMessage("the schema returned undefined for it", frameBytes, undefined);
    return result.value;
  }
  const [first] = result.issues;
  const more = result.issues.length > 1 ? ` (and ${result.issues.length - 1} more)` : "";
  const what = first === undefined
    ? "no reason given"
    : `${printable(pathOf(first))}: ${printable(first.message)}${more}`;
  throw invalidMessage(what, frameBytes, result.issues);
}

function invalidMessage(what: string, frameBytes: number, cause: unknown): MessageError {
  return new MessageError(`Cannot read message: ${what}`, { code: "ERR_MESSAGE_INVALID", frameBytes, cause });
}

/** As one writes it in code: `user.tags[0]`. Keys may be the peer's: those that are no plain names are quoted. */
function pathOf({ path = [] }: StandardIssue): string {
  let text = "";
  for (const part of path) {
    const key = typeof part === "object" ? part.key : part;
    if (typeof key === "string" && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)) {
      text += text === "" ? key : `.${key}`;
    } else text += `[${typeof key === "string" ? JSON.stringify(key) : String(key)}]`;
  }
  return text === "" ? "the value" : text;
}
