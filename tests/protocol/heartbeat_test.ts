import { assert, assertEquals, assertLess, assertLessOrEqual, assertThrows } from "@std/assert";
import { Heartbeat, type HeartbeatOptions, type HeartbeatPort } from "../../mod.ts";
import { FakeTime } from "../base/fake_time.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Writes down what a heartbeat does and when, in milliseconds from the start. */
class Watched implements HeartbeatPort {
  readonly pings: number[] = [];
  readonly losses: number[] = [];
  readonly heartbeat: Heartbeat;
  /** Called at each ping. */
  answer: () => void = () => {};
  readonly #startedAt = performance.now();

  constructor(options: HeartbeatOptions, random = () => 0) {
    this.heartbeat = new Heartbeat(this, options, random);
    this.heartbeat.start();
  }

  ping(): void {
    this.pings.push(performance.now() - this.#startedAt);
    this.answer();
  }

  lost(): void {
    this.losses.push(performance.now() - this.#startedAt);
  }
}

unit("Heartbeat pings once an interval, and is content with a peer that answers", () => {
  using time = new FakeTime();
  const peer = new Watched({ intervalMs: 100 });
  peer.answer = () => peer.heartbeat.pong();
  time.tick(1_000);
  assertEquals(peer.pings, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
  assertEquals([peer.losses, time.timers, peer.heartbeat.running], [[], 1, true]);
  peer.heartbeat.stop();
});

for (const misses of [1, 2, 5]) {
  for (const lastWordMs of [1, 50, 99]) {
    unit(
      `Heartbeat notices in time a peer that falls silent ${lastWordMs} ms into an interval (misses ${misses})`,
      () => {
        using time = new FakeTime();
        const peer = new Watched({ intervalMs: 100, misses });
        time.tick(lastWordMs);
        peer.heartbeat.heard();
        time.tick(100_000);
        const [lostAt = Infinity, ...more] = peer.losses;
        assertEquals(more, []);
        assertLessOrEqual(lostAt - lastWordMs, 100 * (misses + 1));
        assertEquals(peer.pings.length, misses, "each missed interval began with a ping");
        assertEquals([time.timers, peer.heartbeat.running], [0, false]);
      },
    );
  }

  unit(`Heartbeat never ends a peer that says a word each interval (misses ${misses})`, () => {
    using time = new FakeTime();
    const peer = new Watched({ intervalMs: 100, misses });
    for (let i = 0; i < 50; i++) {
      const lateMs = i % 2 === 0 ? 1 : 99; // now early in an interval, now late: 198 ms of silence
      time.tick(lateMs);
      peer.heartbeat.heard();
      time.tick(100 - lateMs);
    }
    assertEquals([peer.losses, peer.pings.length], [[], 50]);
    peer.heartbeat.stop();
  });
}

unit("Heartbeat tells the round-trip time of the last ping that was answered", () => {
  using time = new FakeTime();
  const peer = new Watched({ intervalMs: 100, misses: 10 });
  assertEquals(peer.heartbeat.roundTripMs, undefined);
  time.tick(130);
  peer.heartbeat.pong();
  assertEquals(peer.heartbeat.roundTripMs, 30);
  time.tick(270); // pings at 200, 300, 400
  peer.heartbeat.pong();
  peer.heartbeat.pong();
  assertEquals(peer.heartbeat.roundTripMs, 30, "these answer earlier pings");
  time.tick(7);
  peer.heartbeat.pong();
  assertEquals(peer.heartbeat.roundTripMs, 7);
  peer.heartbeat.pong(); // nobody asked
  assertEquals(peer.heartbeat.roundTripMs, 7);
  peer.heartbeat.stop();
});

unit("Heartbeat beats a little sooner by chance, never later", () => {
  using time = new FakeTime();
  const chances = [0, 0.5, 1];
  const peer = new Watched({ intervalMs: 100, jitter: 0.5 }, () => chances.shift() ?? 0);
  peer.answer = () => peer.heartbeat.heard();
  time.tick(325);
  assertEquals(peer.pings, [100, 175, 225, 325]);
  peer.heartbeat.stop();
});

unit("Heartbeat asks a port that counts by itself", () => {
  using time = new FakeTime();
  let alive = true;
  let losses = 0;
  const heartbeat = new Heartbeat({ ping: () => {}, lost: () => losses++, heard: () => alive }, { intervalMs: 100 });
  heartbeat.start();
  time.tick(1_000);
  assertEquals(losses, 0);
  alive = false;
  time.tick(300);
  assertEquals(losses, 1);
});

unit("Heartbeat costs one timer, armed once an interval, however much is heard", () => {
  using time = new FakeTime();
  const peer = new Watched({ intervalMs: 1_000 });
  for (let i = 0; i < 10_000; i++) {
    peer.heartbeat.heard();
    time.tick(1);
  }
  assertEquals([time.timers, peer.losses], [1, []]);
  assertLess(time.armed, 15);
  peer.heartbeat.stop();
  assertEquals(time.timers, 0);
});

unit("Heartbeat may be stopped by what it does, and started again", () => {
  using time = new FakeTime();
  const peer = new Watched({ intervalMs: 100 });
  peer.answer = () => peer.heartbeat.stop();
  time.tick(1_000);
  assertEquals([peer.pings, peer.heartbeat.running, time.timers], [[100], false, 0]);
  peer.heartbeat.start().start();
  time.tick(100);
  assertEquals(peer.pings, [100, 1_100]);
});

const BAD: [options: unknown, message: string][] = [
  [{ intervalMs: 0 }, 'Option "intervalMs" must be 1 millisecond or more; it is 0'],
  [{ intervalMs: "1s" }, 'Option "intervalMs" must be a number of milliseconds; it is "1s"'],
  [{ misses: 0 }, 'Option "misses" must be an integer from 1 to 1000; it is 0'],
  [{ jitter: 0.6 }, 'Option "jitter" must be from 0 to 0.5; it is 0.6'],
  [{ jitter: true }, 'Option "jitter" must be a number from 0 to 0.5; it is true'],
  [{ every: 5 }, 'Option "every" is unknown; "options" takes intervalMs, misses, jitter'],
];
for (const [options, message] of BAD) {
  unit(`new Heartbeat() says: ${message}`, () => {
    const port: HeartbeatPort = { ping: () => {}, lost: () => {} };
    const error = assertThrows(() => Reflect.construct(Heartbeat, [port, options]), Error);
    assertEquals(error.message, message);
    assert(error instanceof TypeError || error instanceof RangeError);
  });
}
