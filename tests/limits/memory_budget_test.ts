// The budget's arithmetic, and who has to go first.

import { assertEquals } from "@std/assert";
import { Heaviest } from "../../src/limits/heaviest.ts";
import { MemoryBudget } from "../../src/limits/memory_budget.ts";
import { Random } from "../../src/testing/random.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function makeBudget(limitBytes: number, over: (budget: MemoryBudget, target: number) => void = () => {}) {
  const told: string[] = [];
  const budget: MemoryBudget = new MemoryBudget(limitBytes, {
    over(targetBytes) {
      told.push(`over ${targetBytes}`);
      over(budget, targetBytes);
    },
    relieved: () => told.push("relieved"),
  });
  return { budget, told };
}

test("MemoryBudget counts what several keep once", () => {
  const { budget } = makeBudget(1_000);
  const [frame, other] = [new Uint8Array(300), new Uint8Array(300)];
  for (let i = 0; i < 5; i++) budget.keep(frame);
  budget.keep(other);
  assertEquals([budget.heldBytes, budget.queuedBytes, budget.keepersOf(frame)], [600, 600, 5]);
  for (let i = 0; i < 4; i++) budget.release(frame, 300);
  assertEquals(budget.heldBytes, 600);
  budget.release(frame, 300);
  budget.release(other, 300);
  assertEquals([budget.heldBytes, budget.queuedBytes, budget.keepersOf(frame)], [0, 0, 0]);
});

test("MemoryBudget takes off what it has put on, whatever has become of the bytes", () => {
  const { budget } = makeBudget(1_000);
  const frame = new Uint8Array(300);
  budget.keep(frame);
  frame.buffer.transfer();
  budget.release(frame, 300);
  assertEquals([budget.heldBytes, budget.queuedBytes, budget.keepersOf(frame)], [0, 0, 0]);
});

test("MemoryBudget is crowded from 80 % on, and tells once who waits when it is not any more", () => {
  const { budget, told } = makeBudget(100);
  budget.move(79, 0);
  assertEquals(budget.crowded, false);
  budget.move(1, 1);
  assertEquals(budget.crowded, true);
  budget.look();
  assertEquals(told, []);
  budget.move(-1, -1);
  budget.look();
  budget.look();
  assertEquals(told, ["relieved"]);
});

test("MemoryBudget asks for room once per crossing, down to 90 %", () => {
  const { budget, told } = makeBudget(100, (budget, target) => {
    while (budget.heldBytes > target) {
      budget.move(-10, 0);
      budget.look(); // as whoever closes something does
    }
  });
  budget.move(100, 0);
  budget.look();
  assertEquals(told, []);
  budget.move(25, 0);
  budget.look();
  assertEquals([told, budget.heldBytes], [["over 90"], 85]);
});

test("MemoryBudget looks at once when its limit is lowered", () => {
  const { budget, told } = makeBudget(100);
  budget.move(60, 0);
  budget.limitBytes = 50;
  assertEquals(told, ["over 45"]);
});

test("Heaviest takes the largest holder of the address that is the heaviest at that time, as a search would", () => {
  const random = new Random(5);
  for (let round = 0; round < 200; round++) {
    const holders = Array.from({ length: random.below(40) }, (_, member) => ({
      key: `k${random.below(6)}`,
      member,
      bytes: 1 + random.below(1_000) * 50 + member / 100, // no two alike
    }));
    const heaviest = new Heaviest(holders.map(({ key, ...holder }) => [key, holder] as const));
    const left = [...holders];
    while (left.length > 0) {
      const totals = new Map<string, number>();
      for (const { key, bytes } of left) totals.set(key, (totals.get(key) ?? 0) + bytes);
      const most = Math.max(...totals.values());
      const member = heaviest.take();
      const taken = left.find((holder) => holder.member === member);
      assertEquals(Math.abs((totals.get(taken?.key ?? "") ?? 0) - most) < 0.001, true, `round ${round}`);
      const largest = Math.max(...left.filter(({ key }) => key === taken?.key).map(({ bytes }) => bytes));
      assertEquals(taken?.bytes, largest);
      left.splice(left.indexOf(taken!), 1);
    }
    assertEquals(heaviest.take(), undefined);
  }
});
