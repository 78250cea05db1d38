/** Counts what decoders do with bytes instead of timing it. */

import { Buffer } from "node:buffer";

// What is counted, by where it stands. Loops by hand are not seen.
const COPIES = ["set", "slice", "copyWithin", "fill", "toReversed", "with", Symbol.iterator];
const BYTE_SEARCHES = ["indexOf", "lastIndexOf", "includes", "find", "findIndex", "join"];
const TEXT_SEARCHES = [
  "indexOf",
  "lastIndexOf",
  "includes",
  "search",
  "match",
  "split",
  "replace",
  "replaceAll",
  "trim",
];

/** The bytes that the runtime copies, clears, searches and decodes for `run`, which must be synchronous. */
export function countWork(run: () => void): number {
  let work = 0;
  const undo: (() => void)[] = [];

  // By assignment where the property stands: to define and delete would make the engine start over each time.
  function replace(owner: object, name: PropertyKey, value: unknown) {
    const before = Reflect.get(owner, name);
    let holder = owner;
    while (!Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder);
    Reflect.set(holder, name, value);
    undo.push(() => Reflect.set(holder, name, before));
  }
  function count(
    owner: object,
    name: PropertyKey,
    bytesOf: (self: unknown, args: readonly unknown[], result: unknown) => number,
  ) {
    const original = Reflect.get(owner, name);
    replace(owner, name, function (this: unknown, ...args: unknown[]) {
      const result = Reflect.apply(original, this, args);
      work += bytesOf(this, args, result);
      return result;
    });
  }

  for (const name of COPIES) {
    count(Uint8Array.prototype, name, (self, [source], result) => {
      return lengthOf(name === "set" ? source : name === "slice" ? result : self);
    });
  }
  for (const name of BYTE_SEARCHES) count(Uint8Array.prototype, name, searched);
  for (const name of TEXT_SEARCHES) count(String.prototype, name, searched);
  count(Buffer.prototype, "toString", (self, [, from, to]) => {
    return (typeof to === "number" ? to : lengthOf(self)) - (typeof from === "number" ? from : 0);
  });
  count(Buffer.prototype, "indexOf", searched);
  count(TextDecoder.prototype, "decode", (_, [bytes]) => lengthOf(bytes));
  count(JSON, "parse", (_, [text]) => lengthOf(text));
  replace(
    globalThis,
    "Uint8Array",
    new Proxy(Uint8Array, {
      construct(target, args, newTarget) {
        const made = Reflect.construct(target, args, newTarget);
        if (!(args[0] instanceof ArrayBuffer)) work += lengthOf(made); // else it is a window
        return made;
      },
    }),
  );
  try {
    run();
  } finally {
    undo.reverse().forEach((restore) => restore());
  }
  return work;
}

/** As far as a search had to look. */
function searched(self: unknown, [, from]: readonly unknown[], found: unknown): number {
  const to = typeof found === "number" && found >= 0 ? found + 1 : lengthOf(self);
  return Math.max(0, to - (typeof from === "number" ? from : 0));
}

function lengthOf(value: unknown): number {
  return value instanceof Uint8Array || Array.isArray(value) || typeof value === "string" ? value.length : 0;
}
