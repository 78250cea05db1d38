// deno-lint-ignore-file no-explicit-any -- the official result is typed from its options; the values stay as loose here
export interface ParseOptions {
  boolean?: boolean | string | ReadonlyArray<string>;
  string?: string | ReadonlyArray<string>;
  default?: Record<string, unknown>;
  alias?: Record<string, string | ReadonlyArray<string>>;
  collect?: string | ReadonlyArray<string>;
  negatable?: string | ReadonlyArray<string>;
  stopEarly?: boolean;
  "--"?: boolean;
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}
export function parseArgs(
  args: ReadonlyArray<string>,
  options?: ParseOptions,
): { _: Array<string | number> } & Record<string, any>;
