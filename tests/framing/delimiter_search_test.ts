import { assertEquals, assertLessOrEqual } from "@std/assert";
import { DelimiterSearch, DelimiterTable, type Found } from "../../src/framing/delimiter_search.ts";
import { cutAt, everyCut, utf8 } from "./decode.ts";
import { findDelimiters, textsOf } from "./naive_split.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const tableOf = (delimiters: readonly string[]) => new DelimiterTable(delimiters.map(utf8));

/** Everything that is found in the chunks and at their end. */
function findAll(table: DelimiterTable, chunks: readonly Uint8Array[]): Found[] {
  const search = new DelimiterSearch(table);
  const found: Found[] = [];
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      at = search.scan(chunk, at, chunk.length);
      found.push(...search.found.splice(0));
    }
  }
  search.end();
  return [...found, ...search.found];
}

const shown = (found: readonly Found[]) => found.map(({ at, bytes }) => `${at}+${bytes}`).join(" ");

function check(
  delimiters: readonly string[],
  table: DelimiterTable,
  text: string,
  chunks: readonly Uint8Array[],
): void {
  const expected = shown(findDelimiters(text, delimiters));
  const got = shown(findAll(table, chunks));
  if (got === expected) return;
  const sizes = chunks.map((chunk) => chunk.length);
  throw new Error(`[${delimiters}] in ${text}, cut in ${sizes}, were found at ${got} instead of ${expected}`);
}

function byteByByte(text: string): Uint8Array[] {
  return Array.from(utf8(text), (byte) => new Uint8Array([byte]));
}

// ---- what is found ----

const SHORT = [...textsOf("ab", 3)].filter((text) => text !== "");
const TEXTS = [...textsOf("ab", 8)];

unit(
  "DelimiterSearch agrees with the definition for all pairs of delimiters of up to 3 and all texts of up to 8",
  () => {
    for (const [i, one] of SHORT.entries()) {
      for (const other of SHORT.slice(i)) {
        const delimiters = [one, other];
        const table = tableOf(delimiters);
        for (const text of TEXTS) check(delimiters, table, text, byteByByte(text));
      }
    }
  },
);

const SETS: string[][] = [
  ["a"],
  ["ab"],
  ["aa"],
  ["abab"],
  ["aabaa"],
  ["aab", "ab"],
  ["a", "aaaab"],
  ["b", "aaaab"],
  ["aa", "aaa"],
  ["aaa", "aa", "a"],
  ["ab", "aabb", "ba"],
  ["bab", "abababb", "aab"],
  ["b", "abbbba"],
  ["ba", "abbaab", "bb"],
  ["aaaab", "aab", "ba"],
  ["a", "abb", "abbabb"],
  ["abbab", "bba", "ab"],
  ["aabaaab", "aaba", "baa"],
];

for (const delimiters of SETS) {
  unit(`DelimiterSearch finds [${delimiters}] as defined in all texts of up to 8, in every cut`, () => {
    const table = tableOf(delimiters);
    for (const text of TEXTS) {
      const wire = utf8(text);
      for (let cut = 0; cut <= wire.length; cut++) check(delimiters, table, text, cutAt(wire, cut));
      check(delimiters, table, text, byteByByte(text));
    }
  });
}

unit("DelimiterSearch finds triples of delimiters of three letters as defined, in every cut", () => {
  const delimiters = ["abc", "bcab", "ca"];
  const table = tableOf(delimiters);
  for (const text of textsOf("abc", 7)) check(delimiters, table, text, byteByByte(text));
  for (const chunks of everyCut(utf8("abcabcaababcab"))) check(delimiters, table, "abcabcaababcab", chunks);
});

unit("DelimiterSearch takes every byte value", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (const delimiter of [[0], [255], [254, 255], [0, 1], [127, 128, 129]]) {
    const table = new DelimiterTable([new Uint8Array(delimiter)]);
    assertEquals(findAll(table, [bytes]), [{ at: delimiter[0], bytes: delimiter.length }]);
  }
});

for (const period of [1, 3, 100, 150]) {
  unit(`DelimiterSearch finds 301 bytes that overlap themselves with period ${period}`, () => {
    const unitOfPeriod = "a".repeat(period - 1) + "b";
    const delimiter = unitOfPeriod.repeat(301).slice(0, 301);
    const table = tableOf([delimiter]);
    const near = delimiter.slice(0, 300) + "x";
    for (const front of ["", "x", "a", delimiter.slice(0, 300), unitOfPeriod, near, delimiter.slice(0, period + 7)]) {
      const text = `${front}${delimiter}${delimiter}x${delimiter.slice(0, 300)}`;
      check([delimiter], table, text, [utf8(text)]);
      check([delimiter], table, text, byteByByte(text));
      for (let cut = 250; cut < 350; cut += 7) check([delimiter], table, text, cutAt(utf8(text), cut));
    }
  });
}

