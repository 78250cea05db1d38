import { assertEquals } from "@std/assert";
import { CLOSE_REASONS } from "../../src/telemetry/close_receipt.ts";
import { Histogram } from "../../src/telemetry/histogram.ts";
import { addMetrics, Counters, type ServerMetrics } from "../../src/telemetry/metrics.ts";
import { createServer } from "../../mod.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const receipt = { bytesRead: 10, bytesWritten: 20, unsentBytes: 5 };

unit("Counters start with a zero for every reason", () => {
  const counters = new Counters(CLOSE_REASONS);
  assertEquals(Object.keys(counters.closed), [...CLOSE_REASONS]);
  assertEquals(new Set(Object.values(counters.closed)), new Set([0]));
  const { accepted, acceptErrors, bytesRead, bytesWritten } = counters;
  assertEquals([accepted, acceptErrors, bytesRead, bytesWritten], [0, 0, 0, 0]);
});

unit("Counters.count() adds up reasons and the bytes that moved", () => {
  const counters = new Counters(CLOSE_REASONS);
  counters.count({ reason: "peer", ...receipt });
  counters.count({ reason: "peer", ...receipt });
  counters.count({ reason: "deadline:flush", ...receipt, error: new Error("stalled") });
  assertEquals([counters.closed.peer, counters.closed["deadline:flush"], counters.closed.local], [2, 1, 0]);
  assertEquals([counters.bytesRead, counters.bytesWritten], [30, 60]);
});

unit("Counters.closed is a copy of its own", () => {
  const counters = new Counters(CLOSE_REASONS);
  const before = counters.closed;
  before.peer = 100;
  counters.count({ reason: "peer", ...receipt });
  assertEquals([before.peer, counters.closed.peer], [100, 1]);
});

unit("Histogram sorts a time into the bucket whose bound it does not pass", () => {
  const histogram = new Histogram([1, 10]);
  for (const ms of [0, 1, 1.5, 10, 11, 1_000_000]) histogram.add(ms);
  const { count, sumMs, buckets } = histogram.snapshot();
  assertEquals([count, sumMs, buckets], [6, 1_000_023.5, { 1: 2, 10: 2, Infinity: 2 }]);
});

unit("addMetrics() sums every number, those of histograms too, and takes what was cloned between threads", () => {
  const metrics = createServer().metrics();
  const one: ServerMetrics = {
    ...metrics,
    open: 1,
    closed: { ...metrics.closed, peer: 2 },
    openMs: { count: 1, sumMs: 5, buckets: { ...metrics.openMs.buckets, 10: 1 } },
  };
  const sum = addMetrics(structuredClone(one), one);
  assertEquals([sum.open, sum.closed.peer, sum.closed.local], [2, 4, 0]);
  assertEquals([sum.openMs.count, sum.openMs.sumMs, sum.openMs.buckets[10]], [2, 10, 2]);
  assertEquals(structuredClone(one), one);
  assertEquals(Object.keys(sum), Object.keys(metrics));
});
