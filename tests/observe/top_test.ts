import { assertEquals } from "@std/assert";
import { Top } from "../../src/observe/top.ts";
import { Random } from "../../src/testing/random.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

unit("Top.take() gives what was kept, the greatest first, and of equal keys the greater second one", () => {
  const top = new Top<string>(3);
  assertEquals(top.take(), []);
  top.offer("a", 1, 5);
  top.offer("b", 2, 0);
  assertEquals(top.take(), ["b", "a"]);
  top.offer("c", 1, 6);
  top.offer("d", 1, 5); // no better than the last
  top.offer("e", 0, 9);
  assertEquals(top.take(), ["b", "c", "a"]);
});

unit("Top keeps what sorting keeps, in whatever order it comes", () => {
  const random = new Random(1);
  const shuffled = Array.from({ length: 500 }, () => random.below(60));
  for (const keys of [shuffled, shuffled.toSorted((a, b) => a - b), shuffled.toSorted((a, b) => b - a)]) {
    const top = new Top<number>(32);
    keys.forEach((key, index) => top.offer(key * 1_000 + index, key, index));
    const sorted = keys.map((key, index) => key * 1_000 + index).sort((a, b) => b - a);
    assertEquals(top.take(), sorted.slice(0, 32));
  }
});
