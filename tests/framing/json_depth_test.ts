// How deep a received text may be: counted exactly, whatever stands in its strings, and before anything is parsed.

import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { MessageError } from "../../src/base/errors.ts";
import { json } from "../../src/framing/json.ts";
import { lengthPrefixed } from "../../src/framing/length_prefixed.ts";
import { ndjson } from "../../src/framing/ndjson.ts";
import { concat, decodeAll, drain, frame, utf8 } from "./decode.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const LARGE = 16 * 1_048_576;

/** How {@link json} with this limit takes a text, which has the frame 1 behind it. */
function verdict(text: string, maxDepth: number | undefined): "ok" | "too deep" | "no JSON" {
  const framing = lengthPrefixed({ maxFrameBytes: LARGE });
  const decoder = json(maxDepth === undefined ? { framing } : { framing, maxDepth }).decoder();
  decoder.push(concat(frame(text), frame("1")));
  let found: "ok" | "too deep" | "no JSON" = "ok";
  try {
    assert(decoder.next() !== undefined);
  } catch (error) {
    if (!(error instanceof MessageError) || error.code !== "ERR_MESSAGE_INVALID") throw error;
    found = error.message.endsWith("(maxDepth)") ? "too deep" : "no JSON";
  }
  assertEquals(drain(decoder), [{ message: 1 }]); // exactly one frame was consumed
  return found;
}

type Level = readonly [open: string, close: string];
const ARRAY: Level = ["[", "]"];
const OBJECT: Level = ['{"a":', "}"];

/** `depth` levels, of the kinds in turn, and a number inside. */
function nested(depth: number, ...kinds: readonly Level[]): string {
  const levels = Array.from({ length: depth }, (_, i) => kinds[i % kinds.length] ?? ARRAY);
  return levels.map(([open]) => open).join("") + "0" + levels.map(([, close]) => close).reverse().join("");
}

// ---- the limit is exact ----

const SHAPES: [what: string, text: (depth: number) => string][] = [
  ["arrays", (depth) => nested(depth, ARRAY)],
  ["objects", (depth) => nested(depth, OBJECT)],
  ["arrays and objects in turn", (depth) => nested(depth, ARRAY, OBJECT)],
  ["empty arrays", (depth) => "[".repeat(depth) + (depth === 0 ? "0" : "") + "]".repeat(depth)],
  ["levels with space around them", (depth) => nested(depth, [" [\n", "\t] "])],
  ["levels behind flat neighbours", (depth) => `[[],{},${nested(depth - 1, OBJECT)}]`],
  ["levels in front of flat neighbours", (depth) => `[${nested(depth - 1, ARRAY)},[],{}]`],
  ["levels beside strings of brackets", (depth) => nested(depth, ['["[{[{",', ',"]}\\"]"]'])],
];

for (const [what, text] of SHAPES) {
  unit(`json() takes ${what} as deep as maxDepth and not one deeper`, () => {
    for (const maxDepth of [2, 3, 7, 64, 1_000]) {
      assertEquals(verdict(text(maxDepth - 1), maxDepth), "ok", `${maxDepth} - 1`);
      assertEquals(verdict(text(maxDepth), maxDepth), "ok", `${maxDepth}`);
      assertEquals(verdict(text(maxDepth + 1), maxDepth), "too deep", `${maxDepth} + 1`);
    }
  });
}

unit("json() takes 128 levels and no more where nothing is said", () => {
  assertEquals(verdict(nested(127, ARRAY, OBJECT), undefined), "ok");
  assertEquals(verdict(nested(128, ARRAY, OBJECT), undefined), "ok");
  assertEquals(verdict(nested(129, ARRAY, OBJECT), undefined), "too deep");
});

for (const text of ["0", '"[[[["', "true", "[]", "{}", "[1,2,3]", '{"a":1,"b":"{{{"}']) {
  unit(`json() with maxDepth 1 takes ${text}`, () => assertEquals(verdict(text, 1), "ok"));
}

for (const text of ["[[]]", '{"a":{}}', '[{"a":1}]', '{"a":[]}', "[1,2,3,[4]]", "[[],[]]"]) {
  unit(`json() with maxDepth 1 refuses ${text}`, () => assertEquals(verdict(text, 1), "too deep"));
}

// ---- brackets that are none ----

