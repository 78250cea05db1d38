import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { load, ReadProof } from "../../src/base/read_proof.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** An event loop that turns by hand. `using` puts back what is known of the process. */
class Loop implements Disposable {
  turns = 0;
  at = 0;
  timers = new Set<{ dueAt: number; callback: () => void }>();
  readonly proof: ReadProof;
  #next: (() => void) | undefined;
  readonly #before = { ...load };

  constructor(sockets = 0) {
    load.sockets = sockets;
    this.proof = new ReadProof({
      now: () => this.at,
      nextTurn: (callback) => this.#next = callback,
      keepAwake: () => ({ stop() {} }),
      start: (callback, delayMs) => {
        const timer = { dueAt: this.at + delayMs, callback };
        this.timers.add(timer);
        return { stop: () => this.timers.delete(timer) };
      },
    });
  }

  /** Turns until nobody waits for a turn any more; `during` may move what it likes in each. */
  run(during: () => void = () => {}): number {
    const before = this.turns;
    while (this.#next !== undefined) {
      const next = this.#next;
      this.#next = undefined;
      this.turns++;
      during();
      next();
    }
    return this.turns - before;
  }

  tick(ms: number): void {
    this.at += ms;
    for (const timer of this.timers) {
      if (timer.dueAt > this.at) continue;
      this.timers.delete(timer);
      timer.callback();
    }
  }

  [Symbol.dispose](): void {
    Object.assign(load, this.#before);
  }
}

unit("ReadProof lets the turns pass in which the runtime asks the kernel, and serves all who asked before", () => {
  using loop = new Loop();
  const served: string[] = [];
  loop.proof.after(() => served.push("one"));
  loop.proof.after(() => served.push("other"));
  assertEquals(served, []);
  assertGreater(loop.run(), 61);
  assertEquals(served, ["one", "other"]);
});

unit("ReadProof has whoever asks meanwhile wait for the next one, which comes after a rest", () => {
  using loop = new Loop();
  const served: string[] = [];
  loop.proof.after(() => {
    served.push("first");
    loop.proof.after(() => served.push("third"));
  });
  loop.run(() => {
    if (loop.turns === 2) loop.proof.after(() => served.push("second"));
  });
  assertEquals([served, loop.timers.size], [["first"], 1]);
  loop.tick(50);
  assertGreater(loop.run(), 61);
  assertEquals([served, loop.timers.size], [["first", "second", "third"], 0]);
  loop.tick(50);
  loop.proof.after(() => served.push("fourth"));
  assertEquals(loop.timers.size, 0, "nobody has to rest who did nothing");
  loop.run();
  assertEquals(served.at(-1), "fourth");
});

unit("ReadProof leaves nothing behind when it is called off", () => {
  using loop = new Loop();
  const never = () => {
    throw new Error("it was called off");
  };
  const one = loop.proof.after(never);
  const other = loop.proof.after(never);
  one.stop();
  other.stop();
  assertLess(loop.run(), 3);
  loop.tick(50);
  loop.proof.after(() => {});
  loop.run();
  loop.proof.after(never).stop(); // in the rest
  assertEquals(loop.timers.size, 0);
  loop.tick(50);
  assertEquals(loop.run(), 0);
});

unit("ReadProof goes on while many are read, none of them twice", () => {
  using loop = new Loop(300);
  let unread = 300;
  let served = false;
  loop.proof.after(() => served = true);
  const turns = loop.run(() => {
    assert(!served);
    if (loop.turns % 61 !== 0) return;
    if (loop.turns > 61) assert(load.gate !== undefined, "who has been read waits");
    load.transfers += Math.min(unread, 128);
    unread -= Math.min(unread, 128);
  });
  assertEquals([unread, served], [0, true]);
  assertGreater(turns, 3 * 61);
  assertEquals(load.gate, undefined);
});

Deno.test("ReadProof waits until those who wait for their turn have gone on, and serves nobody who asks meanwhile", async () => {
  using loop = new Loop();
  const went = Promise.withResolvers<void>();
  load.passing = () => went.promise;
  const served: string[] = [];
  loop.proof.after(() => served.push("before"));
  loop.run();
  loop.proof.after(() => served.push("meanwhile"));
  assertEquals([served, loop.run()], [[], 0]);
  load.passing = undefined;
  went.resolve();
  await null;
  assertGreater(loop.run(), 61);
  assertEquals(served, ["before"]);
  loop.tick(loop.at + 50);
  loop.run();
  assertEquals(served, ["before", "meanwhile"]);
});

unit("ReadProof rests for as long as the proof before took", () => {
  using loop = new Loop();
  let served = 0;
  loop.proof.after(() => {
    served++;
    loop.proof.after(() => served++);
  });
  loop.run(() => loop.at += 10);
  loop.tick(loop.at - 10);
  assertEquals([served, loop.run()], [1, 0]);
  loop.tick(20);
  loop.run();
  assertEquals(served, 2);
});

unit("ReadProof ends in a process that never comes to rest", () => {
  using loop = new Loop(1_000);
  let served = false;
  loop.proof.after(() => served = true);
  loop.run(() => load.transfers += 200);
  assertEquals(served, true);
});

unit("ReadProof serves the others when one throws", () => {
  using loop = new Loop();
  const served: number[] = [];
  for (const number of [1, 2, 3]) {
    loop.proof.after(() => {
      if (number === 2) throw new Error("two");
      served.push(number);
    });
  }
  const errors: unknown[] = [];
  for (let again = true; again;) {
    again = false;
    try {
      loop.run();
    } catch (error) {
      errors.push(error);
      again = true;
    }
  }
  assertEquals([served, errors.length], [[1, 3], 1]);
});

Deno.test("the gate opens for whoever waits at it", async () => {
  using loop = new Loop(10);
  let passed = false;
  loop.proof.after(() => {});
  loop.run(() => {
    if (loop.turns === 2) load.transfers += 64;
    if (loop.turns === 3) void load.gate?.then(() => passed = true);
  });
  await null;
  assertEquals(passed, true);
});
