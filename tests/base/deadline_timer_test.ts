import { assert, assertEquals, assertLess } from "@std/assert";
import { DeadlineTimer, startDeadline } from "../../src/base/deadline_timer.ts";
import { FakeTime } from "./fake_time.ts";

const HOUR_MS = 3_600_000;

/** A timer over deadlines that the test moves, and the list of those it has found due. */
function watch(deadlines: number[]): { timer: DeadlineTimer; found: number[]; looks: () => number } {
  const found: number[] = [];
  let looks = 0;
  const timer = new DeadlineTimer((now) => {
    looks++;
    for (let i = deadlines.length - 1; i >= 0; i--) {
      if (deadlines[i]! <= now) found.push(...deadlines.splice(i, 1)); // in range
    }
    return Math.min(Infinity, ...deadlines);
  });
  return { timer, found, looks: () => looks };
}

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

unit("DeadlineTimer is not armed before the first deadline", () => {
  using time = new FakeTime();
  const { timer } = watch([]);
  assertEquals(timer.armed, false);
  assertEquals(time.timers, 0);
});

unit("DeadlineTimer looks when the deadline is due and not before", () => {
  using time = new FakeTime();
  const dueAt = performance.now() + 50;
  const { timer, found, looks } = watch([dueAt]);
  timer.lookBy(dueAt);
  time.tick(49);
  assertEquals([found, looks()], [[], 0]);
  time.tick(1);
  assertEquals(found, [dueAt]);
});

unit("DeadlineTimer goes to sleep when its check has no next deadline", () => {
  using time = new FakeTime();
  const dueAt = performance.now() + 50;
  const { timer } = watch([dueAt]);
  timer.lookBy(dueAt);
  time.tick(60);
  assertEquals([timer.armed, time.timers], [false, 0]);
});

unit("DeadlineTimer keeps its one timer when a later deadline is added", () => {
  using time = new FakeTime();
  const now = performance.now();
  const { timer, found, looks } = watch([now + 50, now + 500]);
  timer.lookBy(now + 50);
  timer.lookBy(now + 500);
  assertEquals(time.timers, 1);
  time.tick(50);
  assertEquals([found, looks()], [[now + 50], 1]);
  time.tick(450);
  assertEquals(found, [now + 50, now + 500]);
});

unit("DeadlineTimer is set earlier by an earlier deadline", () => {
  using time = new FakeTime();
  const now = performance.now();
  const { timer, found } = watch([now + 500, now + 20]);
  timer.lookBy(now + 500);
  timer.lookBy(now + 20);
  assertEquals(time.timers, 1);
  time.tick(20);
  assertEquals(found, [now + 20]);
});

unit("DeadlineTimer looks again for a deadline that moved while it slept", () => {
  using time = new FakeTime();
  const now = performance.now();
  const deadlines = [now + 50];
  const { timer, found } = watch(deadlines);
  timer.lookBy(now + 50);
  time.tick(40);
  deadlines[0] = now + 90; // traffic came: nobody tells the timer
  time.tick(20);
  assertEquals(found, []);
  time.tick(30);
  assertEquals(found, [now + 90]);
});

unit("DeadlineTimer.clear() forgets the deadline", () => {
  using time = new FakeTime();
  const dueAt = performance.now() + 50;
  const { timer, found } = watch([dueAt]);
  timer.lookBy(dueAt);
  timer.clear();
  time.tick(1_000);
  assertEquals([found, timer.armed, time.timers], [[], false, 0]);
});

unit("DeadlineTimer can be armed again after clear()", () => {
  using time = new FakeTime();
  const dueAt = performance.now() + 50;
  const { timer, found } = watch([dueAt]);
  timer.lookBy(dueAt);
  timer.clear();
  timer.lookBy(dueAt);
  time.tick(50);
  assertEquals(found, [dueAt]);
});

unit("DeadlineTimer looks at once for a deadline that has passed", () => {
  using time = new FakeTime();
  const dueAt = performance.now() - 10;
  const { timer, found } = watch([dueAt]);
  timer.lookBy(dueAt);
  time.tick(0);
  assertEquals(found, [dueAt]);
});

unit("DeadlineTimer may be cleared and armed from within its check", () => {
  using time = new FakeTime();
  const start = performance.now();
  const looksAt: number[] = [];
  const timer = new DeadlineTimer((now) => {
    looksAt.push(now - start);
    timer.clear();
    if (looksAt.length === 1) timer.lookBy(now + 10);
    return Infinity;
  });
  timer.lookBy(start + 5);
  time.tick(100);
  assertEquals(looksAt, [5, 15]);
});

