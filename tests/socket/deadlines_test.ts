import { assert, assertEquals, assertLess } from "@std/assert";
import { resolveDeadlines, type SocketDeadlines } from "../../src/socket/deadline_options.ts";
import { type ConnectionFacts, DeadlineWatch, type Debts, judge } from "../../src/socket/deadlines.ts";
import { FakeTime } from "../base/fake_time.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const OPEN: ConnectionFacts = {
  openedAt: 1_000,
  readAt: 1_000,
  wroteAt: 1_000,
  bytesRead: 0,
  bytesSent: 0,
  readEnded: false,
  writeEnded: false,
};
const NONE: Debts = {
  frameBegunAt: 0,
  bytesBeforeFrame: 0,
  owingSince: 0,
  bytesBeforeOwing: 0,
  refusingSince: 0,
  readingSince: 0,
};

function limitsOf(deadlines: SocketDeadlines) {
  const { watched } = resolveDeadlines(deadlines);
  if (watched === undefined) throw new Error("no deadline is on");
  return watched;
}

/** What is found at `now`: the reason, or the time of the next look. */
function verdict(deadlines: SocketDeadlines, facts: Partial<ConnectionFacts & Debts>, now: number): string | number {
  const found = judge({ ...OPEN, ...facts }, { ...NONE, ...facts }, limitsOf(deadlines), now);
  return typeof found === "number" ? found : found.reason;
}

const RATE = { rate: { bytesPerSecond: 100, graceMs: 500 } };

const TABLE: [
  says: string,
  deadlines: SocketDeadlines,
  facts: Partial<ConnectionFacts & Debts>,
  now: number,
  expected: string | number,
][] = [
  ["firstByteMs waits for the first byte", { firstByteMs: 100 }, {}, 1_099, 1_100],
  ["firstByteMs ends who sent none", { firstByteMs: 100 }, {}, 1_100, "deadline:firstByte"],
  ["firstByteMs is over with the first byte", { firstByteMs: 100 }, { bytesRead: 1 }, 9_999, Infinity],
  ["firstByteMs expects nothing behind a FIN", { firstByteMs: 100 }, { readEnded: true }, 9_999, Infinity],
  ["lifetimeMs counts from the start", { lifetimeMs: 100 }, { readAt: 1_099, wroteAt: 1_099 }, 1_099, 1_100],
  ["lifetimeMs ends the busiest", { lifetimeMs: 100 }, { readAt: 1_100, wroteAt: 1_100 }, 1_100, "deadline:lifetime"],
  ["idleMs counts from the last read", { idleMs: 100 }, { readAt: 1_050 }, 1_149, 1_150],
  ["idleMs counts from the last write", { idleMs: 100 }, { wroteAt: 1_050 }, 1_149, 1_150],
  ["idleMs ends the silent", { idleMs: 100 }, { readAt: 1_050, wroteAt: 1_020 }, 1_150, "deadline:idle"],
  ["idleMs counts while we refuse to read", { idleMs: 100 }, { refusingSince: 1_000 }, 1_100, "deadline:idle"],
  ["idleMs counts after both ends", { idleMs: 100 }, { readEnded: true, writeEnded: true }, 1_100, "deadline:idle"],
  ["idleReadMs is not helped by our writes", { idleReadMs: 100 }, { wroteAt: 1_099 }, 1_100, "deadline:idle"],
  ["idleReadMs counts from the last read", { idleReadMs: 100 }, { readAt: 1_050 }, 1_100, 1_150],
  ["idleReadMs stands still while we refuse", { idleReadMs: 100 }, { refusingSince: 1_000 }, 5_000, 5_100],
  ["idleReadMs counts from when we read again", { idleReadMs: 100 }, { readingSince: 4_950 }, 5_000, 5_050],
  ["idleReadMs expects nothing behind a FIN", { idleReadMs: 100 }, { readEnded: true }, 9_999, Infinity],
  ["idleWriteMs is not helped by what comes", { idleWriteMs: 100 }, { readAt: 1_099 }, 1_100, "deadline:idle"],
  ["idleWriteMs counts from the last write", { idleWriteMs: 100 }, { wroteAt: 1_050 }, 1_100, 1_150],
  ["idleWriteMs expects nothing behind our end", { idleWriteMs: 100 }, { writeEnded: true }, 9_999, Infinity],
  ["frameMs does not count between frames", { frameMs: 100 }, {}, 9_999, Infinity],
  ["frameMs counts from a frame's first byte", { frameMs: 100 }, { frameBegunAt: 1_050, readAt: 1_140 }, 1_149, 1_150],
  [
    "frameMs ends who goes on too long",
    { frameMs: 100 },
    { frameBegunAt: 1_050, readAt: 1_149 },
    1_150,
    "deadline:frame",
  ],
  [
    "frameMs stands still while we refuse",
    { frameMs: 100 },
    { frameBegunAt: 1_050, refusingSince: 1_070 },
    5_000,
    5_080,
  ],
  ["frameMs expects nothing behind a FIN", { frameMs: 100 }, { frameBegunAt: 1_050, readEnded: true }, 9_999, Infinity],
  ["rate leaves peers alone that owe nothing", RATE, { bytesRead: 5 }, 99_999, Infinity],
  ["rate gives graceMs for a frame", RATE, { frameBegunAt: 1_000, bytesRead: 5 }, 1_499, 1_500],
  ["rate ends who sends too little then", RATE, { frameBegunAt: 1_000, bytesRead: 5 }, 1_500, "deadline:rate"],
  ["rate counts the frame's bytes", RATE, { frameBegunAt: 1_000, bytesRead: 200 }, 1_500, 3_000],
  [
    "rate counts the frame's bytes only",
    RATE,
    {
      frameBegunAt: 1_000,
      bytesRead: 9_000,
      bytesBeforeFrame: 8_990,
    },
    1_500,
    "deadline:rate",
  ],
  ["rate stands still while we refuse", RATE, { frameBegunAt: 1_000, refusingSince: 1_100 }, 5_000, 5_400],
  ["rate gives graceMs to take what is owed", RATE, { owingSince: 1_000 }, 1_499, 1_500],
  ["rate ends who takes too little then", RATE, { owingSince: 1_000, bytesSent: 49 }, 1_500, "deadline:rate"],
  ["rate counts what was taken", RATE, { owingSince: 1_000, bytesSent: 100 }, 1_500, 2_000],
  [
    "rate counts what was taken of the debt",
    RATE,
    {
      owingSince: 1_000,
      bytesSent: 9_000,
      bytesBeforeOwing: 8_990,
    },
    1_500,
    "deadline:rate",
  ],
  ["rate demands reading while we refuse to", RATE, { owingSince: 1_000, refusingSince: 900 }, 1_500, "deadline:rate"],
  ["the earliest deadline is looked at next", { idleMs: 300, lifetimeMs: 200, firstByteMs: 250 }, {}, 1_000, 1_200],
];