// Each is one level deep; String.raw, so that what is written here is what is on the wire.
const ONE_DEEP = [
  String.raw`["[[[[", "{{{{", "]", "}"]`,
  String.raw`{"[[[[":"{{{{"}`,
  String.raw`["\"[[[[[", "\"{{{{"]`,
  String.raw`["\\", "[[", "\\\\", "{{"]`,
  String.raw`["\\\"[[[[[\\"]`,
  String.raw`["\u005b\u005b\u007b\u007b\u005b"]`,
  String.raw`["\u0022[[[[[", "\u005c", "{{{{"]`,
  String.raw`["\\u0022", "[[[[["]`,
  String.raw`["🦕[[[[ë{{{{\ud83e\udd95["]`,
  String.raw`["\/[[\b[[\f[[\n[[\r[[\t[["]`,
];

for (const text of ONE_DEEP) {
  unit(`json() counts no brackets inside the strings of ${text}`, () => {
    assertEquals(verdict(text, 1), "ok");
    assertEquals(verdict(`[${text}]`, 2), "ok");
    assertEquals(verdict(`[${text}]`, 1), "too deep");
    assertEquals(verdict(`[0,${text},[0]]`, 2), "ok");
    assertEquals(verdict(`[0,${text},[[0]]]`, 2), "too deep"); // the string has ended where it should
  });
}

unit("json() counts levels, not how many arrays and objects there are", () => {
  assertEquals(verdict(`[${"[],{},".repeat(50_000)}0]`, 2), "ok");
  assertEquals(verdict(`[${'[{"a":[]}],'.repeat(1_000)}0]`, 4), "ok");
  assertEquals(verdict(`[${'[{"a":[]}],'.repeat(1_000)}0]`, 3), "too deep");
  assertEquals(verdict(`[${"[],".repeat(50_000)}[[]]]`, 2), "too deep");
});

