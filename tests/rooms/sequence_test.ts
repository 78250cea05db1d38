import { assert, assertEquals } from "@std/assert";
import { Hearing, Numbering } from "../../src/rooms/sequence.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

unit("Numbering counts each room by itself, and a later start has larger epochs", () => {
  const early = new Numbering(1_000);
  const a = early.take("a", 3);
  assertEquals([early.take("a", 1), early.take("b", 1).next], [{ epoch: a.epoch, next: 3 }, 0]);
  assert(new Numbering(1_001).take("a", 1).epoch > early.take("c", 1).epoch);
});

unit("Numbering begins anew, with a larger epoch, where numbers or memory end", () => {
  const numbering = new Numbering(1);
  const first = numbering.take("a", 2 ** 32 - 2);
  const second = numbering.take("a", 5);
  assertEquals(second.next, 0);
  assert(second.epoch > first.epoch);
  for (let room = 0; room < 65_536; room++) numbering.take(`room ${room}`, 1);
  const third = numbering.take("a", 1);
  assert(third.next === 0 && third.epoch > second.epoch);
});

const CASES: [name: string, [epoch: number, first: number, count: number, expected: number | "old"][]][] = [
  ["in order", [[1, 5, 1, 0], [1, 6, 2, 0], [1, 8, 1, 0]]],
  ["the first one heard is the baseline", [[1, 1_000, 1, 0]]],
  ["a hole", [[1, 0, 1, 0], [1, 4, 1, 3], [1, 5, 1, 0]]],
  ["twice the same", [[1, 0, 2, 0], [1, 0, 2, "old"], [1, 1, 1, "old"], [1, 2, 1, 0]]],
  ["a new beginning", [[1, 7, 1, 0], [2, 0, 1, 0], [1, 8, 1, "old"], [2, 1, 1, 0]]],
];

for (const [name, steps] of CASES) {
  unit(`Hearing.judge(): ${name}`, () => {
    const hearing = new Hearing();
    for (const [epoch, first, count, expected] of steps) {
      const finding = hearing.judge("origin", epoch, first, count);
      assertEquals(finding === "old" ? finding : finding.missed, expected, `${epoch}.${first}`);
    }
    assertEquals(hearing.judge("another", 0, 0, 1), { missed: 0 });
  });
}

unit("Hearing forgets the origin that was not heard for longest, and takes it anew", () => {
  const hearing = new Hearing();
  hearing.judge("old", 1, 0, 1);
  for (let origin = 0; origin < 1_024; origin++) hearing.judge(`origin ${origin}`, 1, 0, 1);
  assertEquals(hearing.judge("old", 1, 0, 1), { missed: 0 });
});
