import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { LatencyHistogram } from "../../src/cli/latency_histogram.ts";
import { Random } from "../../src/testing/random.ts";

function unit(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function histogramOf(latencies: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const ms of latencies) histogram.record(ms);
  return histogram;
}

unit("LatencyHistogram has nothing to say of nothing", () => {
  const { count, meanMs, maxMs } = new LatencyHistogram();
  assertEquals([count, meanMs, maxMs, new LatencyHistogram().percentile(0.5)], [0, 0, 0, 0]);
});

unit("LatencyHistogram is exact up to a quarter of a millisecond, and for the largest", () => {
  const histogram = histogramOf([0.001, 0.002, 0.2, 12_345.678_9]);
  const shares = [0, 0.25, 0.26, 0.5, 0.75, 0.76, 1];
  assertEquals(shares.map((share) => histogram.percentile(share)), [
    0.001,
    0.001,
    0.002,
    0.002,
    0.2,
    12_345.678_9,
    12_345.678_9,
  ]);
  assertEquals([histogram.count, histogram.maxMs], [4, 12_345.678_9]);
});

unit("LatencyHistogram is at most 0.8 % above the true percentile, and never below it, at any size", () => {
  const random = new Random(7);
  const latencies = Array.from({ length: 5_000 }, () => Math.exp(random.below(18_000) / 1_000) / 1_000);
  const histogram = histogramOf(latencies);
  const sorted = latencies.toSorted((a, b) => a - b);
  for (let i = 1; i <= 100; i++) {
    const truth = sorted[Math.ceil(i / 100 * sorted.length) - 1]!; // it is one of them
    const told = histogram.percentile(i / 100);
    assert(told >= truth - 0.000_5, `${told} is below ${truth}`);
    assertLessOrEqual(told, truth * 1.008 + 0.000_5);
  }
  assertEquals(histogram.meanMs, latencies.reduce((sum, ms) => sum + ms) / latencies.length);
});

unit("LatencyHistogram gives the powers of two and their neighbours back", () => {
  for (let exponent = 0; exponent < 42; exponent++) {
    for (const units of [2 ** exponent - 1, 2 ** exponent, 2 ** exponent + 1]) {
      const histogram = histogramOf([units / 1_000, 2 ** 50]);
      const told = histogram.percentile(0.5) * 1_000;
      assert(told >= units * (1 - 1e-9) && told <= units * 1.008, `${units} came back as ${told}`);
    }
  }
});
