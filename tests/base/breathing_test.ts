import { assertEquals, assertNotEquals } from "@std/assert";
import { breathe, stopBreathing, takeTurns } from "../../src/base/breathing.ts";
import { type Clock, type Timer, useClock } from "../../src/base/clock.ts";

/** A clock whose timers fire when the test says so. */
class HandClock implements Clock {
  readonly origin = 0;
  started = 0;
  at = 0;
  #due: (() => void) | undefined;

  now(): number {
    return this.at;
  }

  wallTime(): number {
    return 0;
  }

  start(callback: () => void): Timer {
    this.started++;
    this.#due = callback;
    return { stop: () => this.#due = undefined };
  }

  afterReads(callback: () => void): Timer {
    return this.start(callback);
  }

  get armed(): boolean {
    return this.#due !== undefined;
  }

  fire(): void {
    const callback = this.#due;
    this.#due = undefined;
    callback?.();
  }
}

function test(name: string, fn: (clock: HandClock) => void | Promise<void>): void {
  Deno.test({
    name,
    permissions: "none",
    async fn() {
      const [clock, giveBack] = useClock(() => new HandClock());
      try {
        await fn(clock);
        stopBreathing();
        assertEquals(clock.armed, false);
      } finally {
        giveBack();
      }
    },
  });
}

/** Which of these promises are resolved by now. */
async function resolved(promises: readonly (Promise<void> | undefined)[]): Promise<number[]> {
  const done: number[] = [];
  promises.forEach((promise, index) => void promise?.then(() => done.push(index)));
  for (let i = 0; i < 5; i++) await Promise.resolve();
  return done;
}

test("breathe() lets everybody go on while the timer fires in time, with one timer at a time", (clock) => {
  for (let now = 0; now < 100; now++) {
    assertEquals(breathe(now, 50), undefined);
    if (now % 10 === 9) clock.fire();
  }
  assertEquals(clock.started, 10);
});

test("breathe() lets the cheap ones wait for an overdue look, and all go on after it", async (clock) => {
  assertEquals([breathe(100, 0), breathe(124, 0)], [undefined, undefined]);
  const waiting = [breathe(125, 0), breathe(130, 1)];
  assertEquals(await resolved(waiting), []);
  clock.fire();
  assertEquals(await resolved(waiting), [0, 1]);
  assertEquals(breathe(131, 0), undefined);
});

test("breathe() lets the costly ones go on one after the other, a look between them, the cheap ones in front", async (clock) => {
  breathe(100, 0);
  const waiting = [
    breathe(130, 40),
    breathe(130, 40),
    breathe(130, 10),
    breathe(130, 10),
    breathe(130, 10),
    breathe(130, 0),
  ];
  clock.fire();
  assertEquals(await resolved(waiting), [0, 5]);
  clock.fire();
  assertEquals(await resolved(waiting.slice(1, 5)), [0]);
  clock.fire();
  assertEquals(await resolved(waiting.slice(2, 5)), [0, 1, 2], "what together is no longer than one");
});

test("breathe() lets 64 of the cheap ones go on after a look, and nobody twice before all have had their turn", async (clock) => {
  breathe(100, 0);
  const waiting = Array.from({ length: 130 }, () => breathe(130, 0));
  clock.fire();
  assertEquals((await resolved(waiting)).length, 64);
  waiting.push(breathe(1, 0)); // it was among them
  assertNotEquals(waiting.at(-1), undefined);
  clock.fire();
  assertEquals((await resolved(waiting)).length, 128);
  clock.fire();
  assertEquals((await resolved(waiting)).length, 131);
  assertEquals(breathe(1, 0), undefined);
});

test("the costly ones have as long as the others took since the last look, and no longer for what they took themselves", async (clock) => {
  const turn = (at: number) => {
    clock.at = at;
    clock.fire();
  };
  breathe(100, 0);
  const waiting = Array.from({ length: 20 }, () => breathe(130, 20));
  turn(200);
  assertEquals(await resolved(waiting), [0, 1]);
  turn(300); // others took 100 ms
  assertEquals(await resolved(waiting.slice(2)), [0, 1, 2, 3, 4]);
  waiting.push(breathe(400, 20), breathe(400, 20));
  turn(400); // these took 40 ms, and others the rest
  assertEquals(await resolved(waiting.slice(7)), [0, 1, 2]);
  for (clock.at = 0; clock.armed;) clock.fire();
});

test("takeTurns() waits for a look of its own", async (clock) => {
  const waiting = [takeTurns(1)];
  assertEquals(await resolved(waiting), []);
  clock.fire();
  assertEquals(await resolved(waiting), [0]);
});

test("stopBreathing() lets everybody go on", async () => {
  breathe(0, 0);
  const waiting = [breathe(50, 0), breathe(50, 9), takeTurns(99)];
  stopBreathing();
  assertEquals(await resolved(waiting), [0, 1, 2]);
});