unit("json() agrees with the depth of what is parsed for random texts", () => {
  let seed = 20_261;
  const random = (below: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % below;
  const strings = ["", "[", "{[", "]}", '"', '\\"[', "\\", "\\\\{", "\u2028[", "🦕{", "\u0000]"];
  const value = (levels: number): unknown => {
    if (levels === 0 || random(4) === 0) return strings[random(strings.length)];
    if (random(2) === 0) return Array.from({ length: random(4) }, () => value(levels - 1));
    return Object.fromEntries(Array.from({ length: random(4) }, () => [strings[random(11)], value(levels - 1)]));
  };
  const depthOf = (it: unknown): number =>
    typeof it !== "object" || it === null ? 0 : 1 + Math.max(0, ...Object.values(it).map(depthOf));
  const depths = new Set<number>();
  for (let i = 0; i < 1_000; i++) {
    const message = value(1 + random(7));
    const depth = depthOf(message);
    depths.add(depth);
    for (const limit of [depth - 1, depth, depth + 1]) {
      if (limit < 1) continue;
      const text = JSON.stringify(message, undefined, random(3));
      assertEquals(verdict(text, limit), depth > limit ? "too deep" : "ok", `${limit} for ${text}`);
    }
  }
  assert(depths.size >= 7); // all that can be
});

// ---- what is said ----

unit("json() says of a text that is too deep how deep it may be and how long it is", () => {
  const decoder = json({ maxDepth: 3 }).decoder();
  decoder.push(frame("[[[[1]]]]"));
  const error = assertThrows(() => decoder.next(), MessageError);
  assertEquals(error.message, "Cannot read message: it is more than 3 levels deep (maxDepth)");
  assertEquals([error.code, error.frameBytes, error.recoverable], ["ERR_MESSAGE_INVALID", 9, true]);
});

// ---- hostile depth ----

const HOSTILE = 500_000;
const DEEP: [what: string, text: string][] = [
  ["arrays", nested(HOSTILE, ARRAY)],
  ["objects", nested(HOSTILE, OBJECT)],
  ["arrays and objects", nested(HOSTILE, ARRAY, OBJECT)],
];

for (const [what, text] of DEEP) {
  unit(`json() refuses ${HOSTILE} ${what} inside each other and goes on`, () => {
    assertEquals(verdict(text, undefined), "too deep");
  });

  unit(`json() with maxDepth Infinity reads ${HOSTILE} ${what} inside each other`, () => {
    const decoder = json({ framing: lengthPrefixed({ maxFrameBytes: LARGE }), maxDepth: Infinity }).decoder();
    decoder.push(concat(frame(text), frame("1")));
    let inner = decoder.next();
    let depth = 0;
    for (; typeof inner === "object" && inner !== null; depth++) inner = Object.values(inner)[0];
    assertEquals([inner, depth], [0, HOSTILE]);
    assertEquals(decoder.next(), 1);
  });

  unit(`ndjson() refuses ${HOSTILE} ${what} inside each other and goes on`, () => {
    const wire = utf8(`1\n${text}\n2\n`);
    assertEquals(decodeAll(ndjson({ maxFrameBytes: LARGE }).decoder(), [wire]), [
      { message: 1 },
      { invalid: "ERR_MESSAGE_INVALID" },
      { message: 2 },
    ]);
  });
}

for (const [what, text] of [["opened and never closed", "["], ["closed and never opened", "]"]] as const) {
  unit(`json() refuses ${HOSTILE} arrays ${what} and goes on, with any limit`, () => {
    assertEquals(verdict(text.repeat(HOSTILE), undefined), text === "[" ? "too deep" : "no JSON");
    assertEquals(verdict(text.repeat(HOSTILE), Infinity), "no JSON");
    assertEquals(verdict(text.repeat(HOSTILE), Number.MAX_SAFE_INTEGER), "no JSON");
  });
}

for (const text of ['"[[[[[[', '["\\', "]]]][[[[", "{{{{", '["a]', "[[}}", '"\\"[[[[']) {
  unit(`json() takes the broken text ${text} for one bad message`, () => {
    for (const maxDepth of [1, 2, 3, 128, Infinity]) assert(verdict(text, maxDepth) !== "ok");
  });
}

/** How many characters are looked at one by one, and how many searches begin, while `run` runs. */
function countLooks(run: () => void): { looks: number; searches: number } {
  const { charCodeAt, indexOf } = String.prototype;
  const counted = { looks: 0, searches: 0 };
  const define = (name: string, value: unknown) =>
    Object.defineProperty(String.prototype, name, { configurable: true, writable: true, value });
  define("charCodeAt", function (this: string, at: number) {
    counted.looks++;
    return charCodeAt.call(this, at);
  });
  define("indexOf", function (this: string, searched: string, from?: number) {
    counted.searches++;
    return indexOf.call(this, searched, from);
  });
  try {
    run();
  } finally {
    define("charCodeAt", charCodeAt);
    define("indexOf", indexOf);
  }
  return counted;
}

unit("json() looks at each character of a text at most once, and at none of a shallow one", () => {
  const flat = `[${"[],".repeat(30_000)}0]`;
  const strings = `[${'"[\\"[",'.repeat(30_000)}0]`;
  for (const text of [flat, strings, nested(50_000, ARRAY)]) {
    const { looks, searches } = countLooks(() => verdict(text, 100));
    assertLessOrEqual(looks, text.length + 10);
    assertLessOrEqual(searches, 210);
  }
  const shallow = JSON.stringify({ a: "x".repeat(100_000) });
  assertLessOrEqual(countLooks(() => verdict(shallow, 100)).looks, 10);
});

// ---- the option ----

const BAD_DEPTHS: [value: unknown, kind: typeof TypeError | typeof RangeError, shown: string][] = [
  [0, RangeError, "0"],
  [-1, RangeError, "-1"],
  [1.5, RangeError, "1.5"],
  [NaN, RangeError, "NaN"],
  [-Infinity, RangeError, "-Infinity"],
  [2 ** 53, RangeError, "9007199254740992"],
  ["3", TypeError, '"3"'],
  [null, TypeError, "null"],
  [3n, TypeError, "3n"],
];

for (const [maxDepth, kind, shown] of BAD_DEPTHS) {
  unit(`json() and ndjson() refuse a maxDepth of ${shown} (${typeof maxDepth})`, () => {
    for (const make of [json, ndjson]) {
      const error = assertThrows(() => Reflect.apply(make, undefined, [{ maxDepth }]), kind);
      const rule = `must be an integer from 1 to ${Number.MAX_SAFE_INTEGER}`;
      assertEquals(error.message, `Option "maxDepth" ${rule}; it is ${shown}`);
    }
  });
}