for (const [how, stepMs] of [["forward", HOUR_MS], ["back", -HOUR_MS]] as const) {
  unit(`DeadlineTimer ends silences on time although the system's clock was set ${how}`, () => {
    using time = new FakeTime();
    const start = performance.now();
    const { timer, found, looks } = watch([start + 60_000, start + 5_000]);
    timer.lookBy(start + 5_000);
    time.tick(1_000);
    time.stepClock(stepMs);
    time.tick(3_999);
    assertEquals(found, []);
    time.tick(1);
    assertEquals(found, [start + 5_000]);
    time.tick(54_999);
    assertEquals(found, [start + 5_000]);
    time.tick(1);
    assertEquals(found, [start + 5_000, start + 60_000]);
    assertLess(looks(), 5, "it must not spin");
  });
}

unit("DeadlineTimer waits for a deadline that is further away than a timer can hold", () => {
  using time = new FakeTime();
  const dueAt = performance.now() + 2 ** 31 + 1_000;
  const { timer, found, looks } = watch([dueAt]);
  timer.lookBy(dueAt);
  time.tick(10_000);
  assert(looks() <= 1, `it looked ${looks()} times within ten seconds`);
  time.tick(2 ** 31);
  assertEquals(found, [dueAt]);
});

Deno.test({
  name: "DeadlineTimer does not keep the process alive",
  permissions: { run: [Deno.execPath()], read: true },
  async fn() {
    const module = new URL("../../src/base/deadline_timer.ts", import.meta.url).href;
    const program = `import { DeadlineTimer, startDeadline } from ${JSON.stringify(module)};
      new DeadlineTimer(() => Infinity).lookBy(performance.now() + 600_000);`;
    const command = new Deno.Command(Deno.execPath(), {
      args: ["eval", program],
      signal: AbortSignal.timeout(60_000),
    });
    const { code } = await command.output();
    assertEquals(code, 0);
  },
});

unit("DeadlineTimer that comes late gives everybody a turn before it looks", () => {
  using time = new FakeTime();
  const dueAt = performance.now() + 50;
  const deadlines = [dueAt];
  const { timer, found, looks } = watch(deadlines);
  timer.lookBy(dueAt);
  time.standStill(10_000);
  time.tick(0); // the timer comes now, before what has come meanwhile is read
  assertEquals([found, looks()], [[], 0]);
  deadlines[0] = performance.now() + 50; // it is read
  time.tick(49);
  assertEquals(found, []);
});

unit("DeadlineTimer that comes late looks after one turn, even if that is late, too", () => {
  using time = new FakeTime();
  const dueAt = performance.now() + 50;
  const { timer, found } = watch([dueAt]);
  timer.lookBy(dueAt);
  time.standStill(10_000);
  time.tick(0);
  time.standStill(10_000);
  time.tick(0);
  assertEquals(found, [dueAt]);
});

unit("DeadlineTimer acts only when everything has been read that had come, as of the time when it looked", () => {
  using time = new FakeTime();
  const start = performance.now();
  const asked: [now: number, sure: boolean][] = [];
  const timer = new DeadlineTimer((now, sure) => {
    asked.push([now - start, sure]);
    return sure ? Infinity : now;
  });
  timer.lookBy(start + 50);
  time.tick(60);
  assertEquals([asked, timer.armed], [[[50, false], [50, true]], false]);
});

unit("DeadlineTimer lets off whom the reading has shown to be in time", () => {
  using time = new FakeTime();
  const start = performance.now();
  let dueAt = start + 50;
  const acted: number[] = [];
  const timer = new DeadlineTimer((now, sure) => {
    if (dueAt > now) return dueAt;
    if (!sure) {
      dueAt = Math.max(dueAt, start + 80); // what lies in the kernel is read now
      return now;
    }
    acted.push(now - start);
    return Infinity;
  });
  timer.lookBy(dueAt);
  time.tick(200);
  assertEquals(acted, [80]);
});

unit("DeadlineTimer.clear() ends the wait for what has come", () => {
  using time = new FakeTime();
  const dueAt = performance.now() + 50;
  const timer = new DeadlineTimer((now, sure) => {
    assert(!sure, "it was cleared");
    setTimeout(() => timer.clear(), 0);
    return now;
  });
  timer.lookBy(dueAt);
  time.tick(100);
  assertEquals(timer.armed, false);
});

unit("startDeadline() reads what has come three times over, because a handshake is several steps", () => {
  using time = new FakeTime();
  let expired = 0;
  startDeadline(() => expired++, 50);
  time.tick(49);
  assertEquals([expired, time.armed], [0, 1]);
  time.tick(1);
  assertEquals([expired, time.armed, time.timers], [1, 1 + 3, 0]);
});

unit("startDeadline() can be cleared", () => {
  using time = new FakeTime();
  startDeadline(() => {
    throw new Error("it was cleared");
  }, 50).clear();
  time.tick(1_000);
  assertEquals(time.timers, 0);
});