for (const [says, deadlines, facts, now, expected] of TABLE) {
  unit(`judge(): ${says}`, () => assertEquals(verdict(deadlines, facts, now), expected));
}

const MESSAGES: [deadlines: SocketDeadlines, facts: Partial<ConnectionFacts & Debts>, message: string][] = [
  [{ firstByteMs: 5 }, {}, "The peer sent no byte within 5 ms (deadlines.firstByteMs)"],
  [{ idleMs: 5 }, {}, "No byte came or went for 5 ms (deadlines.idleMs)"],
  [{ idleReadMs: 5 }, {}, "The peer sent no byte for 5 ms (deadlines.idleReadMs)"],
  [{ idleWriteMs: 5 }, {}, "No byte was sent for 5 ms (deadlines.idleWriteMs)"],
  [{ frameMs: 5 }, { frameBegunAt: 1 }, "The peer did not finish a frame within 5 ms (deadlines.frameMs)"],
  [{ lifetimeMs: 5 }, {}, "The connection was open for 5 ms (deadlines.lifetimeMs)"],
  [
    RATE,
    { frameBegunAt: 1_000, bytesRead: 7 },
    "The peer sent 7 bytes of a frame within 1000 ms, less than 100 a second (deadlines.rate)",
  ],
  [
    RATE,
    { owingSince: 1_000, bytesSent: 7 },
    "The peer took 7 of the bytes written within 1000 ms, less than 100 a second (deadlines.rate)",
  ],
];
for (const [deadlines, facts, message] of MESSAGES) {
  unit(`judge() says: ${message}`, () => {
    const found = judge({ ...OPEN, ...facts }, { ...NONE, ...facts }, limitsOf(deadlines), 2_000);
    assertEquals(typeof found === "number" ? found : found.message, message);
  });
}

// ---- the watch ----

/** A connection whose numbers the test moves. */
class Watched implements ConnectionFacts {
  readonly openedAt = performance.now();
  readAt = this.openedAt;
  wroteAt = this.openedAt;
  bytesRead = 0;
  bytesSent = 0;
  readEnded = false;
  writeEnded = false;
  /** How it ended, and when, from the start. */
  ended: [reason: string, afterMs: number] | undefined;
  readonly watch: DeadlineWatch;

  constructor(deadlines: SocketDeadlines) {
    this.watch = new DeadlineWatch(this, limitsOf(deadlines));
  }

  destroy(_error: Error, reason: string): void {
    this.ended = [reason, performance.now() - this.openedAt];
    this.watch.clear();
  }

