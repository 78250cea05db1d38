/** Whether a value is a codec. */

import { typeError } from "../base/argument_errors.ts";
import { invalid } from "../base/check.ts";

/** `value` has that method of a codec. Where it is what makes codecs, the error says that the call is missing. */
export function checkCodec(name: string, value: unknown, method: "decoder" | "encode" = "decoder"): void {
  if (typeof Reflect.get(Object(value), method) === "function") return;
  if (typeof value !== "function") throw invalid(name, "a codec", value);
  const call = `${value.name || name}(${value.length > 0 ? "..." : ""})`;
  const message = `Option "${name}" must be a codec; it is a function: is the call missing, ${call}?`;
  throw typeError("ERR_INVALID_ARG_TYPE", message);
}
