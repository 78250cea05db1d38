import { assertEquals } from "@std/assert";
import { CLOSE_REASONS } from "../../src/telemetry/close_receipt.ts";
import { Counters } from "../../src/telemetry/metrics.ts";

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