unit("DelimiterSearch tells of a delimiter in the scan of its last byte, unless a longer one may come", () => {
  const search = new DelimiterSearch(tableOf(["ab", "abcd"]));
  assertEquals(search.scan(utf8("xab"), 0, 3), 3);
  assertEquals([search.found.length, search.settled, search.position], [0, 1, 3]);
  assertEquals(search.scan(utf8("cx"), 0, 2), 2);
  assertEquals(search.found, [{ at: 1, bytes: 2 }]);
  const sure = new DelimiterSearch(tableOf(["ab", "cd"]));
  assertEquals([sure.scan(utf8("xabab"), 0, 5), sure.found], [3, [{ at: 1, bytes: 2 }]]);
});

unit("DelimiterSearch reads nothing outside of the window it is given", () => {
  for (const delimiters of [["a"], ["ab"], ["ab", "ba"]]) {
    const search = new DelimiterSearch(tableOf(delimiters));
    assertEquals([search.scan(utf8("ababxxabab"), 4, 5), search.found, search.position], [5, [], 1]);
    assertEquals([search.scan(utf8("ababxxabab"), 4, 6), search.found, search.position], [6, [], 3]);
  }
});

// ---- work ----

/** Counts what the table is asked: each step is one for a byte, each giveUp one more. */
class CountingTable extends DelimiterTable {
  work = 0;

  override step(...args: Parameters<DelimiterTable["step"]>): ReturnType<DelimiterTable["step"]> {
    this.work++;
    return super.step(...args);
  }

  override giveUp(...args: Parameters<DelimiterTable["giveUp"]>): ReturnType<DelimiterTable["giveUp"]> {
    this.work++;
    return super.giveUp(...args);
  }
}

/** The chunk, and how many of its bytes were looked at through the front. */
function counted(bytes: Uint8Array): { chunk: Uint8Array; reads: () => number } {
  let reads = 0;
  const chunk = new Proxy(bytes, {
    get(target, key) {
      if (key === "indexOf") {
        return (byte: number, from: number) => {
          const found = target.indexOf(byte, from);
          reads += (found < 0 ? target.length : found + 1) - from;
          return found;
        };
      }
      if (typeof key === "string" && /^\d+$/.test(key)) reads++;
      return Reflect.get(target, key, target);
    },
  });
  return { chunk, reads: () => reads };
}

const SIZE = 20_000;
const sea = (piece: string) => piece.repeat(Math.ceil(SIZE / piece.length)).slice(0, SIZE);

const ADVERSARIES: [delimiters: string[], text: string][] = [
  [["aaab"], sea("a")],
  [[`${"a".repeat(300)}b`], sea("a")],
  [[`${"a".repeat(300)}b`], sea(`${"a".repeat(300)}c`)],
  [["abab"], sea("aba")],
  [[`${"ab".repeat(150)}a`], sea("ab")],
  [["a", "aaaaaaaaaaaab"], sea("a")],
  [["a", "aaaaaaaaaaaab"], sea("aaaaaaaaaaaac")],
  [["aa", "aaa", `${"a".repeat(200)}b`], sea("a")],
  [["b", `a${"b".repeat(200)}c`], sea(`a${"b".repeat(200)}`)],
  [["ab", `${"a".repeat(100)}c`, `${"a".repeat(200)}d`], sea(`${"a".repeat(250)}b`)],
  [["x", "y"], sea("a")],
  [["x", "aaaaaaay"], sea("aaaaaaa")],
];

for (const [delimiters, text] of ADVERSARIES) {
  const named = delimiters.map((one) => one.length > 20 ? `${one.slice(0, 9)}... (${one.length})` : one);

  unit(`DelimiterSearch looks at each byte a few times at most for [${named}] in ${text.slice(0, 9)}...`, () => {
    for (const size of [SIZE, 1_000, 1]) {
      const table = new CountingTable(delimiters.map(utf8));
      table.work = 0;
      const chunks = Array.from({ length: SIZE / size }, (_, i) => counted(utf8(text.slice(i * size, (i + 1) * size))));
      const found = findAll(table, chunks.map(({ chunk }) => chunk));
      assertEquals(shown(found), shown(findDelimiters(text, delimiters)));
      // To see that it begins nothing, to see that it may begin something, and to step.
      assertLessOrEqual(chunks.reduce((sum, { reads }) => sum + reads(), 0), 3 * SIZE);
      // No byte is given up more often than it was stepped over.
      assertLessOrEqual(table.work, 2 * SIZE);
    }
  });
}

unit("DelimiterTable takes a number of steps that is linear in its delimiters", () => {
  const lengths = [1_000, 2_000];
  const work = lengths.map((length) => {
    let gets = 0;
    const get = Map.prototype.get;
    Map.prototype.get = function (key) {
      gets++;
      return get.call(this, key);
    };
    try {
      tableOf([`${"a".repeat(length)}b`, `${"ab".repeat(length / 2)}c`, "aab"]);
    } finally {
      Map.prototype.get = get;
    }
    return gets;
  });
  for (const [i, gets] of work.entries()) assertLessOrEqual(gets, 8 * (lengths[i] ?? 0));
});