  read(bytes = 1): void {
    this.bytesRead += bytes;
    this.readAt = performance.now();
  }
}

const ALL: SocketDeadlines = {
  firstByteMs: 1_000,
  frameMs: 1_000,
  idleMs: 1_000,
  idleReadMs: 1_000,
  idleWriteMs: 100_000,
  lifetimeMs: 1_000_000,
  rate: { bytesPerSecond: 1, graceMs: 1_000 },
};

unit("DeadlineWatch ends a silent connection in time", () => {
  using time = new FakeTime();
  const one = new Watched({ idleReadMs: 100 });
  time.tick(99);
  assertEquals(one.ended, undefined);
  time.tick(1);
  assertEquals([one.ended, time.timers], [["deadline:idle", 100], 0]);
});

unit("DeadlineWatch uses one timer for all deadlines, armed once a wait and not once a message", () => {
  using time = new FakeTime();
  const one = new Watched(ALL);
  for (let i = 0; i < 10_000; i++) {
    one.read();
    one.watch.decoded(i % 2, true);
    one.watch.owes(performance.now(), one.bytesSent);
    one.bytesSent++;
    one.wroteAt = performance.now();
    one.watch.paid();
    time.tick(1);
  }
  assertEquals([one.ended, time.timers], [undefined, 1]);
  assertLess(time.armed, 30);
  one.watch.clear();
  assertEquals(time.timers, 0);
});

unit("DeadlineWatch arms no timer while nothing is owed and no wait is under way", () => {
  using time = new FakeTime();
  const one = new Watched({ frameMs: 100, rate: { bytesPerSecond: 1, graceMs: 100 } });
  assertEquals(time.timers, 0);
  one.read(3);
  one.watch.decoded(3, false);
  assertEquals(time.timers, 1);
  one.watch.decoded(0, true);
  time.tick(100);
  assertEquals([one.ended, time.timers], [undefined, 0]);
});

unit("DeadlineWatch counts a frame from its first byte, however many chunks follow", () => {
  using time = new FakeTime();
  const one = new Watched({ frameMs: 100 });
  for (let i = 1; i < 20 && one.ended === undefined; i++) {
    one.read();
    one.watch.decoded(i, false);
    time.tick(10);
  }
  assertEquals(one.ended, ["deadline:frame", 100]);
});

unit("DeadlineWatch counts anew for the frame behind a whole one", () => {
  using time = new FakeTime();
  const one = new Watched({ frameMs: 100 });
  for (let i = 0; i < 20; i++) {
    one.read();
    one.watch.decoded(1, true);
    time.tick(90);
  }
  assertEquals(one.ended, undefined);
  time.tick(10);
  assertEquals(one.ended?.[0], "deadline:frame");
});

unit("DeadlineWatch lets a frame's time stand still while we refuse to read", () => {
  using time = new FakeTime();
  const one = new Watched({ frameMs: 100 });
  one.read();
  one.watch.decoded(1, false);
  time.tick(40);
  one.read();
  one.watch.refused();
  time.tick(1_000);
  one.watch.reads();
  time.tick(59);
  assertEquals(one.ended, undefined);
  time.tick(1);
  assertEquals(one.ended, ["deadline:frame", 1_100]);
});

unit("DeadlineWatch gives a peer its whole idleReadMs after we refused to read", () => {
  using time = new FakeTime();
  const one = new Watched({ idleReadMs: 100 });
  one.watch.refused();
  time.tick(990);
  one.watch.reads();
  time.tick(99);
  assertEquals(one.ended, undefined);
  time.tick(1);
  assertEquals(one.ended, ["deadline:idle", 1_090]);
});

unit("DeadlineWatch measures how fast written bytes are taken, from when they began to wait", () => {
  using time = new FakeTime();
  const one = new Watched({ rate: { bytesPerSecond: 100, graceMs: 500 } });
  time.tick(10_000);
  one.watch.owes(performance.now(), one.bytesSent);
  one.bytesSent += 100;
  time.tick(999);
  assertEquals(one.ended, undefined);
  time.tick(1);
  assertEquals(one.ended, ["deadline:rate", 11_000]);
});

unit("DeadlineWatch does not blame for what has been taken", () => {
  using time = new FakeTime();
  const one = new Watched({ rate: { bytesPerSecond: 1_000_000, graceMs: 100 } });
  one.watch.owes(performance.now(), 0);
  time.tick(99);
  one.watch.paid();
  time.tick(10_000);
  assertEquals([one.ended, time.timers], [undefined, 0]);
});

unit("DeadlineWatch.clear() leaves no timer behind", () => {
  using time = new FakeTime();
  const one = new Watched(ALL);
  assert(time.timers === 1);
  one.watch.clear();
  assertEquals(time.timers, 0);
});
